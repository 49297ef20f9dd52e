//! What is noted while a world runs: its trace, what broke a law, and when an error is excused.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::schedule::{CONNECT, Plan, REQUEST};

/// The laws of ARCHITECTURE.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Law {
    /// A reading is a function of the log.
    Reading,
    /// Every call ends.
    Ending,
    /// No storms.
    Storms,
    /// Receipts are true.
    Receipts,
    /// A part that fails takes nobody with it.
    Parts,
}

/// What broke a law.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) law: Law,
    pub(crate) text: String,
}

/// The record of one run. Clones share it.
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
    /// When something is wrong, from and until: sorted, and none touches another.
    troubles: Vec<(Duration, Duration)>,
}

#[expect(clippy::disallowed_methods, reason = "the one reader of a world's clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

impl Notes {
    pub(crate) fn new(plan: &Plan) -> Self {
        let mut hurts: Vec<(Duration, Duration)> = plan
            .events
            .iter()
            .map(|event| (event.at, event.at + event.hurts()))
            .filter(|(from, until)| from < until)
            .collect();
        hurts.sort_unstable();
        let mut troubles: Vec<(Duration, Duration)> = Vec::new();
        for (from, until) in hurts {
            match troubles.last_mut() {
                Some(last) if last.1 >= from => last.1 = last.1.max(until),
                _ => troubles.push((from, until)),
            }
        }
        let inner = Inner { began: now(), trace: String::new(), violation: None, troubles };
        Self { inner: Arc::new(Mutex::new(inner)), broke: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much of the world's time has passed.
    pub(crate) fn passed(&self) -> Duration {
        now() - self.lock().began
    }

    pub(crate) fn trace(&self, what: &str) {
        let passed = self.passed();
        let mut inner = self.lock();
        inner.trace.push_str(&format!("{:>8} {what}\n", passed.as_millis()));
    }

    /// Something broke a law. The first tells.
    pub(crate) fn broken(&self, law: Law, text: String) {
        self.trace(&format!("BROKEN {law:?}: {text}"));
        let passed = self.passed();
        let text = format!("{text} (at {} ms)", passed.as_millis());
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

    /// Whether it went wrong for so long without a pause that a call which began then may fail now: there
    /// was never a time to recover.
    pub(crate) fn is_excused(&self, since: Duration, limit: Duration) -> bool {
        let passed = self.passed();
        let noticed = REQUEST + CONNECT + Duration::from_secs(3);
        self.lock().troubles.iter().any(|(from, until)| {
            *until - *from >= limit
                && passed >= *from + limit
                && passed <= *until + noticed
                && since <= *until
        })
    }

    /// The longest trouble.
    pub(crate) fn longest_trouble(&self) -> Duration {
        self.lock().troubles.iter().map(|(from, until)| *until - *from).max().unwrap_or_default()
    }
}
