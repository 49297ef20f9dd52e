//! How long the application has asked for records: the clock of a reading's deadline.
//!
//! A pause of the application is no lack of the brokers' progress, so time counts only while it waits
//! for a chunk, and for a moment after it was given one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::time;

/// For so long after a call the application counts as asking: it looks at what it was given.
const GRACE: Duration = Duration::from_secs(1);

/// The time for which the application has asked. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Asking(Arc<Mutex<Asked>>);

/// A call that waits. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Call<'a>(&'a Asking);

impl Asking {
    /// The application begins to wait.
    pub(super) fn begin(&self) -> Call<'_> {
        self.asked().change(time::now(), true);
        Call(self)
    }

    /// For how long the application has asked so far.
    pub(super) fn time(&self) -> Duration {
        self.asked().until(time::now())
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.asked().change(time::now(), false);
    }
}

#[derive(Debug, Default)]
struct Asked {
    /// Up to the last change.
    before: Duration,
    changed: Option<Instant>,
    waits: bool,
}

impl Asked {
    fn until(&self, now: Instant) -> Duration {
        let since = self.changed.map_or(Duration::ZERO, |changed| now.saturating_duration_since(changed));
        self.before + if self.waits { since } else { since.min(GRACE) }
    }

    fn change(&mut self, now: Instant, waits: bool) {
        *self = Self { before: self.until(now), changed: Some(now), waits };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_of_the_application_does_not_count() {
        let (start, second) = (time::now(), Duration::from_secs(1));
        let mut asked = Asked::default();
        assert_eq!(asked.until(start + 9 * second), Duration::ZERO);
        asked.change(start, true);
        assert_eq!(asked.until(start + 3 * second), 3 * second);
        asked.change(start + 3 * second, false);
        assert_eq!(asked.until(start + 3 * second + GRACE / 2), 3 * second + GRACE / 2);
        assert_eq!(asked.until(start + 300 * second), 3 * second + GRACE);
        asked.change(start + 300 * second, true);
        assert_eq!(asked.until(start + 301 * second), 4 * second + GRACE);
    }
}
