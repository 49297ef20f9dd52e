//! The command line.

use std::net::IpAddr;
use std::path::PathBuf;

use ottla::ScramMechanism;

pub(crate) const HELP: &str = "\
token_fanout: log in once, make a delegation token, and let executors in other
processes read every partition of a topic with it.

  token_fanout                        on a real Kafka that it starts on loopback
  token_fanout --config FILE --topic T   on your cluster

  --config FILE            a Java client.properties: where to log in, and as whom;
                           - is standard input
  --topic T                the topic to read, whole (with --config)
  --login scram|mtls|kerberos
                           how the driver logs in on the loopback Kafka (scram);
                           kerberos is by keytab and starts KDCs too
  --keytab                 short for --login kerberos
  --target-bootstrap LIST  where the token is used, if not where it is made
  --target-protocol P      SASL_SSL or SASL_PLAINTEXT there (SASL_SSL)
  --mechanism M            SCRAM-SHA-256 or SCRAM-SHA-512 there (SCRAM-SHA-512)
  --resolve NAME=ADDR      the address of a broker's name; repeatable
  --executors N            processes that read (4)
  --records N              records that Java writes on the loopback Kafka (200000)
  --alone                  read in this process, for places where none can be started

Exit code 0 if every record was read exactly once, 1 if not, 2 for a wrong command.
";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Driver,
    /// A process started by the driver; what it reads comes on standard input.
    Executor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    Scram,
    Mtls,
    Kerberos,
}

#[derive(Clone, Debug)]
pub(crate) struct Arguments {
    pub(crate) role: Role,
    pub(crate) config: Option<PathBuf>,
    pub(crate) topic: Option<String>,
    pub(crate) login: Login,
    pub(crate) target_bootstrap: Option<String>,
    pub(crate) target_protocol: Option<String>,
    pub(crate) mechanism: ScramMechanism,
    pub(crate) resolve: Vec<(String, IpAddr)>,
    pub(crate) executors: usize,
    pub(crate) records: u64,
    pub(crate) alone: bool,
}

impl Arguments {
    /// Reads the command line; nothing if it asks for help.
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut words = words;
        let mut arguments = Self {
            role: Role::Driver,
            config: None,
            topic: None,
            login: Login::Scram,
            target_bootstrap: None,
            target_protocol: None,
            mechanism: ScramMechanism::Sha512,
            resolve: Vec::new(),
            executors: 4,
            records: 200_000,
            alone: false,
        };
        while let Some(word) = words.next() {
            if word == "--help" || word == "-h" {
                return Ok(None);
            }
            arguments.take(&word, &mut words)?;
        }
        match (&arguments.config, &arguments.topic) {
            (Some(_), None) => Err("--config needs --topic".to_owned()),
            (None, Some(_)) => Err("--topic needs --config".to_owned()),
            _ => Ok(Some(arguments)),
        }
    }

    fn take(&mut self, word: &str, words: &mut impl Iterator<Item = String>) -> Result<(), String> {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word {
            "--executor" => self.role = Role::Executor,
            "--alone" => self.alone = true,
            "--config" => self.config = Some(value()?.into()),
            "--topic" => self.topic = Some(value()?),
            "--target-bootstrap" => self.target_bootstrap = Some(value()?),
            "--target-protocol" => self.target_protocol = Some(value()?),
            "--mechanism" => {
                self.mechanism = value()?.parse().map_err(|why| format!("--mechanism: {why}"))?
            }
            "--resolve" => self.resolve.push(resolved(&value()?)?),
            "--executors" => self.executors = number::<usize>(word, &value()?)?.clamp(1, 1_000),
            "--records" => self.records = number::<u64>(word, &value()?)?.clamp(1, 1_000_000_000),
            "--keytab" => self.login = Login::Kerberos,
            "--login" => {
                self.login = match value()?.as_str() {
                    "scram" => Login::Scram,
                    "mtls" => Login::Mtls,
                    "kerberos" => Login::Kerberos,
                    other => return Err(format!("--login {other}: scram, mtls or kerberos")),
                }
            }
            _ => return Err(format!("unknown argument {word}")),
        }
        Ok(())
    }
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{name} {text}: not a number"))
}

fn resolved(text: &str) -> Result<(String, IpAddr), String> {
    let parts =
        text.split_once('=').and_then(|(name, address)| Some((name.to_owned(), address.parse().ok()?)));
    parts.ok_or_else(|| format!("--resolve {text}: NAME=ADDRESS"))
}
