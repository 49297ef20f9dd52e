//! A limit for calls of file systems, which know none: a server of files that is away holds a call
//! up for ever.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::FileError;

pub(super) const LIMIT: Duration = Duration::from_secs(10);

/// The paths at which a thread was left behind. It still hangs there.
static HANGING: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

pub(super) fn hanging() -> MutexGuard<'static, Vec<PathBuf>> {
    HANGING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whoever waits for work to be done.
#[derive(Clone, Debug, Default)]
pub(super) struct Caller(Arc<AtomicBool>);

impl Caller {
    /// Whether he waits no more. He was told that the work was not done.
    pub(super) fn is_gone(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Does `work`, at `path`, on a thread of its own, which is left behind if it takes longer than `limit`.
/// Until it comes back nothing further is begun at this path: a follower of files would leave a thread
/// behind each time.
pub(super) fn within<T: Send + 'static>(
    limit: Duration,
    path: &Path,
    work: impl FnOnce(&Caller) -> Result<T, FileError> + Send + 'static,
) -> Result<T, FileError> {
    #[cfg(feature = "unstable-internals")]
    if repeatable::is_in_place() {
        return work(&Caller::default());
    }
    if hanging().iter().any(|at| at == path) {
        // The work before this was given that long.
        return Err(FileError::TimedOut { limit });
    }
    let (sender, receiver) = sync_channel(1);
    let caller = Caller::default();
    let (place, seen) = (path.to_owned(), caller.clone());
    let thread = std::thread::Builder::new().name("ottla-file".to_owned()).spawn(move || {
        let outcome = work(&seen);
        let mut hanging = hanging();
        // Whoever waited has gone, and said where.
        if sender.send(outcome).is_err()
            && let Some(at) = hanging.iter().position(|at| *at == place)
        {
            hanging.swap_remove(at);
        }
    });
    thread.map_err(FileError::unreadable)?;
    let outcome = match receiver.recv_timeout(limit) {
        Ok(outcome) => return outcome,
        Err(RecvTimeoutError::Disconnected) => return Err(FileError::Changed),
        Err(RecvTimeoutError::Timeout) => {
            let mut hanging = hanging();
            let last = receiver.try_recv();
            if matches!(last, Err(TryRecvError::Empty)) {
                hanging.push(path.to_owned());
                caller.0.store(true, Ordering::Release);
            }
            // The thread finds out only after the path stands there.
            drop(receiver);
            last
        }
    };
    outcome.unwrap_or(Err(FileError::TimedOut { limit }))
}

/// Work in place, thread by thread, for simulations, which read many files and wait for nothing real:
/// nothing else can turn it on.
#[cfg(feature = "unstable-internals")]
pub(crate) mod repeatable {
    use std::cell::Cell;

    thread_local! {
        static IN_PLACE: Cell<bool> = const { Cell::new(false) };
    }

    pub(crate) fn set_in_place(on: bool) {
        IN_PLACE.set(on);
    }

    pub(super) fn is_in_place() -> bool {
        IN_PLACE.get()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn a_path_that_hangs_is_looked_at_once_holds_up_no_other_and_not_for_ever() {
        let (limit, dead) = (Duration::from_millis(20), Path::new("/dead/token"));
        let (wake, woken) = sync_channel::<()>(0);
        let hung = within(limit, dead, move |_| {
            let _ = woken.recv();
            Ok(())
        });
        assert_eq!(hung, Err(FileError::TimedOut { limit }));
        let looks = Arc::new(AtomicUsize::new(0));
        for _ in 0..20 {
            let looks = Arc::clone(&looks);
            let look = move |_: &Caller| {
                looks.fetch_add(1, Ordering::AcqRel);
                Ok(())
            };
            assert_eq!(within(LIMIT, dead, look), Err(FileError::TimedOut { limit: LIMIT }));
        }
        assert_eq!(looks.load(Ordering::Acquire), 0);
        assert_eq!(within(LIMIT, Path::new("/alive/token"), |_| Ok(7)), Ok(7));
        drop(wake);
        while within(LIMIT, dead, |_| Ok(7)) != Ok(7) {
            std::thread::yield_now();
        }
    }
}
