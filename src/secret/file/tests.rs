use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::limit::Caller;
use super::*;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("ottla-secret-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn names(&self) -> Vec<std::ffi::OsString> {
        fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn is_root() -> bool {
    own_uid() == 0
}

#[test]
fn a_file_that_others_may_write_is_refused_and_one_that_all_may_read_is_noticed() {
    let folder = Folder::new("modes");
    for (mode, public) in [(0o600, false), (0o640, false), (0o400, false), (0o644, true), (0o604, true)] {
        let read = FileRules::new().read(folder.file("f", "text", mode)).unwrap();
        assert_eq!((read.is_public(), read.secret_text()), (public, &Secret::from("text")), "{mode:o}");
    }
    for mode in [0o620, 0o602, 0o666] {
        let refused = FileRules::new().read(folder.file("f", "text", mode)).unwrap_err();
        assert_eq!(refused, FileError::Writable { mode });
        assert!(refused.to_string().contains("chmod go-w"), "{refused}");
        assert!(FileRules::without_secrets().read(folder.file("f", "text", mode)).is_ok());
    }
}

#[test]
fn a_file_of_somebody_else_is_refused_unless_he_is_named() {
    let rules = FileRules::new();
    for uid in [0, own_uid()] {
        assert_eq!(rules.judge_owner(uid), Ok(()));
    }
    let other = own_uid() + 4711;
    assert_eq!(rules.judge_owner(other), Err(FileError::Owner { uid: other }));
    assert_eq!(rules.clone().with_owner(other).judge_owner(other), Ok(()));
    if is_root() {
        let folder = Folder::new("owner");
        let path = folder.file("f", "text", 0o600);
        chown(&path, Some(other), None).unwrap();
        assert_eq!(rules.read(&path).unwrap_err(), FileError::Owner { uid: other });
        assert!(rules.with_owner(other).read(&path).is_ok());
    }
}

#[test]
fn a_user_whom_the_program_trusts_is_named_once_for_all_files() {
    let other = own_uid() + 4242;
    assert_eq!(FileRules::new().judge_owner(other), Err(FileError::Owner { uid: other }));
    FileRules::trust_owner(other);
    assert_eq!(FileRules::new().with_max_bytes(1).judge_owner(other), Ok(()));
    assert!(FileRules::new().judge_owner(other + 1).is_err());
}

#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let folder = Folder::new("kinds");
    let fifo = folder.0.join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for path in [fifo.as_path(), folder.0.as_path(), Path::new("/dev/zero")] {
        assert_eq!(FileRules::new().read(path).unwrap_err(), FileError::NotAFile, "{path:?}");
        assert_eq!(
            FileRules::new().replace(path, &Secret::from("new"), [0; 8]),
            Err(FileError::NotAFile),
            "{path:?}"
        );
    }
    let missing = FileRules::new().read(folder.0.join("none")).unwrap_err();
    assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    assert!(missing.to_string().contains("No such file"), "{missing}");
}

#[test]
fn a_file_is_read_through_links_and_only_when_it_is_another_one() {
    let folder = Folder::new("links");
    folder.file("..1", "one", 0o600);
    let link = folder.0.join("token");
    symlink("..1", &link).unwrap();
    let first = FileRules::new().read_newer(&link, None).unwrap().unwrap();
    assert!(FileRules::new().read_newer(&link, Some(first.stamp())).unwrap().is_none());
    let path = folder.file("..1", "other", 0o600);
    let later = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    File::options().write(true).open(path).unwrap().set_modified(later).unwrap();
    let second = FileRules::new().read_newer(&link, Some(first.stamp())).unwrap().unwrap();
    assert_eq!(second.secret_text(), &Secret::from("other"));
}

