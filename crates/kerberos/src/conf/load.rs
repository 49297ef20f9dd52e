//! Reads krb5.conf and what it includes from the disk.

use std::io;
use std::path::{Path, PathBuf};

use super::parse::{Parser, Source, Stop};
use super::profile::Profile;
use super::{ConfError, Krb5Conf, MAX_CONF_LEN};
use crate::file;

/// What a file of a directory costs at least of the bytes that may be read.
const COST_OF_A_FILE: usize = 64;

/// Reads files, each into a profile of its own.
pub(super) fn load(paths: &[PathBuf], must_exist: bool) -> Result<Krb5Conf, ConfError> {
    let mut disk = Disk { left: MAX_CONF_LEN };
    let (mut profiles, mut files, mut unreadable) = (Vec::new(), Vec::new(), None);
    for path in paths {
        let mut profile = Profile::default();
        let mut parser = Parser { source: &mut disk, profile: &mut profile, files: &mut files };
        match read(path, &mut parser) {
            Ok(()) => profiles.push(profile),
            Err(ConfError::File(error)) if error.kind == io::ErrorKind::NotFound && !must_exist => {}
            Err(ConfError::File(error)) => unreadable = Some(error),
            Err(other) => return Err(other),
        }
    }
    match unreadable {
        Some(error) if profiles.is_empty() => return Err(ConfError::File(error)),
        Some(error) => crate::log::warn!(%error, "a file of the Kerberos configuration is left out"),
        None => {}
    }
    let conf = Krb5Conf::of(profiles, &files);
    for ignored in conf.ignored() {
        crate::log::warn!(%ignored, "the default is used");
    }
    Ok(conf)
}

/// Reads one entry of the list: a file, or a directory of files.
fn read(path: &Path, parser: &mut Parser<'_>) -> Result<(), ConfError> {
    let is_folder = file::is_folder(path).map_err(ConfError::File)?;
    let paths =
        if is_folder { parser.source.directory(path).map_err(top_level)? } else { vec![path.to_owned()] };
    for path in paths {
        let bytes = parser.source.file(&path).map_err(top_level)?;
        parser.file(&path, &bytes, 0)?;
    }
    Ok(())
}

fn top_level(stop: Stop) -> ConfError {
    match stop {
        Stop::File(error) => ConfError::File(error),
        Stop::TooLong => ConfError::TooLong,
    }
}

/// The disk, and how many bytes may still be read from it.
struct Disk {
    left: usize,
}

impl Disk {
    fn charge(&mut self, bytes: usize) -> Result<(), Stop> {
        self.left = self.left.checked_sub(bytes).ok_or(Stop::TooLong)?;
        Ok(())
    }
}

impl Source for Disk {
    fn file(&mut self, path: &Path) -> Result<Vec<u8>, Stop> {
        // The device is how one says "no configuration".
        if path == Path::new("/dev/null") || file::is_folder(path).map_err(Stop::File)? {
            return Ok(Vec::new());
        }
        let bytes = file::read(path, self.left).map_err(Stop::File)?;
        self.charge(bytes.len())?;
        Ok(bytes.to_vec())
    }

    fn directory(&mut self, path: &Path) -> Result<Vec<PathBuf>, Stop> {
        // One more than may be had shows that there are too many.
        let most = self.left / COST_OF_A_FILE + 1;
        let mut names = file::names(path, most).map_err(Stop::File)?;
        self.charge(names.len().saturating_mul(COST_OF_A_FILE))?;
        names.retain(|name| is_included(name.as_encoded_bytes()));
        names.sort();
        Ok(names.into_iter().map(|name| path.join(name)).collect())
    }
}

/// MIT passes over what an editor or a package manager leaves behind: it includes names of letters,
/// digits, dashes and underscores, and names that end in `.conf`, but none that start with a dot.
pub(super) fn is_included(name: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-' || *byte == b'_';
    !name.starts_with(b".") && (name.ends_with(b".conf") || name.iter().all(is_plain))
}
