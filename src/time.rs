//! Points in wall time as Kafka writes them, and the one place that reads the monotonic clock.

use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A point in wall time: milliseconds since 1970-01-01 UTC, Kafka's unit. Negative values are
/// valid and lie before 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Makes a timestamp of milliseconds since 1970-01-01 UTC.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Gives the milliseconds since 1970-01-01 UTC.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Gives the time from `earlier` to `self`, zero if `earlier` is not earlier.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        let millis = self.0.saturating_sub(earlier.0);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let millis = |d: Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(millis(after)),
            Err(before) => Self(millis(before.duration()).saturating_neg()),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

/// Gives a wall clock to code that needs one, so that tests can give another.
pub trait Clock: Send + Sync {
    /// The present wall time.
    fn now(&self) -> Timestamp;
}

/// The wall clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of the wall clock")]
    fn now(&self) -> Timestamp {
        #[cfg(feature = "unstable-internals")]
        if let Some(wall) = repeatable::wall() {
            return wall;
        }
        SystemTime::now().into()
    }
}

/// Reads the monotonic clock, which tokio's tests can pause. Only shells call this.
#[expect(clippy::disallowed_methods, reason = "this is the one reader of the monotonic clock")]
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// A wall clock for simulations, thread by thread: nothing else can turn it on.
#[cfg(feature = "unstable-internals")]
pub(crate) mod repeatable {
    use std::cell::Cell;
    use std::time::Instant;

    use super::Timestamp;

    thread_local! {
        /// When it was set, and to what.
        static WALL: Cell<Option<(Instant, Timestamp)>> = const { Cell::new(None) };
    }

    /// From now on this thread's wall clock shows this, and goes with the monotonic clock; with `None`,
    /// it is the machine's again.
    pub(crate) fn set_wall(wall: Option<Timestamp>) {
        WALL.set(wall.map(|wall| (super::now(), wall)));
    }

    pub(super) fn wall() -> Option<Timestamp> {
        let (since, wall) = WALL.get()?;
        let passed = super::now().saturating_duration_since(since).as_millis();
        Some(Timestamp(wall.0.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_since_a_later_point_is_zero() {
        let (early, late) = (Timestamp::from_millis(-5), Timestamp::from_millis(7));
        assert_eq!(late.saturating_since(early), Duration::from_millis(12));
        assert_eq!(early.saturating_since(late), Duration::ZERO);
    }

    #[cfg(feature = "unstable-internals")]
    #[tokio::test(start_paused = true)]
    async fn a_wall_clock_that_was_set_goes_with_the_monotonic_one() {
        repeatable::set_wall(Some(Timestamp(-1_000)));
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(SystemClock.now(), Timestamp(2_000));
        repeatable::set_wall(None);
        assert!(SystemClock.now() > Timestamp(1_700_000_000_000));
    }

    #[test]
    fn system_times_before_1970_are_negative() {
        let before = UNIX_EPOCH - Duration::from_millis(3);
        assert_eq!(Timestamp::from(before).as_millis(), -3);
    }
}
