//! The lab process: owns the JVMs, answers tests on a Unix socket.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::cache::Kit;
use crate::certs;
use crate::containers::Image;
use crate::deadline::Deadline;
use crate::description::Description;
use crate::error::{Context, Error, Result};
use crate::jvms::Jvms;
use crate::layout;
use crate::profile::Profile;
use crate::running::{Plan, Running};
use crate::versions::Version;

/// A lab that nobody ended ends itself. The longest tests take more than an hour.
const LONGEST_LIFE: Duration = Duration::from_secs(4 * 3600);

/// How long a node may live after the end of its input.
const LAST_WRITES: Duration = Duration::from_secs(10);

type Started = std::result::Result<Arc<Running>, String>;
type Slot = Arc<Mutex<Option<Started>>>;

/// The state of the lab process.
struct Lab {
    dir: PathBuf,
    /// Locked while the lab lives, so that a later one removes only the directories of the dead.
    _lock: File,
    jvms: Jvms,
    /// Each shared cluster has a lock of its own: who comes second waits for the first start. A
    /// failed start stays failed, since all tests after it would wait as long for the same error.
    shared: Mutex<HashMap<(Profile, &'static str), Slot>>,
}

/// Runs a lab until standard input ends, four hours have passed or the process is killed; each of
/// these ends every JVM. Once tests can connect it prints its directory, which they find in
/// the environment variable `OTTLA_LAB`.
///
/// With `up`, that cluster is started first, and what is printed is a `client.properties` for
/// its SASL_SSL listener.
///
/// # Errors
/// A directory or socket that cannot be made; for `up`, a cluster that does not start.
pub fn serve(up: Option<(Profile, &str)>) -> Result<()> {
    let lab = Arc::new(Lab::new()?);
    let socket = lab.dir.join("socket");
    let listener = UnixListener::bind(&socket).context(|| format!("bind {}", socket.display()))?;
    let answering = Arc::clone(&lab);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let lab = Arc::clone(&answering);
            thread::spawn(move || lab.converse(&stream));
        }
    });
    match up {
        None => println!("{}", lab.dir.display()),
        Some((profile, version)) => println!("{}", lab.bring_up(profile, version)?),
    }
    let (ended, end) = mpsc::channel();
    thread::spawn(move || {
        // What is written to the pipe is of no interest; an error is an end too.
        drop(std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
        let _ = ended.send(());
    });
    let _ = end.recv_timeout(LONGEST_LIFE);
    let _nothing_starts = lab.jvms.kill_all_for_good();
    // Nodes in containers end a moment later, and may still write.
    let removed = Deadline::after(LAST_WRITES).wait_for(|| fs::remove_dir_all(&lab.dir).ok());
    removed
        .map_or_else(|| fs::remove_dir_all(&lab.dir), Ok)
        .context(|| format!("remove {}", lab.dir.display()))
}

impl Lab {
    fn new() -> Result<Self> {
        let (dir, lock) = fresh_dir()?;
        certs::write_all(&dir.join("certs"))?;
        Ok(Self { dir, _lock: lock, jvms: Jvms::new(), shared: Mutex::default() })
    }

    fn bring_up(&self, profile: Profile, version: &str) -> Result<String> {
        let running = self.shared(profile, version)?;
        let cluster = crate::Cluster::read(&Description::path(running.dir()))?;
        let login = crate::Login::Scram512("alice".into());
        let properties = cluster.client_properties(crate::Listener::SaslSsl, &login);
        let (profile, dir) = (profile.name(), running.dir().display());
        Ok(format!(
            "# Kafka {version}, profile {profile}; the names b1.. are 127.0.0.1 (java: -Djdk.net.hosts.file={dir}/hosts)\n\
             # everything about it: {dir}/description; ends with Ctrl-C or Ctrl-D\n{properties}"
        ))
    }

