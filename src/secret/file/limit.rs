//! A limit for calls of file systems, which know none: a server of files that is away holds a call
//! up for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use super::FileError;

pub(super) const LIMIT: Duration = Duration::from_secs(10);
/// So many threads may hang before no further one is tried.
const MOST: usize = 8;

/// The first state: [`Caller`] begins with it.
const RUNNING: u8 = 0;
const DONE: u8 = 1;
const LEFT: u8 = 2;

/// The threads that were left behind.
static HANGING: AtomicUsize = AtomicUsize::new(0);

/// Whoever waits for work to be done.
#[derive(Debug, Default)]
pub(super) struct Caller(Arc<AtomicU8>);

impl Caller {
    /// Whether he waits no more. He was told that the work was not done.
    pub(super) fn is_gone(&self) -> bool {
        self.0.load(Ordering::Acquire) == LEFT
    }
}

/// Does `work` on a thread of its own, which is left behind if it takes longer than `limit`.
pub(super) fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce(&Caller) -> Result<T, FileError> + Send + 'static,
) -> Result<T, FileError> {
    if HANGING.load(Ordering::Acquire) >= MOST {
        return Err(FileError::TimedOut { limit: Duration::ZERO });
    }
    let Caller(state) = Caller::default();
    let (sender, receiver) = sync_channel(1);
    let seen = Caller(Arc::clone(&state));
    let thread = std::thread::Builder::new().name("ottla-file".to_owned()).spawn(move || {
        // Whoever waited may have gone.
        let _ = sender.send(work(&seen));
        if seen.0.swap(DONE, Ordering::AcqRel) == LEFT {
            HANGING.fetch_sub(1, Ordering::AcqRel);
        }
    });
    thread.map_err(FileError::unreadable)?;
    match receiver.recv_timeout(limit) {
        Ok(outcome) => outcome,
        Err(RecvTimeoutError::Disconnected) => Err(FileError::Changed),
        Err(RecvTimeoutError::Timeout) => {
            let left = state.compare_exchange(RUNNING, LEFT, Ordering::AcqRel, Ordering::Acquire);
            if left.is_ok() {
                HANGING.fetch_add(1, Ordering::AcqRel);
            }
            Err(FileError::TimedOut { limit })
        }
    }
}

#[cfg(test)]
pub(super) fn hanging() -> usize {
    HANGING.load(Ordering::Acquire)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_that_does_not_answer_is_left_behind_and_not_for_ever() {
        let limit = Duration::from_millis(20);
        let (wake, woken) = sync_channel::<()>(0);
        let hung = within(limit, move |_| {
            let _ = woken.recv();
            Ok(())
        });
        assert_eq!(hung, Err(FileError::TimedOut { limit }));
        drop(wake);
        assert_eq!(within(LIMIT, |_| Ok(7)), Ok(7));
    }
}
