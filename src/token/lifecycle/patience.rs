//! When to try again.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(300);
/// Between two tries when next to nothing is left.
const SHORTEST: Duration = Duration::from_secs(1);

/// Waits after failures: 10 s, twice as long after each further one up to 5 min, each varied by up
/// to a half either way, and never more than a third of what is left.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Patience {
    failures: u32,
    until: Option<Instant>,
}

impl Patience {
    pub(crate) fn on_success(&mut self) {
        *self = Self::default();
    }

    /// One random byte spreads the wait, so that those who failed together do not come together.
    pub(crate) fn on_failure(&mut self, now: Instant, left: Option<Duration>, random: u8) {
        let doublings = self.failures.min(8);
        self.failures = self.failures.saturating_add(1);
        let wait = FIRST.saturating_mul(1 << doublings).min(LONGEST);
        let wait = wait / 1000 * (500 + u32::from(random) * 1000 / 255);
        let most = match left {
            None => LONGEST,
            // Users wait already: no wait doubles any more.
            Some(Duration::ZERO) => FIRST,
            Some(left) => (left / 3).max(SHORTEST),
        };
        self.until = Some(now + wait.min(most));
    }

    pub(crate) fn until(&self) -> Option<Instant> {
        self.until
    }

    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(left: Option<Duration>, random: u8) -> Vec<u64> {
        let (now, mut patience) = (crate::time::now(), Patience::default());
        let next = |patience: &mut Patience| {
            patience.on_failure(now, left, random);
            patience.until().map_or(0, |until| (until - now).as_secs())
        };
        (0..7).map(|_| next(&mut patience)).collect()
    }

    #[test]
    fn waits_double_from_ten_seconds_to_five_minutes() {
        // The middle of the jitter is 128 / 255, not quite the half.
        assert_eq!(
            waits(None, 127).iter().map(|s| s.div_ceil(10) * 10).collect::<Vec<_>>(),
            [10, 20, 40, 80, 160, 300, 300]
        );
        assert_eq!(waits(None, 0), [5, 10, 20, 40, 80, 150, 150]);
        assert_eq!(waits(None, 255), [15, 30, 60, 120, 240, 300, 300]);
    }

    #[test]
    fn never_waits_longer_than_a_third_of_what_is_left() {
        assert_eq!(waits(Some(Duration::from_secs(60)), 0), [5, 10, 20, 20, 20, 20, 20]);
        assert_eq!(waits(Some(Duration::from_secs(2)), 0), [1; 7]);
        assert_eq!(waits(Some(Duration::ZERO), 255), [10; 7]);
    }

    #[test]
    fn a_success_begins_anew() {
        let (now, mut patience) = (crate::time::now(), Patience::default());
        patience.on_failure(now, None, 0);
        patience.on_success();
        assert_eq!((patience.until(), patience.failures()), (None, 0));
    }
}