    /// Answers the requests of one connection. A cluster of its own ends with it.
    fn converse(&self, stream: &UnixStream) {
        let mut own = None;
        for line in BufReader::new(stream.take(1 << 20)).lines().map_while(std::result::Result::ok) {
            let answer = match self.answer(&line, &mut own) {
                Ok(text) => format!("ok {text}\n"),
                // One line is one answer.
                Err(error) => format!("error {}\n", error.to_string().replace('\n', "\u{1f}")),
            };
            let mut stream = stream;
            if stream.write_all(answer.as_bytes()).is_err() {
                break;
            }
        }
        if let Some(running) = own {
            running.kill_all();
            // What stays behind is removed with the lab's directory.
            drop(fs::remove_dir_all(running.dir()));
        }
    }

    fn answer(&self, line: &str, own: &mut Option<Running>) -> Result<String> {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |word: &str| word.parse::<u16>().context(|| format!("number {word:?}"));
        let mine = || own.as_ref().ok_or_else(|| Error::new("this connection has no cluster of its own"));
        match words.as_slice() {
            ["cluster", profile, version] => {
                let running = self.shared(Profile::named(profile)?, version)?;
                running.check_health()?;
                Ok(Description::path(running.dir()).display().to_string())
            }
            ["own", profile, version, brokers] if own.is_none() => {
                let running = self.start_own(Profile::named(profile)?, version, number(brokers)?)?;
                let path = Description::path(running.dir()).display().to_string();
                *own = Some(running);
                Ok(path)
            }
            ["kill", node] => mine()?.kill_node(number(node)?).map(|()| String::new()),
            ["stop", node] => mine()?.stop_node(number(node)?).map(|()| String::new()),
            ["start", node] => mine()?.start_node(number(node)?).map(|()| String::new()),
            _ => Err(Error::new(format!("the lab does not know the request {line:?}"))),
        }
    }

    fn shared(&self, profile: Profile, version: &str) -> Result<Arc<Running>> {
        let version = Version::named(version)?;
        let slot = {
            let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(shared.entry((profile, version.kafka)).or_default())
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let started = slot.get_or_insert_with(|| {
            let dir = self.dir.join(format!("{}-{}", profile.name(), version.kafka));
            let running = self.start(version, profile, profile.brokers(), dir);
            running.map(Arc::new).map_err(|error| error.to_string())
        });
        started.clone().map_err(Error::new)
    }

    fn start_own(&self, profile: Profile, version: &str, brokers: u16) -> Result<Running> {
        let dir = self.dir.join(format!("own-{}", layout::kafka_id()?));
        self.start(Version::named(version)?, profile, brokers, dir)
    }

    fn start(&self, version: Version, profile: Profile, brokers: u16, dir: PathBuf) -> Result<Running> {
        let kit = Kit::prepare(version, profile, &self.jvms)?;
        let (certs, image) = (self.dir.join("certs"), Image::of(version.kafka));
        Running::start(kit, Plan { profile, brokers, dir, certs, image }, self.jvms.clone())
    }
}

/// Makes the lab's directory, for this user's eyes only, and removes those of labs that are dead.
fn fresh_dir() -> Result<(PathBuf, File)> {
    let base = layout::base_dir()?;
    // Held while directories come and go: nobody sees one that has no lock yet.
    let path = base.join("lock");
    let guard = File::create(&path).context(|| format!("create {}", path.display()))?;
    guard.lock().context(|| format!("lock {}", path.display()))?;
    for entry in fs::read_dir(&base).context(|| format!("list {}", base.display()))?.flatten() {
        let unlocked = File::open(entry.path().join("lock")).is_ok_and(|lock| lock.try_lock().is_ok());
        if unlocked {
            // Not ours to fail on: the next lab tries again.
            drop(fs::remove_dir_all(entry.path()));
        }
    }
    let dir = base.join(layout::kafka_id()?);
    let made = DirBuilder::new().mode(0o700).create(&dir);
    made.context(|| format!("create {}", dir.display()))?;
    let lock = File::create(dir.join("lock")).context(|| format!("lock {}", dir.display()))?;
    lock.lock().context(|| format!("lock {}", dir.display()))?;
    Ok((dir, lock))
}
