//! Reads and replaces the small files of Kerberos, within bounds.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use zeroize::Zeroizing;

/// A file could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What the operating system said.
    pub kind: io::ErrorKind,
}

impl FileError {
    pub(crate) fn new(path: &Path, kind: io::ErrorKind) -> Self {
        Self { path: path.to_owned(), kind }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.kind)
    }
}

impl std::error::Error for FileError {}

/// Reads at most `cap` + 1 bytes of a regular file, so that a parser that knows the cap can
/// refuse what is longer. Anything that could block, such as a FIFO, is refused.
pub(crate) fn read(path: &Path, cap: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let fault = |error: io::Error| FileError::new(path, error.kind());
    let metadata = std::fs::metadata(path).map_err(fault)?;
    if metadata.is_dir() {
        return Err(FileError::new(path, io::ErrorKind::IsADirectory));
    }
    if !metadata.is_file() {
        return Err(FileError::new(path, io::ErrorKind::InvalidInput));
    }
    let limit = u64::try_from(cap).unwrap_or(u64::MAX).saturating_add(1);
    // With room for the whole file and the read that finds its end, no copy is left behind unwiped.
    let expected = usize::try_from(metadata.len().min(limit)).unwrap_or(0).saturating_add(32);
    let mut bytes = Zeroizing::new(Vec::with_capacity(expected));
    File::open(path).map_err(fault)?.take(limit).read_to_end(&mut bytes).map_err(fault)?;
    Ok(bytes)
}

/// Reads a file of secrets as [`read`] does, and warns in the log if other users may read it.
pub(crate) fn read_secret(path: &Path, cap: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let bytes = read(path, cap)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if std::fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o044 != 0) {
            crate::log::warn!(path = %path.display(), "other users may read this file of secret keys");
        }
    }
    Ok(bytes)
}

/// Replaces a file in one step by one that only its owner may read. If this fails, the old file
/// stays as it was.
pub(crate) fn replace_secret(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let fault = |error: io::Error| FileError::new(path, error.kind());
    let name = path.file_name().ok_or_else(|| FileError::new(path, io::ErrorKind::InvalidFilename))?;
    let (temporary, mut file) = create_beside(path, name).map_err(fault)?;
    let written = file.write_all(bytes).and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        // The error that counts is the first one.
        let _ = std::fs::remove_file(&temporary);
    }
    written.map_err(fault)
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
        let mut unique = std::ffi::OsString::from(".");
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
    fn reads_one_byte_more_than_the_cap() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert_eq!(read(&path, 10).unwrap().len(), 11);
        assert!(read(&path, 1 << 20).unwrap().starts_with(b"[package]"));
    }
}
