//! Where a ticket cache is: `FILE:path`, `DIR:directory`, `DIR::path`.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::expand::{self, Process, UnknownToken};
use crate::file::{self, FileError};

/// MIT reads one line into a buffer of its longest path.
const MAX_PRIMARY_LEN: usize = 4096;

/// The name of a ticket cache, as `KRB5CCNAME` and `default_ccache_name` have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheName {
    /// One file: `FILE:path`, or a path alone.
    File(PathBuf),
    /// A directory of caches (`DIR:directory`) whose file `primary` says which one counts.
    Dir(PathBuf),
}

impl CacheName {
    /// Parses a name, as `KRB5CCNAME` has it. `DIR::path` is one file of a directory.
    ///
    /// # Errors
    /// [`CacheNameError::Kind`] for caches that live elsewhere than in files (KEYRING, KCM,
    /// MEMORY, API), and for an empty path.
    pub fn parse(name: &str) -> Result<Self, CacheNameError> {
        let (kind, rest) = match name.split_once(':') {
            // A path of Windows, C:\krb5cc, as MIT has it.
            Some((drive, _)) if drive.len() == 1 => ("FILE", name),
            Some((kind, rest)) if !kind.contains('/') => (kind, rest),
            _ => ("FILE", name),
        };
        match (kind, rest.strip_prefix(':')) {
            (_, _) if rest.is_empty() => Err(CacheNameError::Kind(name.to_owned())),
            ("FILE", _) => Ok(Self::File(rest.into())),
            ("DIR", Some(path)) if !path.is_empty() => Ok(Self::File(path.into())),
            ("DIR", None) => Ok(Self::Dir(rest.into())),
            _ => Err(CacheNameError::Kind(name.to_owned())),
        }
    }

    /// Finds the default cache: `env` (the value of `KRB5CCNAME`, if it is set and not empty),
    /// else `conf` (`default_ccache_name` of krb5.conf, in which `%{uid}` and the like are
    /// expanded), else `/tmp/krb5cc_` and the user's number.
    ///
    /// # Errors
    /// As [`CacheName::parse`], or `conf` has a token that is not known.
    pub fn default_for(
        env: Option<&str>,
        conf: Option<&str>,
        process: &Process,
    ) -> Result<Self, CacheNameError> {
        match env.filter(|name| !name.is_empty()) {
            Some(name) => Self::parse(name),
            None => {
                let template = conf.unwrap_or("FILE:/tmp/krb5cc_%{uid}");
                Self::parse(&expand::expand(template, process).map_err(CacheNameError::Token)?)
            }
        }
    }

    /// Finds the default cache of this process, by its environment and its user.
    ///
    /// # Errors
    /// As [`CacheName::default_for`]; a `KRB5CCNAME` that is not UTF-8 is of no known kind.
    pub fn of_this_process(conf: Option<&str>) -> Result<Self, CacheNameError> {
        let env = std::env::var_os("KRB5CCNAME");
        let env = env.map(|name| name.into_string());
        match env {
            Some(Err(name)) => Err(CacheNameError::Kind(name.to_string_lossy().into_owned())),
            Some(Ok(name)) => Self::default_for(Some(&name), conf, &Process::this()),
            None => Self::default_for(None, conf, &Process::this()),
        }
    }

    /// Finds the file to use now. For a directory that is the one that its file `primary` names,
    /// or `tkt` if there is no `primary`; another process may change it at any time.
    ///
    /// # Errors
    /// `primary` cannot be read or does not name a cache of its directory.
    pub fn path(&self) -> Result<PathBuf, DirError> {
        match self {
            Self::File(path) => Ok(path.clone()),
            Self::Dir(dir) => match file::read(&dir.join("primary"), MAX_PRIMARY_LEN) {
                Err(error) if error.kind == io::ErrorKind::NotFound => Ok(dir.join("tkt")),
                Err(error) => Err(DirError::File(error)),
                Ok(content) => match primary(&content) {
                    Some(name) => Ok(dir.join(name)),
                    None => Err(DirError::Primary { dir: dir.clone() }),
                },
            },
        }
    }

    /// The file or the directory that the name says.
    pub fn location(&self) -> &Path {
        match self {
            Self::File(path) | Self::Dir(path) => path,
        }
    }
}

/// Reads the content of `primary`: one whole line, a file name that starts with `tkt`.
pub(super) fn primary(content: &[u8]) -> Option<&str> {
    let line = content.split_inclusive(|byte| *byte == b'\n').next()?.strip_suffix(b"\n")?;
    let name = std::str::from_utf8(line).ok()?;
    (name.starts_with("tkt") && !name.contains('/') && !name.contains('\0')).then_some(name)
}

impl fmt::Display for CacheName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "FILE:{}", path.display()),
            Self::Dir(path) => write!(f, "DIR:{}", path.display()),
        }
    }
}

/// A text does not name a ticket cache that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheNameError {
    /// The cache is of a kind other than FILE and DIR, or its path is empty.
    Kind(String),
    /// `default_ccache_name` has a token that is not known.
    Token(UnknownToken),
}

impl fmt::Display for CacheNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(name) => {
                write!(f, "{name:?} names no ticket cache of the kinds FILE:path, DIR:directory, DIR::path")
            }
            Self::Token(_) => f.write_str("default_ccache_name cannot be expanded"),
        }
    }
}

impl std::error::Error for CacheNameError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Kind(_) => None,
            Self::Token(error) => Some(error),
        }
    }
}

/// A directory of ticket caches does not say which one counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirError {
    /// Its file `primary` cannot be read.
    File(FileError),
    /// Its file `primary` is not one line with a file name that starts with `tkt`.
    Primary {
        /// The directory.
        dir: PathBuf,
    },
}

impl fmt::Display for DirError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(_) => f.write_str("the primary cache of a directory cannot be found"),
            Self::Primary { dir } => {
                write!(f, "{}/primary does not name a cache in its directory", dir.display())
            }
        }
    }
}

impl std::error::Error for DirError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(error) => Some(error),
            Self::Primary { .. } => None,
        }
    }
}
