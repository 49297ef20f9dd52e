//! Puts secret text on disk so that nobody else reads it and nobody reads half of it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use crate::entropy;
use crate::secret::Secret;

/// Replaces the file at `path` by one with `text` that only its owner may read and write. Blocks.
///
/// Whoever reads at any moment, also after a crash, finds the whole old text or the whole new
/// one: the text goes to a new file beside it, which then takes its name.
///
/// # Errors
/// Those of the file system. The file at `path` is then as it was, unless only making the new
/// name durable failed.
pub(crate) fn replace(path: &Path, text: &Secret) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let noise = entropy::fill::<8>().map_err(|_| io::Error::other("no entropy"))?;
    let mut beside = OsString::from(".");
    beside.push(name);
    beside.push(format!(".{:016x}", u64::from_ne_bytes(noise)));
    let beside = path.with_file_name(beside);
    let written = write_new(&beside, text).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // Nothing more can be done about a file that cannot be removed either.
        let _ = fs::remove_file(&beside);
    }
    written.and_then(|()| make_name_durable(path))
}

fn write_new(path: &Path, text: &Secret) -> io::Result<()> {
    let mut options = OpenOptions::new();
    // Never opens what somebody else laid there, not even by a symbolic link.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.secret_bytes())?;
    file.sync_all()
}

#[cfg(unix)]
fn make_name_durable(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn make_name_durable(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("ottla-disk-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn names(folder: &Path) -> Vec<OsString> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn replaces_the_file_by_one_that_only_its_owner_reads() {
        let folder = folder("replace");
        let path = folder.join("token");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        replace(&path, &Secret::from("new")).unwrap();
        let (text, mode) = (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().permissions().mode());
        let left = names(&folder);
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!((text.as_slice(), mode & 0o7777), (&b"new"[..], 0o600));
        assert_eq!(left, ["token"]);
    }

    #[test]
    fn leaves_nothing_behind_when_it_fails() {
        let folder = folder("fail");
        let path = folder.join("token");
        fs::create_dir(&path).unwrap();
        let failed = replace(&path, &Secret::from("new"));
        let left = names(&folder);
        fs::remove_dir_all(&folder).unwrap();
        assert!(failed.is_err());
        assert_eq!(left, ["token"]);
        assert!(replace(&path, &Secret::from("new")).is_err(), "the folder is gone");
        assert_eq!(
            replace(Path::new("/"), &Secret::from("")).unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
    }
}
