//! How long something brought nothing, and when to say so.

use std::time::Duration;

/// After so long somebody is told.
const FIRST_WARNING: Duration = Duration::from_secs(5);

/// A time in which nothing came, on the clock of [`Asking`](super::asking::Asking). It is counted from
/// the first call of [`begin`](Self::begin) to [`end`](Self::end), but for its pauses.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trouble {
    /// How long it lasted before the last pause.
    before: Duration,
    /// Since when it goes on.
    since: Option<Duration>,
    warned: u32,
}

impl Trouble {
    /// Something is waited for from now on, if it was not before.
    pub(super) fn begin(&mut self, asked: Duration) {
        self.since.get_or_insert(asked);
    }

    /// Nobody asks for it until the next call of [`begin`](Self::begin): that time does not count.
    pub(super) fn pause(&mut self, asked: Duration) {
        (self.before, self.since) = (self.lasts(asked), None);
    }

    /// What went by until then, since the last pause, does not count.
    pub(super) fn excuse_until(&mut self, then: Duration) {
        self.since = self.since.map(|since| since.max(then));
    }

    /// It came. Says whether somebody was told that it did not.
    pub(super) fn end(&mut self) -> bool {
        std::mem::take(self).warned > 0
    }

    /// So much of the time does not count, of which it knows.
    pub(super) fn put_off(&mut self, passed: Duration) {
        self.since = self.since.map(|since| since.saturating_add(passed));
    }

    /// How long it has not come.
    pub(super) fn lasts(&self, asked: Duration) -> Duration {
        self.before + self.since.map_or(Duration::ZERO, |since| asked.saturating_sub(since))
    }

    /// Whether somebody is to be told now: after five seconds, then after twice as long each time.
    pub(super) fn warns(&mut self, asked: Duration) -> bool {
        let due = FIRST_WARNING.saturating_mul(1_u32.checked_shl(self.warned).unwrap_or(u32::MAX));
        let warns = self.since.is_some() && self.lasts(asked) >= due;
        self.warned += u32::from(warns);
        warns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_come_ever_more_seldom() {
        let mut trouble = Trouble::default();
        trouble.begin(Duration::from_secs(100));
        let warned: Vec<u64> =
            (0..200).filter(|second| trouble.warns(Duration::from_secs(100 + second))).collect();
        assert_eq!(warned, [5, 10, 20, 40, 80, 160]);
        assert!(trouble.end() && !trouble.end());
        assert!(!trouble.warns(Duration::from_secs(900)));
    }

    #[test]
    fn pauses_do_not_count() {
        let seconds = Duration::from_secs;
        let mut trouble = Trouble::default();
        trouble.begin(seconds(10));
        trouble.pause(seconds(14));
        trouble.pause(seconds(50));
        assert_eq!((trouble.lasts(seconds(99)), trouble.warns(seconds(99))), (seconds(4), false));
        trouble.begin(seconds(100));
        assert_eq!(trouble.lasts(seconds(103)), seconds(7));
        trouble.excuse_until(seconds(102));
        trouble.excuse_until(seconds(60));
        assert_eq!(trouble.lasts(seconds(103)), seconds(5));
        assert!(trouble.warns(seconds(103)) && trouble.end());
        assert_eq!(trouble.lasts(seconds(200)), Duration::ZERO);
    }
}
