//! Where a keytab is: `FILE:path`, or a path alone.

use std::fmt;
use std::path::PathBuf;

use crate::expand::{self, Process, UnknownToken};

/// Finds the keytab to log in with: `env` (the value of `KRB5_CLIENT_KTNAME`, if it is set and not
/// empty), else `conf` (`default_client_keytab_name` of krb5.conf, in which `%{euid}` and the like
/// are expanded). Nothing if neither is there.
///
/// # Errors
/// The name is of another kind than a file, or has a token that is not known.
pub fn default_client_path(
    env: Option<&str>,
    conf: Option<&str>,
    process: &Process,
) -> Result<Option<PathBuf>, KeytabNameError> {
    let name = match (env.filter(|name| !name.is_empty()), conf) {
        (Some(name), _) => name.to_owned(),
        (None, Some(template)) => expand::expand(template, process).map_err(KeytabNameError::Token)?,
        (None, None) => return Ok(None),
    };
    let path = match name.split_once(':') {
        // WRFILE is what MIT called a keytab that may be written to.
        Some(("FILE" | "WRFILE", path)) => path,
        Some((kind, _)) if kind.len() > 1 && !kind.contains('/') => return Err(KeytabNameError::Kind(name)),
        _ => &name,
    };
    if path.is_empty() { Err(KeytabNameError::Kind(name)) } else { Ok(Some(path.into())) }
}

/// A text does not name a keytab that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeytabNameError {
    /// The keytab is of a kind other than FILE, or its path is empty.
    Kind(String),
    /// `default_client_keytab_name` has a token that is not known.
    Token(UnknownToken),
}

impl fmt::Display for KeytabNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(name) => write!(f, "{name:?} names no keytab of the kind FILE:path"),
            Self::Token(_) => f.write_str("default_client_keytab_name cannot be expanded"),
        }
    }
}

impl std::error::Error for KeytabNameError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Kind(_) => None,
            Self::Token(error) => Some(error),
        }
    }
}
