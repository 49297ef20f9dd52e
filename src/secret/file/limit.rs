//! A limit for calls of file systems, which know none: a server of files that is away holds a call
//! up for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use super::FileError;

const LIMIT: Duration = Duration::from_secs(10);
/// So many threads may hang before no further one is tried.
const MOST: usize = 8;

const RUNNING: u8 = 0;
const DONE: u8 = 1;
const LEFT: u8 = 2;

/// The threads that were left behind.
static HANGING: AtomicUsize = AtomicUsize::new(0);

/// Does `work` on a thread of its own, which is left behind if it takes too long.
pub(super) fn within<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FileError> + Send + 'static,
) -> Result<T, FileError> {
    within_limit(LIMIT, work)
}

fn within_limit<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> Result<T, FileError> + Send + 'static,
) -> Result<T, FileError> {
    if HANGING.load(Ordering::Acquire) >= MOST {
        return Err(FileError::TimedOut { limit: Duration::ZERO });
    }
    let state = Arc::new(AtomicU8::new(RUNNING));
    let (sender, receiver) = sync_channel(1);
    let seen = Arc::clone(&state);
    let thread = std::thread::Builder::new().name("ottla-file".to_owned()).spawn(move || {
        // Whoever waited may have gone.
        let _ = sender.send(work());
        if seen.swap(DONE, Ordering::AcqRel) == LEFT {
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
mod tests {
    use super::*;

    #[test]
    fn a_file_system_that_does_not_answer_is_left_behind_and_not_for_ever() {
        let limit = Duration::from_millis(20);
        let (wake, woken) = sync_channel::<()>(0);
        let hung = within_limit(limit, move || {
            let _ = woken.recv();
            Ok(())
        });
        assert_eq!(hung, Err(FileError::TimedOut { limit }));
        drop(wake);
        assert_eq!(within_limit(LIMIT, || Ok(7)), Ok(7));
    }
}
