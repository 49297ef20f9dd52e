//! What can be wrong with a krb5.conf.

use std::fmt;
use std::path::PathBuf;

use super::{MAX_CONF_LEN, MAX_INCLUDE_DEPTH};
use crate::file::FileError;

/// A krb5.conf cannot be read, or MIT's library would not parse it either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfError {
    /// A line is wrong.
    Line {
        /// The file; empty if the text did not come from one.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        fault: LineFault,
    },
    /// No file of the list can be read, and this one for another reason than that it is missing.
    File(FileError),
    /// The files together are longer than [`MAX_CONF_LEN`].
    TooLong,
}

/// What is wrong with a line of a krb5.conf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineFault {
    /// A `[section]` starts within a `{` block.
    SectionInBlock,
    /// A `[section]` has no `]`, or something other than `*` after it.
    Section,
    /// A `}` ends no block.
    UnmatchedBrace,
    /// After `name =` the next line must start with `{`.
    MissingBrace,
    /// The line is no `name = value`.
    Relation,
    /// The file says `module`: it has its settings from a shared library of C.
    Module,
    /// The file that is to be included cannot be read.
    Include(FileError),
    /// Files include files more than [`MAX_INCLUDE_DEPTH`] deep.
    IncludeDepth,
}

impl fmt::Display for ConfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { file, line, fault } if file.as_os_str().is_empty() => {
                write!(f, "line {line}: {fault}")
            }
            Self::Line { file, line, fault } => write!(f, "{}:{line}: {fault}", file.display()),
            Self::File(_) => f.write_str("krb5.conf cannot be read"),
            Self::TooLong => write!(f, "krb5.conf and what it includes exceed {MAX_CONF_LEN} bytes"),
        }
    }
}

impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SectionInBlock => f.write_str("a [section] starts before the block above it ends with '}'"),
            Self::Section => f.write_str("a section is written [name]"),
            Self::UnmatchedBrace => f.write_str("this '}' ends no block"),
            Self::MissingBrace => f.write_str("the line above needs a value or a '{' here"),
            Self::Relation => f.write_str("expected 'name = value', where the name has no spaces"),
            Self::Module => f.write_str("settings from a module (shared library) are not supported"),
            Self::Include(_) => f.write_str("what is to be included cannot be read"),
            Self::IncludeDepth => write!(f, "files include files more than {MAX_INCLUDE_DEPTH} deep"),
        }
    }
}

impl std::error::Error for ConfError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(error) | Self::Line { fault: LineFault::Include(error), .. } => Some(error),
            Self::Line { .. } | Self::TooLong => None,
        }
    }
}
