//! What can be wrong with a keytab.

use std::fmt;
use std::path::PathBuf;

use super::MAX_KEYTAB_LEN;
use crate::cursor::Short;
use crate::file::FileError;

/// Bytes are not a keytab of format 0x0502, or a keytab cannot be written in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeytabError {
    /// The first two bytes are not those of a keytab.
    NotAKeytab,
    /// The keytab has format 0x0501, whose byte order is that of the machine that wrote it.
    Version1,
    /// A field or an entry that starts at `offset` runs past the end of what holds it.
    Truncated {
        /// Bytes from the start of the file.
        offset: usize,
    },
    /// The file is longer than [`MAX_KEYTAB_LEN`].
    TooLong,
    /// A name, key or encryption type is larger than the format can say.
    DoesNotFit,
}

impl From<Short> for KeytabError {
    fn from(short: Short) -> Self {
        Self::Truncated { offset: short.offset }
    }
}

impl fmt::Display for KeytabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAKeytab => f.write_str("not a keytab: it does not start with 0x0502"),
            Self::Version1 => f.write_str(
                "a keytab of the old format 0x0501; write it anew, for example with ktutil's rkt and wkt",
            ),
            Self::Truncated { offset } => write!(f, "the keytab is cut off or damaged at byte {offset}"),
            Self::TooLong => write!(f, "the keytab is longer than {MAX_KEYTAB_LEN} bytes"),
            Self::DoesNotFit => f.write_str("a name or key is too long for a keytab"),
        }
    }
}

impl std::error::Error for KeytabError {}

/// A keytab could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadKeytabError {
    /// The file could not be read.
    File(FileError),
    /// The file was read but is not a keytab.
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: KeytabError,
    },
}

impl fmt::Display for LoadKeytabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(_) => f.write_str("the keytab cannot be read"),
            Self::Format { path, .. } => write!(f, "{} cannot be used as a keytab", path.display()),
        }
    }
}

impl std::error::Error for LoadKeytabError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(error) => Some(error),
            Self::Format { fault, .. } => Some(fault),
        }
    }
}
