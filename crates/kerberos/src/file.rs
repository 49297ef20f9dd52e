//! Reads and replaces the small files of Kerberos, within bounds.

use std::ffi::OsString;
use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use zeroize::Zeroizing;

use crate::limit;

/// A file could not be read or written, or is not to be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What the operating system said.
    pub kind: io::ErrorKind,
    os: Option<i32>,
    distrust: Option<Distrust>,
}

/// Why a file with keys is refused: somebody else could have put them there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Distrust {
    /// Others than its owner may write it.
    Writable { mode: u32 },
    /// It belongs to another user, who is not root.
    Owner { uid: u32 },
}

impl FileError {
    pub(crate) fn new(path: &Path, kind: io::ErrorKind) -> Self {
        Self { path: path.to_owned(), kind, os: None, distrust: None }
    }

    pub(crate) fn of(path: &Path, error: &io::Error) -> Self {
        Self { os: error.raw_os_error(), ..Self::new(path, error.kind()) }
    }

    /// The operating system's number of the error, if it was the system that said so.
    pub fn raw_os_error(&self) -> Option<i32> {
        self.os
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        match self.distrust {
            None => match self.os {
                Some(os) => io::Error::from_raw_os_error(os).fmt(f),
                None => self.kind.fmt(f),
            },
            Some(Distrust::Writable { mode }) => {
                write!(f, "others than its owner may write it, mode {mode:o}: chmod go-w it")
            }
            Some(Distrust::Owner { uid }) => {
                write!(f, "it belongs to the user number {uid}, who is neither this user nor root: chown it")
            }
        }
    }
}

impl std::error::Error for FileError {}

/// Reads at most `cap` + 1 bytes of a regular file, so that a parser that knows the cap can
/// refuse what is longer. Anything that could block, such as a FIFO, is refused, and a file system that
/// does not answer is waited for for ten seconds.
pub(crate) fn read(path: &Path, cap: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
    read_judged(path, cap, |_, _| Ok(false)).map(|(bytes, _)| bytes)
}

/// Reads a file of secrets as [`read`] does, if nobody else could have written it: its owner is this
/// user or root, and no others may write it. Warns in the log if everybody may read it.
pub(crate) fn read_secret(path: &Path, cap: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let (bytes, is_public) = read_judged(path, cap, trust)?;
    if is_public {
        crate::log::warn!(path = %path.display(), "other users may read this file of secret keys");
    }
    Ok(bytes)
}

/// Whether everybody may read a file, unless it is not to be trusted.
type Judge = fn(&Path, &Metadata) -> Result<bool, FileError>;

fn read_judged(path: &Path, cap: usize, judge: Judge) -> Result<(Zeroizing<Vec<u8>>, bool), FileError> {
    let place = path.to_owned();
    limit::within(limit::LIMIT, path, move || read_at_once(&place, cap, judge))
}

/// Opens once and judges what is open: the name may lead elsewhere a moment later.
fn read_at_once(path: &Path, cap: usize, judge: Judge) -> Result<(Zeroizing<Vec<u8>>, bool), FileError> {
    let fault = |error: io::Error| FileError::of(path, &error);
    let file = open(path).map_err(fault)?;
    let metadata = file.metadata().map_err(fault)?;
    if metadata.is_dir() {
        return Err(FileError::new(path, io::ErrorKind::IsADirectory));
    }
    if !metadata.is_file() {
        return Err(FileError::new(path, io::ErrorKind::InvalidInput));
    }
    let is_public = judge(path, &metadata)?;
    let limit = u64::try_from(cap).unwrap_or(u64::MAX).saturating_add(1);
    // With room for the whole file and the read that finds its end, no copy is left behind unwiped.
    let expected = usize::try_from(metadata.len().min(limit)).unwrap_or(0).saturating_add(32);
    let mut bytes = Zeroizing::new(Vec::with_capacity(expected));
    file.take(limit).read_to_end(&mut bytes).map_err(fault)?;
    Ok((bytes, is_public))
}

/// Whether there is a folder at this path.
pub(crate) fn is_folder(path: &Path) -> Result<bool, FileError> {
    let place = path.to_owned();
    limit::within(limit::LIMIT, path, move || Ok(place.is_dir()))
}

/// The names in a folder, at most so many.
pub(crate) fn names(path: &Path, most: usize) -> Result<Vec<OsString>, FileError> {
    let place = path.to_owned();
    limit::within(limit::LIMIT, path, move || {
        let names = std::fs::read_dir(&place)
            .and_then(|entries| entries.take(most).map(|entry| Ok(entry?.file_name())).collect());
        names.map_err(|error| FileError::of(&place, &error))
    })
}

