//! Files with secrets: one way to read them and one to replace them, by one policy.
//!
//! ```text
//!  path ──► open, without waiting ──► judge the descriptor ──► read ──► Secret
//!  Secret ──► new file beside, synced ──► owner, group, mode of the old one ──► rename ──► folder synced
//! ```
//! Symbolic links are followed, as Kubernetes mounts its secrets; what is judged is the open file,
//! never its name a second time.

mod error;
mod limit;
mod replace;

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use zeroize::Zeroizing;

use super::Secret;
pub use error::FileError;
#[cfg(feature = "unstable-internals")]
pub(crate) use limit::repeatable;

/// The users whose files this process takes besides those that rules name.
static TRUSTED: RwLock<Vec<u32>> = RwLock::new(Vec::new());
/// As much as a `client.properties` with a trust store in it may have.
const MAX_BYTES: usize = 1024 * 1024;

/// Says which files with secrets are read: regular ones that nobody but their owner may write, of
/// the user, of root, or of a user that is named here, of at most 1 MiB, within ten seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRules {
    owners: Vec<u32>,
    max_bytes: usize,
    judged: bool,
    /// How long the file system gets.
    limit: Duration,
}

impl Default for FileRules {
    fn default() -> Self {
        Self::new()
    }
}

/// A file with a secret, as it was read.
#[derive(Clone, Debug)]
pub struct SecretFile {
    text: Secret,
    stamp: Stamp,
    is_public: bool,
}

/// What tells one state of a file from the next: a new file under the old name has another number,
/// one that was written over another time or size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    place: (u64, u64),
    modified: Option<SystemTime>,
    size: u64,
}

impl SecretFile {
    /// Shows what the file has. Whoever calls this answers for where it goes.
    pub fn secret_text(&self) -> &Secret {
        &self.text
    }

    /// Whether everybody on this machine may read the file: worth a warning.
    pub fn is_public(&self) -> bool {
        self.is_public
    }

    pub(crate) fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Gives the text, after a warning in the log if everybody may read it.
    pub(crate) fn warned(self, path: &Path) -> Secret {
        if self.is_public {
            warn_of_readers(path);
        }
        self.text
    }
}

/// Says in the log that everybody may read a file.
pub(crate) fn warn_of_readers(path: &Path) {
    let path = path.display();
    tracing::warn!(%path, "everybody on this machine may read the secrets of this file: chmod o-r it");
}

impl FileRules {
    /// Files of the user and of root.
    pub fn new() -> Self {
        Self { owners: Vec::new(), max_bytes: MAX_BYTES, judged: true, limit: limit::LIMIT }
    }

    /// Files that hold no secret, such as certificates: regular, of a bounded size, read in time.
    pub(crate) fn without_secrets() -> Self {
        Self { judged: false, ..Self::new() }
    }

    /// Takes files of one more user, by number, wherever this library reads or replaces a file with a
    /// secret from now on: token files, a `client.properties` and the files that it names, the saved
    /// state of a keeper. For the start of a program that another user writes files for. Keytabs and
    /// ticket caches are excepted.
    pub fn trust_owner(uid: u32) {
        TRUSTED.write().unwrap_or_else(PoisonError::into_inner).push(uid);
    }

    /// Takes files of one more user, by number: one who writes files for this process.
    #[must_use]
    pub fn with_owner(mut self, uid: u32) -> Self {
        self.owners.push(uid);
        self
    }

    /// Sets the size of the largest file that is read. Default 1 MiB.
    #[must_use]
    pub fn with_max_bytes(mut self, max: usize) -> Self {
        self.max_bytes = max;
        self
    }

