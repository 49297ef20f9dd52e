//! How long there may be tokens of one's own that nobody has found yet.

use std::time::{Duration, Instant};

/// Between two looks; it doubles.
const FIRST: Duration = Duration::from_secs(1);
/// A broker that has not learned of a token for so long is not waited for.
const LONGEST: Duration = Duration::from_secs(120);

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
    next: Instant,
    pause: Duration,
}

impl Doubt {
    pub(super) fn new(now: Instant, cause: Cause) -> Self {
        Self { since: now, cause, next: now + FIRST, pause: FIRST }
    }

    /// Whether a token may have been made of which nobody heard.
    pub(super) fn is_unheard(&self) -> bool {
        self.cause != Cause::Unlisted
    }

    /// When to look next.
    pub(super) fn due(&self) -> Instant {
        self.next
    }

    /// One has looked; tells what doubt is left.
    pub(super) fn on_looked(self, now: Instant) -> Option<Self> {
        let pause = self.pause * 2;
        (now < self.since + LONGEST).then_some(Self { next: now + pause, pause, ..self })
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
}
