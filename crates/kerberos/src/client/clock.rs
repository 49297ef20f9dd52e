//! Wall time, and stamps of it that no two authenticators share.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use crate::time::Timestamp;

/// Gives the wall time, so that tests can give another.
pub trait WallClock: Send + Sync {
    /// The present wall time.
    fn now(&self) -> SystemTime;
}

/// The wall clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of the wall clock")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A clock that was set back by more than this is followed.
const SET_BACK: i64 = 1_000_000;

/// Moves `now` on by as little as needed, so that authenticators made within moments of each other
/// differ in their time: services may take two with one time for a replay.
///
/// A clock that was set back is followed all the same: stamps ahead of it would be refused by
/// every service until it has caught up, and random bytes tell authenticators apart as well.
pub(super) fn unique(now: Timestamp) -> Timestamp {
    static LAST: AtomicI64 = AtomicI64::new(i64::MIN);
    let now = now.as_micros();
    let next = |last: i64| {
        if now > last || last.saturating_sub(now) > SET_BACK { now } else { last.saturating_add(1) }
    };
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
    Timestamp::from_micros(next(last.unwrap_or(i64::MIN)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_of_one_moment_differ_and_a_clock_set_back_is_followed() {
        let now = Timestamp::from_micros(4_000_000_000_000_000);
        let stamps: Vec<_> = (0..100).map(|_| unique(now)).collect();
        assert!(stamps.windows(2).all(|pair| pair[0] < pair[1]));
        let earlier = Timestamp::from_micros(3_000_000_000_000_000);
        assert_eq!(unique(earlier), earlier);
        assert!(unique(earlier) > earlier);
    }
}
