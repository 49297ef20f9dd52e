//! How long to wait before trying again, and when to stop.

use std::time::{Duration, Instant};

use super::config::Backoff;

/// The longest wait between two attempts of one operation, where much time is left.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// The longest wait for one broker before another is tried beside it.
const STAGGER: Duration = Duration::from_secs(1);

/// When an operation has to be over, with all that it dials, asks and waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) ends: Instant,
    /// As it was configured.
    pub(crate) length: Duration,
}

impl Limit {
    pub(crate) fn new(now: Instant, length: Duration) -> Self {
        Self { ends: now + length, length }
    }

    pub(crate) fn left(&self, now: Instant) -> Duration {
        self.ends.saturating_duration_since(now)
    }

    /// How long one of so many brokers is waited for before the next is tried beside it: so that
    /// each has its turn while there is time.
    pub(crate) fn stagger(&self, now: Instant, brokers: usize) -> Duration {
        let turns = u32::try_from(brokers).unwrap_or(u32::MAX).saturating_add(1);
        STAGGER.min(self.left(now) / turns)
    }
}

impl Backoff {
    /// The wait between two attempts of one operation that has so much time left. It grows beyond
    /// the wait for one broker, since each attempt may ask several, but never past a third of the
    /// time: what heals late is found all the same.
    pub(crate) fn pause(self, failures: u32, random: u8, left: Duration) -> Duration {
        let max = LONGEST_PAUSE.min(left / 3).max(self.max);
        Self { max, ..self }.delay(failures, random)
    }

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
    fn an_operation_of_a_minute_makes_few_attempts_and_the_last_of_them_near_its_end() {
        let (mut left, mut attempts) = (Duration::from_secs(60), 1);
        loop {
            let pause = BACKOFF.pause(attempts, 128, left);
            if pause >= left {
                break;
            }
            left -= pause;
            attempts += 1;
        }
        assert!((15..=22).contains(&attempts), "{attempts}");
        assert!(left < Duration::from_secs(2), "{left:?}");
    }

    #[test]
    fn each_of_many_brokers_has_its_turn_within_the_limit() {
        let now = crate::time::now();
        let stagger = |seconds, brokers| Limit::new(now, Duration::from_secs(seconds)).stagger(now, brokers);
        assert_eq!(stagger(60, 3), STAGGER);
        assert!(stagger(1, 20) * 20 < Duration::from_secs(1));
        assert_eq!(stagger(0, 3), Duration::ZERO);
    }

    #[test]
    fn one_random_byte_spreads_a_wait_by_a_fifth_either_way() {
        assert_eq!(BACKOFF.delay(9, 0), Duration::from_millis(800));
        assert_eq!(BACKOFF.delay(9, 255), Duration::from_millis(1_200));
    }
}
