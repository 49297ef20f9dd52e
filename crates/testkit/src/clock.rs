//! The clock of the cluster: tokio's, so that a paused one moves brokers, tokens and sessions.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// A moment on both clocks: the monotonic one, and milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) instant: Instant,
    pub(crate) millis: i64,
}

#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    wall_at_start: i64,
    /// By how much the wall clock was set since, in milliseconds.
    set_by: AtomicI64,
}

impl Clock {
    /// Starts the clock. The brokers' wall clock shows `wall` now, or else the system's time.
    #[expect(clippy::disallowed_methods, reason = "the one place where the testkit reads the clocks")]
    pub(crate) fn start(wall: Option<SystemTime>) -> Self {
        let wall = wall.unwrap_or_else(SystemTime::now);
        let since = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { started: Instant::now(), wall_at_start: millis(since), set_by: AtomicI64::new(0) }
    }

    /// How long the cluster had run by then.
    pub(crate) fn since_start(&self, now: Now) -> Duration {
        now.instant.saturating_duration_since(self.started)
    }

    #[expect(clippy::disallowed_methods, reason = "the one place where the testkit reads the clocks")]
    pub(crate) fn now(&self) -> Now {
        let instant = Instant::now();
        let passed = millis(instant.saturating_duration_since(self.started));
        let wall = self.wall_at_start.saturating_add(self.set_by.load(Ordering::Relaxed));
        Now { instant, millis: wall.saturating_add(passed) }
    }

    /// Sets the wall clock.
    pub(crate) fn set(&self, wall: SystemTime) {
        let wanted = millis(wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
        let by = wanted.saturating_sub(self.now().millis);
        self.set_by.fetch_add(by, Ordering::Relaxed);
    }
}

/// Whole milliseconds, as Kafka counts them.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A period from the wire; negative ones are none.
pub(crate) fn period(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
