//! The command line.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) const HELP: &str = "\
quickstart: log in once, make a delegation token, and let executors read every
partition of a topic with it while the token lives its life.

  quickstart                                       three brokers inside this process
  quickstart --brokers ADDR --config FILE --topic T   your cluster

  --executors N     how many read side by side (8)
  --seconds S       over how long the reading is spread (12)
  --records N       records in the topic of the embedded brokers (1000000)
  --brokers ADDR    host:port of some brokers, separated by commas
  --config FILE     a Java client.properties: how to log in there, and as whom
  --topic T         the topic to read there, whole
  --resolve NAME=ADDR  the address of a broker's name there; repeatable

On a terminal it draws a bar for each partition; elsewhere it prints plain lines.
NO_COLOR turns colours off. Ctrl-C deletes the token and ends.

Exit code 0 if every record was read exactly once, 1 if not, 2 for a wrong command,
130 after Ctrl-C.
";

/// A cluster outside this process.
#[derive(Clone, Debug)]
pub(crate) struct Elsewhere {
    pub(crate) brokers: String,
    pub(crate) config: PathBuf,
    pub(crate) topic: String,
    pub(crate) resolve: Vec<(String, IpAddr)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Arguments {
    pub(crate) executors: usize,
    pub(crate) pace: Duration,
    pub(crate) records: u32,
    pub(crate) elsewhere: Option<Elsewhere>,
}

impl Arguments {
    /// Reads the command line; nothing if it asks for help.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut arguments =
            Self { executors: 8, pace: Duration::from_secs(12), records: 1_000_000, elsewhere: None };
        let (mut brokers, mut config, mut topic, mut resolve) = (None, None, None, Vec::new());
        while let Some(word) = words.next() {
            if word == "--help" || word == "-h" {
                return Ok(None);
            }
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--executors" => arguments.executors = number(&word, &value()?, 1, 1_000)?,
                "--seconds" => arguments.pace = Duration::from_secs(number(&word, &value()?, 0, 86_400)?),
                "--records" => arguments.records = number(&word, &value()?, 12, 50_000_000)?,
                "--brokers" => brokers = Some(value()?),
                "--config" => config = Some(PathBuf::from(value()?)),
                "--topic" => topic = Some(value()?),
                "--resolve" => resolve.push(resolved(&value()?)?),
                _ => return Err(format!("unknown argument {word}")),
            }
        }
        arguments.elsewhere = match (brokers, config, topic) {
            (None, None, None) if resolve.is_empty() => None,
            (Some(brokers), Some(config), Some(topic)) => Some(Elsewhere { brokers, config, topic, resolve }),
            _ => return Err("--brokers, --config and --topic go together".to_owned()),
        };
        Ok(Some(arguments))
    }
}

fn resolved(text: &str) -> Result<(String, IpAddr), String> {
    let parts =
        text.split_once('=').and_then(|(name, address)| Some((name.to_owned(), address.parse().ok()?)));
    parts.ok_or_else(|| format!("--resolve {text}: NAME=ADDRESS"))
}

fn number<T>(name: &str, text: &str, least: T, most: T) -> Result<T, String>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let number = text.parse().map_err(|_| format!("{name} {text}: not a number"))?;
    if number < least || number > most {
        return Err(format!("{name} {text}: from {least} to {most}"));
    }
    Ok(number)
}
