//! Reads and replaces the small files of Kerberos, within bounds.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

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
            tracing::warn!(path = %path.display(), "other users may read this file of secret keys");
        }
    }
    Ok(bytes)
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
    fn reads_one_byte_more_than_the_cap() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert_eq!(read(&path, 10).unwrap().len(), 11);
        assert!(read(&path, 1 << 20).unwrap().starts_with(b"[package]"));
    }
}
