//! What can be wrong with a ticket cache.

use std::fmt;
use std::path::PathBuf;

use super::MAX_CACHE_LEN;
use crate::cursor::Short;
use crate::file::FileError;

/// Bytes are not a ticket cache that can be read, or a cache cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheError {
    /// The first byte is not that of a ticket cache.
    NotACache,
    /// The cache has a version other than 3 and 4. Versions 1 and 2 depend on the machine that
    /// wrote them.
    Version(u8),
    /// A field that starts at `offset` runs past the end of the file or of what holds it.
    Truncated {
        /// Bytes from the start of the file.
        offset: usize,
    },
    /// The name of the principal whose cache this is, is not UTF-8.
    PrincipalNotUtf8,
    /// The file is longer than [`MAX_CACHE_LEN`].
    TooLong,
    /// An encryption type or a length is larger than the format can say.
    DoesNotFit,
}

impl From<Short> for CacheError {
    fn from(short: Short) -> Self {
        Self::Truncated { offset: short.offset }
    }
}

impl fmt::Display for CacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotACache => f.write_str("not a ticket cache: it does not start with byte 5"),
            Self::Version(version) => {
                write!(f, "ticket cache of version {version}; versions 3 and 4 can be read")
            }
            Self::Truncated { offset } => {
                write!(f, "the ticket cache is cut off or damaged at byte {offset}")
            }
            Self::PrincipalNotUtf8 => f.write_str("the principal of the ticket cache is not UTF-8"),
            Self::TooLong => write!(f, "the ticket cache is longer than {MAX_CACHE_LEN} bytes"),
            Self::DoesNotFit => f.write_str("an encryption type or a length does not fit in a ticket cache"),
        }
    }
}

impl std::error::Error for CacheError {}

/// A ticket cache could not be loaded or stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheFileError {
    /// The file could not be read or written.
    File(FileError),
    /// The content is not a cache, or cannot be written as one.
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: CacheError,
    },
}

impl fmt::Display for CacheFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(_) => f.write_str("the ticket cache cannot be read or written"),
            Self::Format { path, .. } => write!(f, "{} cannot be used as a ticket cache", path.display()),
        }
    }
}

impl std::error::Error for CacheFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(error) => Some(error),
            Self::Format { fault, .. } => Some(fault),
        }
    }
}