#[test]
fn a_file_of_just_the_largest_size_is_read_and_a_longer_one_is_not() {
    let folder = Folder::new("size");
    let rules = FileRules::new().with_max_bytes(4);
    assert!(rules.read(folder.file("f", "1234", 0o600)).is_ok());
    let long = folder.file("f", "12345", 0o600);
    assert_eq!(rules.read(&long).unwrap_err(), FileError::TooLarge { max: 4 });
    let (reader, mut writer) = io::pipe().unwrap();
    io::Write::write_all(&mut writer, b"12345").unwrap();
    drop(writer);
    let piped = File::from(std::os::fd::OwnedFd::from(reader));
    assert_eq!(rules.read_open(piped).unwrap_err(), FileError::TooLarge { max: 4 });
}

#[test]
fn standard_input_that_is_a_file_is_judged_as_any_file() {
    let folder = Folder::new("stdin");
    let open = File::open(folder.file("f", "text", 0o620)).unwrap();
    assert_eq!(FileRules::new().read_open(open).unwrap_err(), FileError::Writable { mode: 0o620 });
    let (reader, mut writer) = io::pipe().unwrap();
    io::Write::write_all(&mut writer, b"piped").unwrap();
    drop(writer);
    let piped = FileRules::new().read_open(File::from(std::os::fd::OwnedFd::from(reader))).unwrap();
    assert_eq!(piped.secret_text(), &Secret::from("piped"));
}

#[test]
fn a_new_file_is_for_its_owner_alone_and_a_replaced_one_keeps_owner_group_and_mode() {
    let folder = Folder::new("replace");
    let path = folder.0.join("token");
    let rules = FileRules::new().with_owner(4711);
    rules.replace(&path, &Secret::from("first"), [1; 8]).unwrap();
    assert_eq!(mode(&path), 0o600);
    for (old, new) in [(0o640, 0o640), (0o400, 0o400), (0o644, 0o640), (0o666, 0o640)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(old)).unwrap();
        if is_root() {
            chown(&path, Some(4711), Some(4712)).unwrap();
        }
        let before = fs::metadata(&path).unwrap();
        rules.replace(&path, &Secret::from("next"), [1; 8]).unwrap();
        let after = fs::metadata(&path).unwrap();
        assert_eq!(mode(&path), new, "{old:o}");
        assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), folder.names().len()), ("next", 1));
    }
}

#[test]
fn a_file_that_somebody_else_laid_there_is_not_given_the_secret() {
    let folder = Folder::new("laid");
    let path = folder.file("token", "his", 0o600);
    let ownership = Some(Ownership { uid: own_uid() + 4711, gid: 0, mode: 0o600 });
    let old = replace::Old { file: File::open(&path).unwrap(), ownership };
    let refused = FileRules::new().put(&path, Some(&old), &Secret::from("new"), [0; 8], &Caller::default());
    assert_eq!(refused, Err(FileError::Owner { uid: own_uid() + 4711 }));
    assert_eq!((fs::read_to_string(&path).unwrap().as_str(), folder.names().len()), ("his", 1));
}

#[test]
fn a_file_behind_a_link_is_replaced_and_the_link_stays() {
    let folder = Folder::new("behind");
    fs::create_dir(folder.0.join("data")).unwrap();
    let path = folder.file("data/token", "old", 0o600);
    let link = folder.0.join("token");
    symlink("data/token", &link).unwrap();
    FileRules::new().replace(&link, &Secret::from("new"), [0; 8]).unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), "new");
    assert!(fs::symlink_metadata(link).unwrap().is_symlink());
}

#[test]
fn an_update_sees_what_others_wrote_and_can_leave_it() {
    let folder = Folder::new("update");
    let path = folder.file("token", "0", 0o600);
    let add = |path: PathBuf| {
        let sum = FileRules::new().update::<FileError>(&path, rand(), |old| {
            let number: u32 = std::str::from_utf8(old.secret_bytes()).unwrap().parse().unwrap();
            Ok(Some(Secret::from((number + 1).to_string())))
        });
        assert_eq!(sum, Ok(true));
    };
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || (0..10).for_each(|_| add(path.clone())))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(fs::read_to_string(&path).unwrap(), "80");
    assert_eq!(FileRules::new().update::<FileError>(&path, [0; 8], |_| Ok(None)), Ok(false));
    assert_eq!((fs::read_to_string(&path).unwrap().as_str(), folder.names().len()), ("80", 1));
}

