//! The binary, run as a person would, against brokers inside the test.
#![allow(dead_code, reason = "each test target uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use ottla_testkit::{Cluster, ClusterBuilder, Protocol, Record};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// No command of a test takes longer, on whatever machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// A cluster on loopback, and a directory for the files of a test.
pub(crate) struct Kafka {
    pub(crate) cluster: Cluster,
    pub(crate) dir: TempDir,
    _runtime: Runtime,
}

/// What a command left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Kafka {
    /// Two brokers with SASL, and the user alice.
    pub(crate) fn start() -> Self {
        Self::start_with(Cluster::builder().brokers(2).listener(Protocol::SaslPlaintext))
    }

    pub(crate) fn start_with(builder: ClusterBuilder) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let builder = builder.user("alice", "alice-secret").user("bob", "bob-secret");
        let cluster = runtime.block_on(builder.start_tcp()).unwrap();
        Self { cluster, dir: tempfile::tempdir().unwrap(), _runtime: runtime }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file of the test's directory and gives its path.
    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// The `client.properties` of a user.
    pub(crate) fn config(&self, user: &str) -> String {
        let text = self.properties(Protocol::SaslPlaintext)
            + &format!(
                "sasl.mechanism=SCRAM-SHA-256\nsasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule \
                 required username=\"{user}\" password=\"{user}-secret\";\n"
            );
        self.file(&format!("{user}.properties"), text)
    }

    pub(crate) fn properties(&self, protocol: Protocol) -> String {
        let bootstrap = self.cluster.bootstrap(protocol).unwrap();
        format!("bootstrap.servers={bootstrap}\nsecurity.protocol={protocol}\n")
    }

    /// Makes a topic of two partitions with so many records in each, `value-P-N`.
    pub(crate) fn topic(&self, name: &str, records: usize) {
        self.cluster.create_topic(name, 2, 1).unwrap();
        for partition in 0..2 {
            let value = |n| Record::keyed(format!("key-{n}"), format!("value-{partition}-{n}"));
            let all: Vec<_> = (0..records).map(value).collect();
            for batch in all.chunks(500) {
                self.cluster.write(name, partition, batch).unwrap();
            }
        }
    }

    /// Makes a token file of alice and gives its path.
    pub(crate) fn token(&self, name: &str) -> String {
        let (config, out) = (self.config("alice"), self.path(name).display().to_string());
        ottla(["token", "create", "--config", &config, "--out", &out]).succeeded();
        out
    }
}

pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ottla"));
    command.env_remove("NO_COLOR").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the binary to its end.
pub(crate) fn ottla<const N: usize>(arguments: [&str; N]) -> Ran {
    run(command().args(arguments), b"")
}

/// Runs the binary with something on its standard input.
pub(crate) fn ottla_with_input<const N: usize>(arguments: [&str; N], input: &[u8]) -> Ran {
    run(command().args(arguments).stdin(Stdio::piped()), input)
}

pub(crate) fn run(command: &mut Command, input: &[u8]) -> Ran {
    let mut child = command.spawn().unwrap();
    if let Some(mut stdin) = child.stdin.take() {
        let input = input.to_vec();
        thread::spawn(move || stdin.write_all(&input));
    }
    ended(child)
}

/// Presses Ctrl-C.
pub(crate) fn interrupt(child: &Child) {
    rustix::process::kill_process(rustix::process::Pid::from_child(child), rustix::process::Signal::INT)
        .unwrap();
}

/// Awaits the end of a process, and kills it if it takes too long.
pub(crate) fn ended(child: Child) -> Ran {
    let id = i32::try_from(child.id()).unwrap();
    let (sender, output) = std::sync::mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = output.recv_timeout(LIMIT) else {
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_raw(id).unwrap(),
            rustix::process::Signal::KILL,
        );
        panic!("a command took longer than {LIMIT:?}");
    };
    let output = output.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl Ran {
    /// The standard output of a command that must not fail.
    #[track_caller]
    pub(crate) fn succeeded(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.stdout, self.stderr);
        self.stdout
    }

    /// The standard error of a command that must end with `code`, having printed nothing.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""), "{}", self.stderr);
        assert!(
            !self.stderr.contains("alice-secret") && !self.stderr.contains("panicked"),
            "{}",
            self.stderr
        );
        self.stderr
    }

    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

pub(crate) fn names_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