    /// Reads a file. Blocks, for at most ten seconds.
    ///
    /// # Errors
    /// [`FileError`] says which rule the file breaks, or why it cannot be read.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<SecretFile, FileError> {
        self.read_newer(path.as_ref(), None)?.ok_or(FileError::Changed)
    }

    /// Reads a file that is another one than `before`.
    pub(crate) fn read_newer(
        &self,
        path: &Path,
        before: Option<Stamp>,
    ) -> Result<Option<SecretFile>, FileError> {
        let (rules, place) = (self.clone(), path.to_owned());
        limit::within(self.limit, path, move |_| rules.taken(open(&place)?, before))
    }

    /// Reads what somebody has opened for this process, such as standard input: a file by these
    /// rules, or a pipe, whose other end is that somebody's affair. Blocks until the end comes.
    ///
    /// # Errors
    /// Those of [`FileRules::read`].
    pub fn read_open(&self, mut file: File) -> Result<SecretFile, FileError> {
        let metadata = file.metadata().map_err(FileError::unreadable)?;
        if metadata.is_file() {
            return self.taken(file, None)?.ok_or(FileError::Changed);
        }
        // All the room at once: a secret that moved would leave a copy behind.
        let mut text = Zeroizing::new(vec![0; self.max_bytes.saturating_add(1)]);
        let text = fill(&mut file, &mut text)?;
        if text.len() > self.max_bytes {
            return Err(FileError::TooLarge { max: self.max_bytes });
        }
        Ok(SecretFile { text: Secret::copied(text), stamp: Stamp::of(&metadata), is_public: false })
    }

    fn taken(&self, mut file: File, before: Option<Stamp>) -> Result<Option<SecretFile>, FileError> {
        let metadata = file.metadata().map_err(FileError::unreadable)?;
        if !metadata.is_file() {
            return Err(FileError::NotAFile);
        }
        let stamp = Stamp::of(&metadata);
        if before == Some(stamp) {
            return Ok(None);
        }
        let is_public = self.judge(Ownership::of(&metadata))?;
        let too_large = FileError::TooLarge { max: self.max_bytes };
        let size = usize::try_from(stamp.size).unwrap_or(usize::MAX);
        if size > self.max_bytes {
            return Err(too_large);
        }
        // All the room at once, and one byte to see that there is no more.
        let mut text = Zeroizing::new(vec![0; size.saturating_add(1)]);
        let text = fill(&mut file, &mut text)?;
        let after = file.metadata().map_err(FileError::unreadable)?;
        if text.len() != size || Stamp::of(&after) != stamp {
            return Err(FileError::Changed);
        }
        Ok(Some(SecretFile { text: Secret::copied(text), stamp, is_public }))
    }

    /// Refuses a file that others could have written: they could make us log in as somebody else.
    /// Tells whether everybody may read it.
    fn judge(&self, file: Option<Ownership>) -> Result<bool, FileError> {
        let Some(Ownership { uid, mode, .. }) = file.filter(|_| self.judged) else { return Ok(false) };
        if mode & 0o022 != 0 {
            return Err(FileError::Writable { mode });
        }
        self.judge_owner(uid)?;
        Ok(mode & 0o004 != 0)
    }

    fn judge_owner(&self, uid: u32) -> Result<(), FileError> {
        let trusted = || TRUSTED.read().unwrap_or_else(PoisonError::into_inner).contains(&uid);
        match uid == 0 || uid == own_uid() || self.owners.contains(&uid) || trusted() {
            true => Ok(()),
            false => Err(FileError::Owner { uid }),
        }
    }
}

/// Reads until the end of the file, or of the room.
fn fill<'a>(file: &mut File, room: &'a mut [u8]) -> Result<&'a [u8], FileError> {
    let mut filled = 0;
    while let Some(free) = room.get_mut(filled..).filter(|free| !free.is_empty()) {
        match file.read(free) {
            Ok(0) => break,
            Ok(read) => filled = filled.saturating_add(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(FileError::unreadable(error)),
        }
    }
    room.get(..filled).ok_or(FileError::Changed)
}

/// Who may do what with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ownership {
    uid: u32,
    gid: u32,
    mode: u32,
}

#[cfg(unix)]
impl Ownership {
    #[expect(clippy::unnecessary_wraps, reason = "other systems have none")]
    fn of(metadata: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        Some(Self { uid: metadata.uid(), gid: metadata.gid(), mode: metadata.mode() & 0o7777 })
    }
}

#[cfg(not(unix))]
impl Ownership {
    fn of(_: &Metadata) -> Option<Self> {
        None
    }
}

#[cfg(unix)]
fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn own_uid() -> u32 {
    0
}

/// Opens a file to read. One that has no end, such as a FIFO that nobody writes to, does not hold
/// this up.
#[cfg(unix)]
fn open(path: &Path) -> Result<File, FileError> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty())
        .map(File::from)
        .map_err(|error| FileError::unreadable(error.into()))
}

#[cfg(not(unix))]
fn open(path: &Path) -> Result<File, FileError> {
    File::open(path).map_err(FileError::unreadable)
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let place = {
            use std::os::unix::fs::MetadataExt;
            (metadata.dev(), metadata.ino())
        };
        #[cfg(not(unix))]
        let place = (0, 0);
        Self { place, modified: metadata.modified().ok(), size: metadata.len() }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
