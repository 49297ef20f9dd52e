//! Why a file with a secret is not read or not replaced.

use std::fmt;
use std::io;
use std::time::Duration;

/// Tells which rule a file breaks, or what the system said. It names no file: whoever named it to
/// us says which it is. It shows nothing of what the file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileError {
    /// The system does not let it be opened or read.
    Unreadable {
        /// What kind of failure it is.
        kind: io::ErrorKind,
        /// The system's number for it.
        os: Option<i32>,
    },
    /// The system does not let it be written or replaced.
    Unwritable {
        /// What kind of failure it is.
        kind: io::ErrorKind,
        /// The system's number for it.
        os: Option<i32>,
    },
    /// It is a directory, a pipe, a device or a socket.
    NotAFile,
    /// Others than its owner may write it.
    Writable {
        /// The permissions that it has.
        mode: u32,
    },
    /// It belongs to somebody else.
    Owner {
        /// The number of that user.
        uid: u32,
    },
    /// It is larger than such a file may be.
    TooLarge {
        /// The most bytes that it may have.
        max: usize,
    },
    /// Somebody wrote to it meanwhile.
    Changed,
    /// The file system did not answer.
    TimedOut {
        /// For how long it was waited for.
        limit: Duration,
    },
    /// A new file could not be given the owner and group of the old one.
    NotKept {
        /// The number of the user that it belongs to.
        uid: u32,
        /// The number of the group that it belongs to.
        gid: u32,
    },
}

impl FileError {
    #[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
    pub(super) fn unreadable(error: io::Error) -> Self {
        Self::Unreadable { kind: error.kind(), os: error.raw_os_error() }
    }

    #[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
    pub(super) fn unwritable(error: io::Error) -> Self {
        Self::Unwritable { kind: error.kind(), os: error.raw_os_error() }
    }

    /// The nearest kind of an error of the system.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Unreadable { kind, .. } | Self::Unwritable { kind, .. } => *kind,
            Self::NotAFile => io::ErrorKind::InvalidInput,
            Self::Writable { .. } | Self::Owner { .. } | Self::NotKept { .. } => {
                io::ErrorKind::PermissionDenied
            }
            Self::TooLarge { .. } => io::ErrorKind::FileTooLarge,
            Self::Changed => io::ErrorKind::Interrupted,
            Self::TimedOut { .. } => io::ErrorKind::TimedOut,
        }
    }
}

/// What the system says, in its own words where it has some.
struct System(io::ErrorKind, Option<i32>);

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(os) => io::Error::from_raw_os_error(os).fmt(f),
            None => self.0.fmt(f),
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { kind, os } => write!(f, "cannot be read: {}", System(*kind, *os)),
            Self::Unwritable { kind, os } => write!(f, "cannot be written: {}", System(*kind, *os)),
            Self::NotAFile => f.write_str("cannot be read: it is no regular file"),
            Self::Writable { mode } => {
                write!(f, "others than its owner may write it, mode {mode:o}: chmod go-w it")
            }
            Self::Owner { uid } => write!(
                f,
                "it belongs to the user number {uid}, who is neither this user nor root: chown it, or name \
                 that user by `FileRules::trust_owner`, in the program `ottla` by --file-owner {uid}"
            ),
            Self::TooLarge { max } => write!(f, "it has more than {max} bytes"),
            Self::Changed => f.write_str("it was written to while it was read: read it again"),
            Self::TimedOut { limit } => write!(f, "its file system did not answer within {limit:?}"),
            Self::NotKept { uid, gid } => write!(
                f,
                "a new file cannot be given its owner {uid} and group {gid}: remove it first, or run as its owner"
            ),
        }
    }
}

impl std::error::Error for FileError {}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self::unreadable(error)
    }
}

impl From<FileError> for io::Error {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Unreadable { os: Some(os), .. } | FileError::Unwritable { os: Some(os), .. } => {
                Self::from_raw_os_error(os)
            }
            _ => Self::new(error.kind(), error),
        }
    }
}
