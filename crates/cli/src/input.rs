//! The files that a command names: read whole, with a bound, and not if anybody may change them.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use crate::failure::{Failure, say};

/// As much as a `client.properties` may have.
const MAX_BYTES: usize = 1024 * 1024;

/// Reads a file, or standard input if it is called `-`.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if path.as_os_str() == "-" {
        return whole(io::stdin().lock()).map_err(|error| unreadable(path, &error));
    }
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    if is_open_to_all(&file).map_err(|error| unreadable(path, &error))? {
        let why = "everybody may write it, so it may be anybody's";
        return Err(Failure::usage(format!("{}: {why}", path.display())).with_hint("chmod o-w FILE"));
    }
    whole(file).map_err(|error| unreadable(path, &error))
}

/// Whether it is a file, that others may replace, and no pipe.
pub(crate) fn is_file(path: &Path) -> bool {
    path.as_os_str() != "-" && std::fs::metadata(path).is_ok_and(|it| it.is_file())
}

/// Reads a token file, and says so if others could read it too.
pub(crate) fn read_secret(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let text = read(path)?;
    if is_readable_by_others(path) {
        say(&format!("{}: others may read this token; chmod 600 it", path.display()));
    }
    Ok(text)
}

fn whole(input: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    // All the room at once: a secret that moved would leave a copy behind.
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    input.take(MAX_BYTES as u64 + 1).read_to_end(&mut text)?;
    match text.len() > MAX_BYTES {
        true => Err(io::Error::other(format!("it has more than {MAX_BYTES} bytes"))),
        false => Ok(text),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let path = if path.as_os_str() == "-" { "standard input".into() } else { path.display().to_string() };
    Failure::usage(format!("{path}: cannot be read: {error}"))
}

#[cfg(unix)]
fn is_open_to_all(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = file.metadata()?;
    // Pipes of a shell (`<(..)`) have whatever mode they have.
    Ok(metadata.is_file() && metadata.permissions().mode() & 0o002 != 0)
}

#[cfg(unix)]
fn is_readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_all(_: &File) -> io::Result<bool> {
    Ok(false)
}

#[cfg(not(unix))]
fn is_readable_by_others(_: &Path) -> bool {
    false
}
