//! How a test reaches its lab: the one that `OTTLA_LAB` names, else one of its own process.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::cluster::{Cluster, OwnCluster};
use crate::error::{Context, Error, Result};
use crate::profile::Profile;
use crate::versions::default_version;

/// Covers a first run, which downloads jars.
const LONGEST_ANSWER: Duration = Duration::from_secs(900);

/// Covers building the lab's binary on a busy machine.
const LONGEST_BUILD: Duration = Duration::from_secs(600);

/// Finds the shared cluster of a profile, starting it if it is the first to ask. All callers of
/// a lab share it: use topics, groups and tokens of your own, and do not stop its brokers.
///
/// Blocks, for 2 to 10 s if the cluster has to be started; the very first time also for the
/// download of the jars.
///
/// # Errors
/// A missing program, or a cluster that does not start; the end of its log is in the error.
pub fn cluster(profile: Profile) -> Result<Cluster> {
    cluster_of_version(profile, &default_version())
}

/// Like [`cluster`], of another version than the default.
///
/// # Errors
/// As [`cluster`].
pub fn cluster_of_version(profile: Profile, kafka: &str) -> Result<Cluster> {
    let answer = Conversation::open()?.ask(&format!("cluster {} {kafka}", profile.name()))?;
    Cluster::read(Path::new(&answer))
}

/// Starts a cluster for the caller alone, which may stop and kill its brokers. It has the
/// settings of `profile` and 1 to 5 `brokers`; a single one is a single JVM, several have a
/// controller besides. It ends when the value is dropped.
///
/// # Errors
/// As [`cluster`], or a wrong number of brokers.
pub fn own_cluster(profile: Profile, brokers: u16) -> Result<OwnCluster> {
    own_cluster_of_version(profile, &default_version(), brokers)
}

/// Like [`own_cluster`], of another version than the default.
///
/// # Errors
/// As [`own_cluster`].
pub fn own_cluster_of_version(profile: Profile, kafka: &str, brokers: u16) -> Result<OwnCluster> {
    let mut conversation = Conversation::open()?;
    let answer = conversation.ask(&format!("own {} {kafka} {brokers}", profile.name()))?;
    Ok(OwnCluster::new(Cluster::read(Path::new(&answer))?, conversation))
}

/// A connection to the lab.
#[derive(Debug)]
pub(crate) struct Conversation(BufReader<UnixStream>);

impl Conversation {
    fn open() -> Result<Self> {
        let socket = lab_dir()?.join("socket");
        let stream = UnixStream::connect(&socket).context(|| {
            format!("no lab listens on {} (OTTLA_LAB names a lab that has ended?)", socket.display())
        })?;
        stream.set_read_timeout(Some(LONGEST_ANSWER)).context(|| "limit the wait for the lab".into())?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends one line and awaits the one line that answers it.
    pub(crate) fn ask(&mut self, request: &str) -> Result<String> {
        let doing = || format!("ask the lab for {request:?}");
        self.0.get_mut().write_all(format!("{request}\n").as_bytes()).context(doing)?;
        let mut answer = String::new();
        self.0.read_line(&mut answer).context(doing)?;
        let answer = answer.trim_end_matches('\n');
        match answer.split_once(' ') {
            Some(("ok", text)) => Ok(text.to_owned()),
            Some(("error", text)) => Err(Error::new(text.replace('\u{1f}', "\n"))),
            _ => Err(Error::new(format!("the lab ended while it was asked for {request:?}"))),
        }
    }
}

fn lab_dir() -> Result<PathBuf> {
    static OWN: OnceLock<std::result::Result<OwnLab, String>> = OnceLock::new();
    if let Some(dir) = std::env::var_os("OTTLA_LAB") {
        return Ok(PathBuf::from(dir));
    }
    let own = OWN.get_or_init(|| OwnLab::start().map_err(|error| error.to_string()));
    own.as_ref().map(|lab| lab.dir.clone()).map_err(|text| Error::new(text.clone()))
}

/// The program `ottla-lab`: `OTTLA_LAB_PROGRAM`, else as cargo builds it, since it does not build the
/// binary of a dev-dependency by itself. On Unix `cargo run` then *becomes* the lab, and its pipes go
/// straight to it.
fn lab_program() -> Command {
    if let Some(program) = std::env::var_os("OTTLA_LAB_PROGRAM") {
        return Command::new(program);
    }
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    cargo.args(["run", "--quiet", "--manifest-path", manifest, "--"]);
    cargo
}

/// The lab of this process. The pipe to its standard input closes when the process ends, in
/// whatever way, and so ends the lab.
struct OwnLab {
    dir: PathBuf,
    _process: Child,
}

impl OwnLab {
    fn start() -> Result<Self> {
        let mut command = lab_program();
        command.arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().context(|| format!("start the lab by {command:?}"))?;
        let stdout = process.stdout.take().ok_or_else(|| Error::new("the lab has no output"))?;
        let (sender, first_line) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(stdout).read_line(&mut line);
            drop(sender.send(read.map(|_| line)));
        });
        let line = first_line.recv_timeout(LONGEST_BUILD).context(|| "await the lab's first line".into())?;
        let line = line.context(|| "read the lab's first line".into())?;
        match line.trim_end() {
            "" => Err(Error::new("the lab ended before it was ready; its standard error has the reason")),
            dir => Ok(Self { dir: dir.into(), _process: process }),
        }
    }
}
