//! Puts a secret in the place of a file, so that nobody else reads it and nobody reads half of it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::limit::{self, Caller};
use super::{FileError, FileRules, Ownership, Secret, Stamp, open};

/// Others who replace the file are waited for so often, and each time by one pause longer, up to
/// `LONGEST` pauses: three seconds. A machine that is busy adds to each of them.
const TRIES: u32 = 25;
const PAUSE: Duration = Duration::from_millis(10);
const LONGEST: u32 = 20;
/// So often another file may have taken the name meanwhile. Those who wait for each other never see that.
const LOST: u32 = 8;

/// The file that is there, held against others who would replace it by these rules.
pub(super) struct Old {
    pub(super) file: File,
    pub(super) ownership: Option<Ownership>,
}

impl FileRules {
    /// Replaces the file at `path`, or makes it, readable by its owner alone. An old file hands its
    /// owner, its group and its mode on, but for what everybody may do. Blocks, for at most ten seconds.
    ///
    /// Whoever reads at any moment, also after a crash, finds the whole old text or the whole new
    /// one. `noise` is random, and makes a name for the new file until it takes that of the old.
    ///
    /// # Errors
    /// [`FileError`]; the file at `path` is then as it was, unless only making the new name durable
    /// failed, or the file system hung in that very step.
    pub(crate) fn replace(&self, path: &Path, text: &Secret, noise: [u8; 8]) -> Result<(), FileError> {
        let (rules, at, text) = (self.clone(), path.to_owned(), text.clone());
        limit::within(self.limit, path, move |caller| {
            let place = place(&at)?;
            again(|| {
                let old = hold(&place)?;
                rules.tried(&place, old.as_ref(), &text, noise, caller)
            })
        })
    }

    /// As [`FileRules::replace`], unless `stays` says of the text that is there that it shall stay. What
    /// cannot be read, or is not to be trusted, does not. Tells whether it was replaced.
    ///
    /// # Errors
    /// Those of [`FileRules::replace`].
    pub(crate) fn replace_unless(
        &self,
        path: &Path,
        text: &Secret,
        noise: [u8; 8],
        mut stays: impl FnMut(&Secret) -> bool + Send + 'static,
    ) -> Result<bool, FileError> {
        let (rules, at, text) = (self.clone(), path.to_owned(), text.clone());
        limit::within(self.limit, path, move |caller| {
            let place = place(&at)?;
            again(|| {
                let old = hold(&place)?;
                let there = old.as_ref().and_then(|old| rules.text_of(old).ok());
                if there.is_some_and(|there| stays(&there)) {
                    return Ok(Some(false));
                }
                Ok(rules.tried(&place, old.as_ref(), &text, noise, caller)?.map(|()| true))
            })
        })
    }

    /// Removes the file at `path`. Blocks, for at most ten seconds.
    ///
    /// # Errors
    /// [`FileError`], also if there is none.
    pub(crate) fn remove(&self, path: &Path) -> Result<(), FileError> {
        let at = path.to_owned();
        limit::within(self.limit, path, move |_| fs::remove_file(at).map_err(FileError::unwritable))
    }

    /// Replaces the file at `path` by what is made of its text, and tells whether anything was made.
    /// Nobody else replaces it meanwhile. Blocks, for at most ten seconds.
    ///
    /// # Errors
    /// Those of [`FileRules::read`] and [`FileRules::replace`], and those of `make`.
    pub(crate) fn update<E: From<FileError> + Send + 'static>(
        &self,
        path: &Path,
        noise: [u8; 8],
        make: impl FnMut(&Secret) -> Result<Option<Secret>, E> + Send + 'static,
    ) -> Result<bool, E> {
        let (rules, at) = (self.clone(), path.to_owned());
        limit::within(self.limit, path, move |caller| Ok(rules.updated(&at, noise, make, caller)))?
    }

    fn updated<E: From<FileError>>(
        &self,
        path: &Path,
        noise: [u8; 8],
        mut make: impl FnMut(&Secret) -> Result<Option<Secret>, E>,
        caller: &Caller,
    ) -> Result<bool, E> {
        let place = place(path)?;
        again(|| {
            let missing = FileError::unreadable(io::ErrorKind::NotFound.into());
            let old = hold(&place)?.ok_or(missing)?;
            let Some(text) = make(&self.text_of(&old)?)? else { return Ok(Some(false)) };
            Ok(self.tried(&place, Some(&old), &text, noise, caller)?.map(|()| true))
        })
    }

    /// What the file has that is held.
    fn text_of(&self, old: &Old) -> Result<Secret, FileError> {
        let file = old.file.try_clone().map_err(FileError::unreadable)?;
        let read = self.taken(file, None)?.ok_or(FileError::Changed)?;
        Ok(read.secret_text().clone())
    }

    /// Gives nothing if another file than `old` has taken the name meanwhile.
    fn tried(
        &self,
        place: &Path,
        old: Option<&Old>,
        text: &Secret,
        noise: [u8; 8],
        caller: &Caller,
    ) -> Result<Option<()>, FileError> {
        match self.put(place, old, text, noise, caller) {
            Err(FileError::Changed) => Ok(None),
            put => put.map(Some),
        }
    }

    pub(super) fn put(
        &self,
        place: &Path,
        old: Option<&Old>,
        text: &Secret,
        noise: [u8; 8],
        caller: &Caller,
    ) -> Result<(), FileError> {
        let ownership = old.and_then(|old| old.ownership);
        if let Some(ownership) = ownership {
            // Else somebody could lay a file of his own there, and be given the secret.
            self.judge_owner(ownership.uid)?;
        }
        let name = place.file_name().ok_or(FileError::unwritable(io::ErrorKind::InvalidInput.into()))?;
        let mut beside = OsString::from(".");
        beside.push(name);
        beside.push(format!(".{:016x}", u64::from_ne_bytes(noise)));
        let beside = place.with_file_name(beside);
        let written = write_new(&beside, text, ownership).and_then(|()| match caller.is_gone() {
            // A file system that comes back brings no older text over what was written since.
            true => Err(FileError::TimedOut { limit: self.limit }),
            false => take_name(&beside, place, old),
        });
        if written.is_err() {
            // Nothing more can be done about a file that cannot be removed either.
            let _ = fs::remove_file(&beside);
        }
        written.and_then(|()| make_name_durable(place).map_err(FileError::unwritable))
    }
}