/// Opens a file to read; a FIFO that nobody writes to does not hold this up.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(unix)]
fn trust(path: &Path, metadata: &Metadata) -> Result<bool, FileError> {
    use std::os::unix::fs::MetadataExt;
    let (mode, uid) = (metadata.mode() & 0o7777, metadata.uid());
    let refused = |distrust| {
        Err(FileError { distrust: Some(distrust), ..FileError::new(path, io::ErrorKind::PermissionDenied) })
    };
    if mode & 0o022 != 0 {
        return refused(Distrust::Writable { mode });
    }
    if uid != 0 && uid != rustix::process::geteuid().as_raw() {
        return refused(Distrust::Owner { uid });
    }
    Ok(mode & 0o004 != 0)
}

#[cfg(not(unix))]
fn trust(_: &Path, _: &Metadata) -> Result<bool, FileError> {
    Ok(false)
}

/// Replaces a file in one step by one that only its owner may read, who stays the same. If this fails,
/// the old file stays as it was, unless only making the new name durable failed.
pub(crate) fn replace_secret(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let fault = |error: io::Error| FileError::of(path, &error);
    let name = path.file_name().ok_or_else(|| FileError::new(path, io::ErrorKind::InvalidFilename))?;
    let (temporary, mut file) = create_beside(path, name).map_err(fault)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| keep_owner(&file, path))
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        // The error that counts is the first one.
        let _ = std::fs::remove_file(&temporary);
    }
    written.and_then(|()| sync_folder(path)).map_err(fault)
}

#[cfg(unix)]
fn keep_owner(file: &File, path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let Ok(old) = std::fs::symlink_metadata(path) else { return Ok(()) };
    let new = file.metadata()?;
    match (old.uid(), old.gid()) == (new.uid(), new.gid()) || !old.is_file() {
        true => Ok(()),
        false => fchown(file, Some(old.uid()), Some(old.gid())),
    }
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Creates a new file next to `path`. What a process of the same number has left behind is passed
/// over.
fn create_beside(path: &Path, name: &std::ffi::OsStr) -> io::Result<(PathBuf, File)> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut tried = Err(io::Error::from(io::ErrorKind::AlreadyExists));
    for _ in 0..100 {
        let mut unique = OsString::from(".");
        unique.push(name);
        unique.push(format!(".{}.{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        let temporary = path.with_file_name(unique);
        tried = options.open(&temporary).map(|file| (temporary, file));
        if !matches!(&tried, Err(error) if error.kind() == io::ErrorKind::AlreadyExists) {
            break;
        }
    }
    tried
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_directory_a_device_and_a_missing_file() {
        let kind = |path: &str| read(Path::new(path), 10).unwrap_err().kind;
        assert_eq!(kind("/"), io::ErrorKind::IsADirectory);
        assert_eq!(kind("/dev/zero"), io::ErrorKind::InvalidInput);
        assert_eq!(kind("/nonexistent/file"), io::ErrorKind::NotFound);
    }

    #[test]
    #[cfg(unix)]
    fn says_what_the_operating_system_says() {
        let missing = read(Path::new("/nonexistent/file"), 10).unwrap_err();
        let number = missing.raw_os_error().unwrap();
        assert_eq!(
            missing.to_string(),
            format!("/nonexistent/file: {}", io::Error::from_raw_os_error(number))
        );
        assert_eq!(read(Path::new("/"), 10).unwrap_err().raw_os_error(), None);
    }

    #[test]
    fn a_file_that_cannot_be_replaced_stays_and_nothing_is_left_beside_it() {
        let kind = |path: &Path| replace_secret(path, b"x").unwrap_err().kind;
        assert_eq!(kind(Path::new("/")), io::ErrorKind::InvalidFilename);
        assert_eq!(kind(Path::new("/nonexistent/cc")), io::ErrorKind::NotFound);
        let dir = std::env::temp_dir().join(format!("ottla-file-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("taken")).unwrap();
        assert_eq!(kind(&dir.join("taken")), io::ErrorKind::IsADirectory);
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1);
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    #[cfg(unix)]
    fn a_file_of_keys_that_others_may_write_is_refused_and_a_fifo_does_not_hang() {
        use std::os::unix::fs::PermissionsExt;
        let dir = std::env::temp_dir().join(format!("ottla-keys-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let (path, fifo) = (dir.join("keytab"), dir.join("fifo"));
        std::fs::write(&path, "keys").unwrap();
        let with_mode = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            read_secret(&path, 10).map_err(|error| error.to_string())
        };
        let (shared, open, private) = (with_mode(0o620), with_mode(0o644), with_mode(0o600));
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let piped = read_secret(&fifo, 10).unwrap_err().kind;
        std::fs::remove_dir_all(&dir).unwrap();
        assert!(shared.is_err_and(|error| error.contains("may write it, mode 620")));
        assert!(open.is_ok() && private.is_ok());
        assert_eq!(piped, io::ErrorKind::InvalidInput);
    }

    #[test]
    fn reads_one_byte_more_than_the_cap() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert_eq!(read(&path, 10).unwrap().len(), 11);
        assert!(read(&path, 1 << 20).unwrap().starts_with(b"[package]"));
    }
}
