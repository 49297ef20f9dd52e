//! The lab's clock: every wait has an end.

use std::thread;
use std::time::{Duration, Instant};

/// A moment after which waiting stops.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    #[expect(clippy::disallowed_methods, reason = "this is the lab's one clock")]
    pub(crate) fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    pub(crate) fn has_passed(self) -> bool {
        self.left().is_zero()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the lab's one clock")]
    pub(crate) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Calls `poll` every 20 ms until it gives a value; `None` when the time is up.
    pub(crate) fn wait_for<T>(self, mut poll: impl FnMut() -> Option<T>) -> Option<T> {
        loop {
            if let Some(value) = poll() {
                return Some(value);
            }
            if self.has_passed() {
                return None;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}
