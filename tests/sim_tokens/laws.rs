//! What is noted while a life runs: its trace, and what broke a law.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// What is held here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Law {
    /// No read or write fails for want of a token.
    Tokens,
    /// Every call ends.
    Ending,
    /// No storms.
    Storms,
    /// A part that fails takes nobody with it.
    Parts,
    /// At most two tokens live, one after the grace, and none is forgotten.
    Bounded,
    /// An error keeps its cause.
    Causes,
    /// What is told of a token is true.
    Gauges,
}

/// What broke a law.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) law: Law,
    pub(crate) text: String,
}

/// The record of one life. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Notes {
    inner: Arc<Mutex<Inner>>,
    broke: Arc<Notify>,
}

#[derive(Debug)]
struct Inner {
    began: Instant,
    trace: String,
    violation: Option<Violation>,
}

#[expect(clippy::disallowed_methods, reason = "the one reader of a life's clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

impl Notes {
    pub(crate) fn new() -> Self {
        let inner = Inner { began: now(), trace: String::new(), violation: None };
        Self { inner: Arc::new(Mutex::new(inner)), broke: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much of the life has passed.
    pub(crate) fn passed(&self) -> Duration {
        now() - self.lock().began
    }

    pub(crate) fn trace(&self, what: &str) {
        let passed = self.passed().as_millis();
        let line = format!("{:>8}.{:03} {what}\n", passed / 1000, passed % 1000);
        self.lock().trace.push_str(&line);
    }

    /// Something broke a law. The first tells.
    pub(crate) fn broken(&self, law: Law, text: &str) {
        self.trace(&format!("BROKEN {law:?}: {text}"));
        let text = format!("{text} (at {} s)", self.passed().as_secs());
        self.lock().violation.get_or_insert(Violation { law, text });
        self.broke.notify_one();
    }

    /// Waits until a law is broken.
    pub(crate) async fn breaks(&self) {
        self.broke.notified().await;
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.lock().violation.is_some()
    }

    pub(crate) fn take(&self) -> (Option<Violation>, String) {
        let mut inner = self.lock();
        (inner.violation.take(), std::mem::take(&mut inner.trace))
    }

    /// Awaits a call that has to end within a limit (law 2).
    pub(crate) async fn limited<T>(&self, what: &str, limit: Duration, call: impl Future<Output = T>) -> T {
        let began = now();
        let outcome = call.await;
        let took = now() - began;
        if took > limit {
            self.broken(Law::Ending, &format!("{what} took {took:?} of {limit:?}"));
        }
        outcome
    }
}
