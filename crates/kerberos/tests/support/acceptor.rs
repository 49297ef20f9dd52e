//! Foreign services that our contexts are shown to: the JDK's and MIT's.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test crate uses a part of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ottla_kerberos::sasl::{SaslClient, SaslStep};

use super::mit::Mit;

/// A service that runs as long as this value.
pub(crate) struct Acceptor {
    process: Child,
    port: u16,
    speaks_modes: bool,
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How a service took a login.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It took the client for this name.
    Accepted(String),
    /// It gave this reason.
    Refused(String),
}

/// A connection of whole tokens.
pub(crate) struct Tokens(TcpStream);

impl Acceptor {
    /// Starts the object that Kafka's brokers create, with keys from `keytab`.
    pub(crate) fn java(mit: &Mit, realm: &str, service: &str, host: &str, keytab: &Path) -> Self {
        let java = Path::new("/usr/bin/java");
        assert!(java.exists(), "no java; run: apt-get install -y openjdk-17-jdk-headless");
        let mut command = Command::new(java);
        command.arg(format!("-Djava.security.krb5.conf={}", mit.krb5_conf().display()));
        // A few logins do not pay for a compiler, and a small heap leaves room for others.
        command.args(["-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]);
        command.arg(source("Acceptor.java")).args([service, host]).arg(keytab).arg(realm);
        Self::start(command, false)
    }

    /// Starts MIT's acceptor, with keys from `keytab`.
    pub(crate) fn mit(mit: &Mit, service: &str, host: &str, keytab: &Path) -> Self {
        let python = "/usr/bin/python3";
        let probe = Command::new(python).args(["-c", "import gssapi"]).status();
        assert!(probe.is_ok_and(|status| status.success()), "run: apt-get install -y python3-gssapi");
        let mut command = Command::new(python);
        command.env("KRB5_CONFIG", mit.krb5_conf()).env("KRB5_KTNAME", keytab).env("KRB5RCACHENAME", "none:");
        command.arg(source("acceptor.py")).args([service, host]);
        Self::start(command, true)
    }

    fn start(mut command: Command, speaks_modes: bool) -> Self {
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| panic!("the acceptor did not start: {line:?}"));
        Self { process, port, speaks_modes }
    }

    /// Connects for SASL.
    pub(crate) fn connect(&self) -> Tokens {
        let mut tokens = Tokens::connect(self.port);
        if self.speaks_modes {
            tokens.0.write_all(b"S").unwrap();
        }
        tokens
    }

    /// Connects for bare tokens; MIT's only.
    pub(crate) fn connect_for_echo(&self) -> Tokens {
        let mut tokens = Tokens::connect(self.port);
        tokens.0.write_all(b"G").unwrap();
        tokens
    }

    /// Logs in over a connection of its own.
    pub(crate) fn log_in(&self, begun: (Vec<u8>, SaslClient)) -> Outcome {
        self.log_in_aloud(begun, |_, _| ())
    }

    /// Logs in and gives `hear` every token, and whether we sent it.
    pub(crate) fn log_in_aloud(
        &self,
        (first, mut client): (Vec<u8>, SaslClient),
        mut hear: impl FnMut(bool, &[u8]),
    ) -> Outcome {
        let mut tokens = self.connect();
        let mut token = first;
        loop {
            hear(true, &token);
            tokens.send(&token);
            let challenge = match tokens.receive() {
                Ok(challenge) => challenge,
                Err(outcome) => return outcome,
            };
            hear(false, &challenge);
            match client.step(&challenge).unwrap() {
                SaslStep::Send { response, next } => (token, client) = (response, next),
                SaslStep::Last { response } => {
                    hear(true, &response);
                    tokens.send(&response);
                    return tokens.receive().unwrap_err();
                }
            }
        }
    }
}

impl Tokens {
    fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(stream)
    }

    pub(crate) fn send(&mut self, token: &[u8]) {
        let length = u32::try_from(token.len()).unwrap().to_be_bytes();
        self.0.write_all(&[&length[..], token].concat()).unwrap();
    }

    /// Gives a challenge, or how it ended.
    pub(crate) fn receive(&mut self) -> Result<Vec<u8>, Outcome> {
        let mut head = [0; 5];
        self.0.read_exact(&mut head).unwrap();
        let [status, length @ ..] = head;
        let mut bytes = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
        self.0.read_exact(&mut bytes).unwrap();
        let text = || String::from_utf8_lossy(&bytes).into_owned();
        match status {
            0 => Ok(bytes),
            1 => Err(Outcome::Accepted(text())),
            _ => Err(Outcome::Refused(text())),
        }
    }
}

fn source(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support").join(name)
}
