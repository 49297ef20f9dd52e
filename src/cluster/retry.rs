//! How long to wait before trying again.

use std::time::Duration;

use super::config::Backoff;

impl Backoff {
    /// The wait after `failures` failures in a row (from 1): it doubles from `first` up to `max`,
    /// and one random byte moves it by up to 20 % either way, so that clients that failed
    /// together do not come back together.
    pub(crate) fn delay(self, failures: u32, random: u8) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let delay = self.first.saturating_mul(1 << doublings).min(self.max);
        delay / 1000 * (800 + u32::from(random) * 400 / 255)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { first: Duration::from_millis(50), max: Duration::from_secs(1) };

    #[test]
    fn waits_double_up_to_the_longest() {
        let waits = |failures| BACKOFF.delay(failures, 0).as_millis();
        assert_eq!([1, 2, 3, 5, 6, 7, u32::MAX].map(waits), [40, 80, 160, 640, 800, 800, 800]);
    }

    #[test]
    fn one_random_byte_spreads_a_wait_by_a_fifth_either_way() {
        assert_eq!(BACKOFF.delay(9, 0), Duration::from_millis(800));
        assert_eq!(BACKOFF.delay(9, 255), Duration::from_millis(1_200));
    }
}
