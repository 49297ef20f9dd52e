//! What is noted while a world runs: its trace, what broke a law, and when an error is excused.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::event::Event;
use super::schedule::Plan;

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

/// What goes wrong may find a call under way.
const UNDER_WAY: Duration = Duration::from_secs(1);

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
    /// The part of it in which brokers want to be left alone.
    mutes: Vec<(Duration, Duration)>,
    /// The rest of it.
    outages: Vec<(Duration, Duration)>,
    /// How long a client may need to see that it is over.
    noticing: Duration,
}

/// When events of some kind hurt.
fn spans(plan: &Plan, counts: impl Fn(&Event) -> bool) -> Vec<(Duration, Duration)> {
    let hurts = plan.events.iter().filter(|event| counts(event));
    joined(hurts.map(|event| (event.at, event.at + event.hurts(plan))).collect())
}

/// What touches becomes one.
fn joined(mut hurts: Vec<(Duration, Duration)>) -> Vec<(Duration, Duration)> {
    hurts.retain(|(from, until)| from < until);
    hurts.sort_unstable();
    let mut spans: Vec<(Duration, Duration)> = Vec::new();
    for (from, until) in hurts {
        match spans.last_mut() {
            Some(last) if last.1 >= from => last.1 = last.1.max(until),
            _ => spans.push((from, until)),
        }
    }
    spans
}

/// Whether one of these lasted for `limit` before, and what began at `since` fails by now because of it.
fn lasted(
    spans: &[(Duration, Duration)],
    (since, passed): (Duration, Duration),
    limit: Duration,
    noticing: Duration,
) -> bool {
    let limit = limit.saturating_sub(UNDER_WAY);
    spans.iter().any(|(from, until)| {
        *until - *from >= limit && passed >= *from + limit && passed <= *until + noticing && since <= *until
    })
}

#[expect(clippy::disallowed_methods, reason = "the one reader of a world's clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

impl Notes {
    pub(crate) fn new(plan: &Plan) -> Self {
        let troubles = spans(plan, |_| true);
        let mutes = spans(plan, Event::mutes);
        let outages = spans(plan, |event| !event.mutes());
        let inner = Inner {
            began: now(),
            trace: String::new(),
            violation: None,
            troubles,
            mutes,
            outages,
            noticing: plan.noticing(),
        };
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
        let inner = self.lock();
        lasted(&inner.troubles, (since, passed), limit, inner.noticing)
    }

    /// Whether a call may ever have failed for it, be it told late.
    pub(crate) fn was_excused(&self, limit: Duration) -> bool {
        let passed = self.passed();
        lasted(&self.lock().troubles, (Duration::ZERO, passed), limit, passed)
    }

    /// As [`is_excused`](Self::is_excused), for who waits as long as brokers want to be left alone.
    pub(crate) fn is_excused_for_outages(&self, since: Duration, limit: Duration) -> bool {
        let passed = self.passed();
        let inner = self.lock();
        lasted(&inner.outages, (since, passed), limit, inner.noticing)
    }

    /// Whether anything was wrong since then.
    pub(crate) fn is_troubled(&self, since: Duration) -> bool {
        let passed = self.passed();
        self.lock().troubles.iter().any(|(from, until)| *from <= passed && since <= *until)
    }

    /// Something is wrong until then that the plan did not know of.
    pub(crate) fn adds_trouble(&self, until: Duration) {
        let passed = self.passed();
        let mut inner = self.lock();
        let Inner { troubles, outages, .. } = &mut *inner;
        for spans in [troubles, outages] {
            spans.push((passed, until));
            *spans = joined(std::mem::take(spans));
        }
    }

    /// For how long nothing was wrong since then, without a pause.
    pub(crate) fn quiet(&self, since: Duration) -> Duration {
        let passed = self.passed();
        let inner = self.lock();
        let (mut at, mut longest) = (since, Duration::ZERO);
        for (from, until) in &inner.troubles {
            longest = longest.max(from.min(&passed).saturating_sub(at));
            at = at.max(*until);
        }
        longest.max(passed.saturating_sub(at))
    }

    /// How long it takes from now until nothing was wrong for so long, without a pause.
    pub(crate) fn until_quiet(&self, quiet: Duration) -> Duration {
        let passed = self.passed();
        let mut at = passed;
        for (from, until) in &self.lock().troubles {
            if *from >= at + quiet {
                break;
            }
            at = at.max(*until);
        }
        at + quiet - passed
    }

    /// How long a call that begins now may take that has `limit` beside the time in which brokers want to be
    /// left alone.
    pub(crate) fn limit(&self, limit: Duration) -> Duration {
        let began = self.passed();
        let (mut at, mut left) = (began, limit);
        for &(from, until) in &self.lock().mutes {
            let quiet = from.saturating_sub(at);
            if until <= at {
                continue;
            }
            if quiet >= left {
                break;
            }
            (at, left) = (until, left - quiet);
        }
        at + left - began
    }
}
