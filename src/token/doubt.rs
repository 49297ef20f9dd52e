//! How long there may be tokens of one's own that nobody has found yet.

use std::time::{Duration, Instant};

/// Between two looks; it doubles.
const FIRST: Duration = Duration::from_secs(1);
/// A broker that has not learned of a token for so long is not waited for.
const LONGEST: Duration = Duration::from_secs(120);
/// Between two looks while nobody answers.
const AWAY: Duration = Duration::from_secs(60);

/// Why there may be a token of one's own that is not known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// A broker did not list one that an earlier run had.
    Unlisted,
    /// An earlier run asked for one, and ended before the answer came.
    EarlierRun,
    /// The answer to a request to make one was lost.
    Unheard,
}

/// There may be a token of one's own that is not known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Doubt {
    pub(super) since: Instant,
    pub(super) cause: Cause,
    /// A look after this is the last one.
    until: Instant,
    next: Instant,
    pause: Duration,
}

impl Doubt {
    pub(super) fn new(now: Instant, cause: Cause) -> Self {
        Self { since: now, cause, until: now + LONGEST, next: now + FIRST, pause: FIRST }
    }

    /// Whether a token may have been made of which nobody heard.
    pub(super) fn is_unheard(&self) -> bool {
        self.cause != Cause::Unlisted
    }

    /// When to look next.
    pub(super) fn due(&self) -> Instant {
        self.next
    }

    /// A broker told what it knows; tells what doubt is left.
    pub(super) fn on_looked(self, now: Instant) -> Option<Self> {
        let pause = self.pause * 2;
        (now < self.until).then_some(Self { next: now + pause, pause, ..self })
    }

    /// Nobody told. Brokers that were away may have to learn of a token yet once they are back.
    pub(super) fn on_failed(self, now: Instant) -> Self {
        let pause = (self.pause * 2).min(AWAY);
        Self { until: now + LONGEST, next: now + pause, pause, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_looks_for_two_minutes_ever_more_slowly() {
        let start = crate::time::now();
        let (mut doubt, mut looks) = (Some(Doubt::new(start, Cause::Unheard)), Vec::new());
        while let Some(open) = doubt {
            looks.push((open.due() - start).as_secs());
            doubt = open.on_looked(open.due());
        }
        assert_eq!(looks, [1, 3, 7, 15, 31, 63, 127]);
    }

    #[test]
    fn looks_that_nobody_answers_end_no_doubt() {
        let start = crate::time::now();
        let (mut doubt, mut looks) = (Doubt::new(start, Cause::Unlisted), Vec::new());
        for _ in 0..9 {
            looks.push((doubt.due() - start).as_secs());
            doubt = doubt.on_failed(doubt.due());
        }
        assert_eq!(looks, [1, 3, 7, 15, 31, 63, 123, 183, 243]);
        let mut answered = 0;
        while let Some(open) = doubt.on_looked(doubt.due()) {
            (doubt, answered) = (open, answered + 1);
        }
        assert_eq!((answered, doubt.due() - start), (1, Duration::from_secs(243 + 60 + 120)));
    }
}
