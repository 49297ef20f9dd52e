//! The files that a command names: read whole, by the rules for files with secrets.

use std::fs::File;
use std::io;
use std::path::Path;

use ottla::secret::Secret;
use ottla::secret::file::{FileError, FileRules, SecretFile};

use crate::failure::{Failure, say};

/// Reads a file, or standard input if it is called `-`.
pub(crate) fn read(path: &Path) -> Result<Secret, Failure> {
    opened(path).map(|file| file.secret_text().clone())
}

/// Reads a token file, and says so if others could read it too.
pub(crate) fn read_secret(path: &Path) -> Result<Secret, Failure> {
    let file = opened(path)?;
    if file.is_public() {
        say(&format!("{}: others may read this token; chmod 600 it", path.display()));
    }
    Ok(file.secret_text().clone())
}

/// Whether it is a file, that others may replace, and no pipe.
pub(crate) fn is_file(path: &Path) -> bool {
    path.as_os_str() != "-" && std::fs::metadata(path).is_ok_and(|it| it.is_file())
}

fn opened(path: &Path) -> Result<SecretFile, Failure> {
    let rules = FileRules::new();
    let read = match path.as_os_str() == "-" {
        true => standard_input().and_then(|input| rules.read_open(input)),
        // What a shell has opened for us, by `<(..)` too, may be a pipe.
        false if is_open_already(path) => {
            File::open(path).map_err(FileError::from).and_then(|file| rules.read_open(file))
        }
        false => rules.read(path),
    };
    let name = if path.as_os_str() == "-" { "standard input".into() } else { path.display().to_string() };
    read.map_err(|error| Failure::usage(format!("{name}: {error}")))
}

fn is_open_already(path: &Path) -> bool {
    ["/dev/fd", "/proc/self/fd", "/dev/stdin"].iter().any(|place| path.starts_with(place))
}

#[cfg(unix)]
fn standard_input() -> Result<File, FileError> {
    use std::os::fd::AsFd;
    io::stdin().as_fd().try_clone_to_owned().map(File::from).map_err(FileError::from)
}

#[cfg(windows)]
fn standard_input() -> Result<File, FileError> {
    use std::os::windows::io::AsHandle;
    io::stdin().as_handle().try_clone_to_owned().map(File::from).map_err(FileError::from)
}
