//! A limit for calls of file systems, which know none: a server of files that is away holds a call
//! up for ever.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::file::FileError;

pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// The paths at which a thread was left behind. It still hangs there.
static HANGING: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn hanging() -> MutexGuard<'static, Vec<PathBuf>> {
    HANGING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does `work`, at `path`, on a thread of its own, which is left behind if it takes longer than `limit`.
/// Until it comes back nothing further is begun at this path: each login would leave a thread behind.
pub(crate) fn within<T: Send + 'static>(
    limit: Duration,
    path: &Path,
    work: impl FnOnce() -> Result<T, FileError> + Send + 'static,
) -> Result<T, FileError> {
    let failed = |kind| FileError::new(path, kind);
    if hanging().iter().any(|at| at == path) {
        // The work before this was given that long.
        return Err(failed(io::ErrorKind::TimedOut));
    }
    let (sender, receiver) = sync_channel(1);
    let place = path.to_owned();
    let thread = std::thread::Builder::new().name("kerberos-file".to_owned()).spawn(move || {
        let outcome = work();
        let mut hanging = hanging();
        // Whoever waited has gone, and said where.
        if sender.send(outcome).is_err()
            && let Some(at) = hanging.iter().position(|at| *at == place)
        {
            hanging.swap_remove(at);
        }
    });
    thread.map_err(|error| FileError::of(path, &error))?;
    match receiver.recv_timeout(limit) {
        Ok(outcome) => outcome,
        // The work ended by a panic, which said why.
        Err(RecvTimeoutError::Disconnected) => Err(failed(io::ErrorKind::Other)),
        Err(RecvTimeoutError::Timeout) => {
            let mut hanging = hanging();
            let last = receiver.try_recv();
            if last.is_err() {
                hanging.push(path.to_owned());
            }
            // The thread finds out only after the path stands there.
            drop(receiver);
            last.unwrap_or_else(|_| Err(failed(io::ErrorKind::TimedOut)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_hangs_ends_by_the_limit_and_is_read_again_once_it_answers() {
        let (limit, dead) = (Duration::from_millis(20), Path::new("/dead/keytab"));
        let (wake, woken) = sync_channel::<()>(0);
        let hung = within(limit, dead, move || {
            let _ = woken.recv();
            Ok(())
        });
        let timed_out = FileError::new(dead, io::ErrorKind::TimedOut);
        assert_eq!(hung, Err(timed_out.clone()));
        assert_eq!(within(LIMIT, dead, || Ok(7)), Err(timed_out), "no further thread is left behind");
        assert_eq!(within(LIMIT, Path::new("/alive/keytab"), || Ok(7)), Ok(7));
        drop(wake);
        while within(LIMIT, dead, || Ok(7)) != Ok(7) {
            std::thread::yield_now();
        }
    }
}