#[test]
fn who_writes_waits_no_longer_than_the_limit_and_nothing_is_replaced_after_that() {
    let folder = Folder::new("hung");
    let paths = ["replaced", "updated"].map(|name| folder.file(name, "old", 0o600));
    let limit = Duration::from_millis(20);
    let rules = FileRules { limit, ..FileRules::new() };
    let held = paths.each_ref().map(|path| File::open(path).unwrap());
    held.iter().for_each(|held| held.lock().unwrap());
    assert_eq!(rules.replace(&paths[0], &Secret::from("new"), rand()), Err(FileError::TimedOut { limit }));
    let (called, ended) = std::sync::mpsc::channel();
    let updated = rules.update::<FileError>(&paths[1], rand(), move |_| {
        called.send(()).unwrap();
        Ok(Some(Secret::from("new")))
    });
    assert_eq!(updated, Err(FileError::TimedOut { limit }));
    drop(held);
    // Both come to hold their file now, and find that nobody waits for them.
    ended.recv_timeout(Duration::from_secs(5)).unwrap();
    for _ in 0..250 {
        if !limit::hanging().is_empty() {
            std::thread::sleep(limit);
        }
    }
    for path in paths {
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        FileRules::new().remove(&path).unwrap();
        assert_eq!(FileRules::new().remove(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
    assert_eq!(folder.names().len(), 0);
}

/// `flock` needs no right to write.
#[test]
fn who_only_reads_a_file_cannot_keep_it_from_being_replaced() {
    let folder = Folder::new("reader");
    let paths = ["replaced", "updated"].map(|name| folder.file(name, "old", 0o640));
    let held = paths.each_ref().map(|path| File::open(path).unwrap());
    held.iter().for_each(|held| held.lock_shared().unwrap());
    let update = paths[1].clone();
    let updating = std::thread::spawn(move || {
        FileRules::new().update::<FileError>(&update, rand(), |old| {
            assert_eq!(old, &Secret::from("old"));
            Ok(Some(Secret::from("new")))
        })
    });
    assert_eq!(FileRules::new().replace(&paths[0], &Secret::from("new"), rand()), Ok(()));
    assert_eq!(updating.join().unwrap(), Ok(true));
    for path in &paths {
        assert_eq!((fs::read_to_string(path).unwrap().as_str(), mode(path)), ("new", 0o640));
    }
}

#[test]
fn a_file_that_another_has_replaced_meanwhile_is_not_overwritten() {
    let folder = Folder::new("meanwhile");
    let path = folder.file("token", "first", 0o600);
    let old = replace::Old { file: File::open(&path).unwrap(), ownership: None };
    // By somebody who waits for nobody.
    fs::rename(folder.file("next", "second", 0o600), &path).unwrap();
    for old in [Some(&old), None] {
        let put = FileRules::new().put(&path, old, &Secret::from("third"), rand(), &Caller::default());
        assert_eq!(put, Err(FileError::Changed));
    }
    let mut seen = Vec::new();
    let decided = FileRules::new().replace_unless(&path, &Secret::from("third"), rand(), move |there| {
        seen.push(there.clone());
        seen == [Secret::from("second")]
    });
    assert_eq!(decided, Ok(false));
    assert_eq!((fs::read_to_string(&path).unwrap().as_str(), folder.names().len()), ("second", 1));
    let decided = FileRules::new().replace_unless(&path, &Secret::from("third"), rand(), |_| false);
    assert_eq!((decided, fs::read_to_string(&path).unwrap().as_str()), (Ok(true), "third"));
}

fn rand() -> [u8; 8] {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0).to_ne_bytes()
}

#[test]
fn leaves_nothing_behind_when_it_fails() {
    let folder = Folder::new("fail");
    let gone = folder.0.join("none").join("token");
    let failed = FileRules::new().replace(&gone, &Secret::from("new"), [0; 8]).unwrap_err();
    assert!(failed.to_string().starts_with("cannot be written"), "{failed}");
    assert_eq!(folder.names().len(), 0);
}
