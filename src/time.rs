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
        SystemTime::now().into()
    }
}

/// Reads the monotonic clock, which tokio's tests can pause. Only shells call this.
#[expect(clippy::disallowed_methods, reason = "this is the one reader of the monotonic clock")]
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
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

    #[test]
    fn system_times_before_1970_are_negative() {
        let before = UNIX_EPOCH - Duration::from_millis(3);
        assert_eq!(Timestamp::from(before).as_millis(), -3);
    }
}
