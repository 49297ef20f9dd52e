//! krb5.conf: the realms, where their KDCs are, which hosts belong to them, and the defaults.
//!
//! Every file that MIT's library parses is parsed, and means the same. Relations and sections that
//! are not known here are skipped. A value that cannot be understood leaves the default in place
//! and is listed by [`Krb5Conf::ignored`].

mod duration;
mod error;
mod libdefaults;
mod load;
mod parse;
mod profile;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

pub use self::error::{ConfError, LineFault};
pub use self::libdefaults::{Canonicalize, LibDefaults};
use self::parse::{Parser, Source, Stop};
use self::profile::Profile;
use crate::file::FileError;
use crate::principal::Realm;

/// The most bytes that are read, all included files together: 2 MiB.
pub const MAX_CONF_LEN: usize = 2 << 20;
/// How deep files may include files.
pub const MAX_INCLUDE_DEPTH: usize = 16;

/// What the krb5.conf says. The default is that of a machine without one: no realm is known.
#[derive(Debug, Default)]
pub struct Krb5Conf {
    /// The section `[libdefaults]`.
    pub libdefaults: LibDefaults,
    ignored: Vec<Ignored>,
    profiles: Vec<Profile>,
}

/// A value of `[libdefaults]` that could not be understood; the default stays in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// The file; empty if the text did not come from one.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The name of the relation.
    pub name: &'static str,
    /// Its value.
    pub value: String,
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, name, value } = self;
        write!(f, "{}:{line}: {value:?} is no value for {name}", file.display())
    }
}

impl Krb5Conf {
    /// Parses one text. Its `include` lines are errors, since there are no files to include.
    ///
    /// # Errors
    /// Says which line is wrong.
    pub fn parse(text: &[u8]) -> Result<Self, ConfError> {
        if text.len() > MAX_CONF_LEN {
            return Err(ConfError::TooLong);
        }
        let mut profile = Profile::default();
        let mut files = Vec::new();
        let mut parser = Parser { source: &mut NoFiles, profile: &mut profile, files: &mut files };
        parser.file(Path::new(""), text, 0)?;
        Ok(Self::of(vec![profile], &files))
    }

    /// Reads the krb5.conf at `path` and what it includes.
    ///
    /// # Errors
    /// As [`Krb5Conf::load_list`]; a file that is missing is an error.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ConfError> {
        load::load(&[path.as_ref().to_owned()], true)
    }

    /// Reads the files of a list with colons, as `KRB5_CONFIG` has it. For a relation in several
    /// files the first one counts; lists such as `kdc` are joined; `*` keeps later files out. A
    /// directory stands for the files in it, as with `includedir`. Missing files are skipped; if
    /// there is none at all, the default is the answer.
    ///
    /// # Errors
    /// A line is wrong, what is to be included cannot be read, files cannot be read and none else
    /// can, or they are too long.
    pub fn load_list(list: &str) -> Result<Self, ConfError> {
        let paths: Vec<PathBuf> = list.split(':').map(PathBuf::from).collect();
        load::load(&paths, false)
    }

    /// Reads the configuration of this process: the files that `KRB5_CONFIG` lists, or
    /// `/etc/krb5.conf`.
    ///
    /// # Errors
    /// As [`Krb5Conf::load_list`].
    pub fn of_this_process() -> Result<Self, ConfError> {
        match std::env::var("KRB5_CONFIG") {
            Ok(list) => Self::load_list(&list),
            Err(_) => Self::load_list("/etc/krb5.conf"),
        }
    }

    fn of(profiles: Vec<Profile>, files: &[PathBuf]) -> Self {
        let (libdefaults, ignored) = LibDefaults::read(&profiles, files);
        Self { libdefaults, ignored, profiles }
    }

    /// The values of `[libdefaults]` that could not be understood. Loading a file warns about them
    /// in the log too.
    pub fn ignored(&self) -> &[Ignored] {
        &self.ignored
    }

    /// Finds the values of the relation `name` below `path`, a section and the blocks in it, in
    /// order. For what this crate has no method for.
    pub fn values(&self, path: &[&str], name: &str) -> Vec<&str> {
        profile::values(&self.profiles, path, name).into_iter().map(|value| value.text.as_str()).collect()
    }

    /// The lines `kdc` of a realm as they stand.
    pub fn kdcs(&self, realm: &Realm) -> Vec<&str> {
        self.values(&["realms", realm.as_str()], "kdc")
    }

    /// The lines `primary_kdc` of a realm as they stand, or `master_kdc` (the older name) if there
    /// are none.
    pub fn primary_kdcs(&self, realm: &Realm) -> Vec<&str> {
        let primary = self.values(&["realms", realm.as_str()], "primary_kdc");
        if primary.is_empty() { self.values(&["realms", realm.as_str()], "master_kdc") } else { primary }
    }

    /// Finds the realm of a host in `[domain_realm]`: by its name, then by each shorter suffix, with
    /// the dot in front and without: for `a.b.c` also `.b.c`, `b.c`, `.c`, `c`. Case and a final
    /// dot do not matter; an IP address has no realm.
    pub fn realm_of_host(&self, host: &str) -> Option<Realm> {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        if host.parse::<IpAddr>().is_ok() {
            return None;
        }
        let mut suffix = Some(host.as_str());
        while let Some(name) = suffix {
            if let Some(realm) = self.values(&["domain_realm"], name).first() {
                return Some(Realm::new(*realm));
            }
            suffix = match name.strip_prefix('.') {
                Some(rest) => Some(rest),
                None => name.find('.').and_then(|dot| name.get(dot..)),
            };
        }
        None
    }

    /// Finds the realms between a client's and a service's in `[capaths]`, in the order in which
    /// to pass them. None in between (written `.`) is an empty list; nothing means that
    /// `[capaths]` does not say.
    pub fn path_between(&self, client: &Realm, server: &Realm) -> Option<Vec<Realm>> {
        let between = self.values(&["capaths", client.as_str()], server.as_str());
        if between.is_empty() {
            return None;
        }
        Some(between.into_iter().filter(|realm| *realm != ".").map(Realm::new).collect())
    }
}

/// The source of a text alone.
struct NoFiles;

impl Source for NoFiles {
    fn file(&mut self, path: &Path) -> Result<Vec<u8>, Stop> {
        Err(Stop::File(FileError::new(path, std::io::ErrorKind::Unsupported)))
    }

    fn directory(&mut self, path: &Path) -> Result<Vec<PathBuf>, Stop> {
        Err(Stop::File(FileError::new(path, std::io::ErrorKind::Unsupported)))
    }
}