/// Tries as long as somebody else is faster.
fn again<T, E: From<FileError>>(mut attempt: impl FnMut() -> Result<Option<T>, E>) -> Result<T, E> {
    for _ in 0..LOST {
        if let Some(done) = attempt()? {
            return Ok(done);
        }
    }
    Err(FileError::Changed.into())
}

/// Gives the new file its name, unless another than `old` has it by now: not everybody waits for who
/// holds it, and a file that was not there nobody can hold.
fn take_name(beside: &Path, place: &Path, old: Option<&Old>) -> Result<(), FileError> {
    let Some(old) = old else {
        return match fs::hard_link(beside, place) {
            Ok(()) => fs::remove_file(beside).map_err(FileError::unwritable),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(FileError::Changed),
            // A file system without links.
            Err(_) => fs::rename(beside, place).map_err(FileError::unwritable),
        };
    };
    let before = old.file.metadata().map_err(FileError::unreadable)?;
    match fs::metadata(place) {
        Ok(now) if Stamp::of(&now).place == Stamp::of(&before).place => {
            fs::rename(beside, place).map_err(FileError::unwritable)
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FileError::unwritable(error)),
        _ => Err(FileError::Changed),
    }
}

/// The file itself, where `path` is a link to one.
fn place(path: &Path) -> Result<PathBuf, FileError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => fs::canonicalize(path).map_err(FileError::unwritable),
        _ => Ok(path.to_owned()),
    }
}

/// Holds the file at `place`, if there is one. Whoever held it may have put another in its place.
///
/// Who may read the file can hold it too, and for ever: after a while it is replaced all the same.
fn hold(place: &Path) -> Result<Option<Old>, FileError> {
    for tried in 1..=TRIES {
        let file = match open(place) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata().map_err(FileError::unreadable)?;
        if !metadata.is_file() {
            return Err(FileError::NotAFile);
        }
        let old = Old { file, ownership: Ownership::of(&metadata) };
        match old.file.try_lock() {
            Err(TryLockError::WouldBlock) if tried < TRIES => {
                thread::sleep(PAUSE.saturating_mul(tried.min(LONGEST)));
            }
            Err(TryLockError::WouldBlock) => {
                let path = place.display();
                tracing::warn!(%path, "somebody holds this file all the time; it is replaced all the same");
                return Ok(Some(old));
            }
            // A file system without locks: nothing holds the others off, and the last one wins.
            Err(TryLockError::Error(_)) | Ok(()) => {
                let now = fs::metadata(place).map_err(FileError::unreadable)?;
                if Stamp::of(&now).place == Stamp::of(&metadata).place {
                    return Ok(Some(old));
                }
            }
        }
    }
    Err(FileError::Changed)
}

fn write_new(path: &Path, text: &Secret, like: Option<Ownership>) -> Result<(), FileError> {
    let mut options = OpenOptions::new();
    // Never opens what somebody else laid there, not even by a symbolic link.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(FileError::unwritable)?;
    file.write_all(text.secret_bytes()).map_err(FileError::unwritable)?;
    if let Some(like) = like {
        hand_on(&file, like)?;
    }
    file.sync_all().map_err(FileError::unwritable)
}

/// Gives a new file the owner, the group and the mode of the old one; what everybody may do, and
/// what the group may write, ends here.
#[cfg(unix)]
fn hand_on(file: &File, like: Ownership) -> Result<(), FileError> {
    use std::os::unix::fs::{PermissionsExt, fchown};
    let own = Ownership::of(&file.metadata().map_err(FileError::unwritable)?);
    if own.is_none_or(|own| (own.uid, own.gid) != (like.uid, like.gid)) {
        let not_kept = FileError::NotKept { uid: like.uid, gid: like.gid };
        fchown(file, Some(like.uid), Some(like.gid)).map_err(|_| not_kept)?;
    }
    let mode = match like.mode & 0o750 {
        mode if mode & 0o400 != 0 => mode,
        _ => 0o600,
    };
    file.set_permissions(fs::Permissions::from_mode(mode)).map_err(FileError::unwritable)
}

#[cfg(not(unix))]
fn hand_on(_: &File, _: Ownership) -> Result<(), FileError> {
    Ok(())
}

#[cfg(unix)]
fn make_name_durable(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn make_name_durable(_: &Path) -> io::Result<()> {
    Ok(())
}
