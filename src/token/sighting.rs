//! One look at a token file: whether it is another one than before, and may be trusted.

use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;
use std::time::SystemTime;

use zeroize::Zeroizing;

use super::file::{Error, MAX_BYTES, TokenFile};

/// What tells one state of a file from the next, looked at through symbolic links: a new file under
/// the old name has another number, one that was written over another time or size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    place: (u64, u64),
    modified: Option<SystemTime>,
    size: u64,
}

/// A token file as it was found.
#[derive(Debug)]
pub(super) struct Sighting {
    pub(super) file: TokenFile,
    pub(super) stamp: Stamp,
    /// Everybody on this machine may read it.
    pub(super) is_public: bool,
}

/// Looks at the file, and reads it if it is another one than `before`. Blocks.
pub(super) fn look(path: &Path, before: Option<Stamp>) -> Result<Option<Sighting>, Error> {
    let open = |error: std::io::Error| Error::Unreadable { kind: error.kind() };
    // What is asked and what is read are the same file, even if the name moves on meanwhile.
    let file = File::open(path).map_err(open)?;
    let metadata = file.metadata().map_err(open)?;
    let stamp = stamp(&metadata);
    if before == Some(stamp) {
        return Ok(None);
    }
    let is_public = permissions(mode(&metadata))?;
    // All the room at once: a secret that moved would leave a copy behind.
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    file.take(most.saturating_add(1)).read_to_end(&mut text).map_err(open)?;
    let file = TokenFile::read(&text)?;
    Ok(Some(Sighting { file, stamp, is_public }))
}

/// Refuses a file that others may write: they could make us log in as somebody else. Tells whether
/// everybody may read it.
fn permissions(mode: u32) -> Result<bool, Error> {
    if mode & 0o022 != 0 {
        return Err(Error::Writable { mode: mode & 0o7777 });
    }
    Ok(mode & 0o004 != 0)
}

#[cfg(unix)]
fn mode(metadata: &Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::mode(metadata)
}

#[cfg(not(unix))]
fn mode(_: &Metadata) -> u32 {
    0o600
}

fn stamp(metadata: &Metadata) -> Stamp {
    #[cfg(unix)]
    let place = {
        use std::os::unix::fs::MetadataExt;
        (metadata.dev(), metadata.ino())
    };
    #[cfg(not(unix))]
    let place = (0, 0);
    Stamp { place, modified: metadata.modified().ok(), size: metadata.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_others_may_write_is_refused_and_one_that_all_may_read_is_noticed() {
        for mode in [0o600, 0o640, 0o400, 0o100_600] {
            assert_eq!(permissions(mode), Ok(false), "{mode:o}");
        }
        for mode in [0o644, 0o604, 0o100_444] {
            assert_eq!(permissions(mode), Ok(true), "{mode:o}");
        }
        for mode in [0o620, 0o602, 0o666] {
            assert_eq!(permissions(0o100_000 | mode), Err(Error::Writable { mode }), "{mode:o}");
        }
    }
}
