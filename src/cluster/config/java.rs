//! A `client.properties` of Java's Kafka tools as a [`Config`].
//!
//! ```text
//!  bytes ──► Properties ──► Draft (pure: all but the files that it names) ──► Config
//! ```

mod error;
#[cfg(feature = "kerberos")]
mod kerberos;
mod login;
mod pem_lines;
mod stores;

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use self::error::{Error, Fault};
use super::{Config, Security};
use crate::cluster::properties::{MAX_BYTES, Properties};
use crate::conn::credentials::Credentials;
use crate::tls::TlsBuilder;

pub use self::error::InvalidProperties;
pub(crate) use self::login::SCRAM_MODULE;

impl Config {
    /// Reads the text of a Java `client.properties`.
    ///
    /// Understood are where the cluster is (`bootstrap.servers`), `security.protocol`, PEM stores
    /// (`ssl.truststore.*`, `ssl.keystore.*`), `sasl.mechanism` PLAIN, SCRAM or GSSAPI with its
    /// `sasl.jaas.config`, with a delegation token too (`tokenauth="true"`), with the keytab or
    /// the ticket cache of Java's `Krb5LoginModule`, `sasl.kerberos.service.name`, `client.id` and
    /// the common time-outs. Keys that are not, or that have no effect, come back as warnings.
    ///
    /// The text is UTF-8 (Java takes it for ISO 8859-1: with other characters than ASCII, write
    /// `\uXXXX`). Files that it names are read, which blocks; their paths count from the working
    /// directory.
    ///
    /// # Errors
    /// [`InvalidProperties`] names the line and the key, never the value.
    pub fn from_properties(text: &[u8]) -> Result<(Self, Vec<ConfigWarning>), InvalidProperties> {
        Draft::parse(text)?.finish()
    }

    /// Reads a Java `client.properties` from a file: see [`Config::from_properties`]. Blocks.
    ///
    /// # Errors
    /// [`InvalidProperties`] names the file, and the line and the key, never the value.
    pub fn from_file(path: impl AsRef<Path>) -> Result<(Self, Vec<ConfigWarning>), InvalidProperties> {
        let path = path.as_ref();
        let read = || {
            let mut text = zeroize::Zeroizing::new(Vec::new());
            // One byte more than allowed tells a file of just that size from a longer one.
            let mut file = File::open(path)?.take(MAX_BYTES as u64 + 1);
            file.read_to_end(&mut text).map(|_| text)
        };
        let text = read().map_err(|error| Error::Unreadable { kind: error.kind() }.in_file(path))?;
        Self::from_properties(&text).map_err(|error| error.in_file(path))
    }
}

/// Tells of an entry of a `client.properties` that was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigWarning {
    line: usize,
    key: String,
    unknown: bool,
}

impl fmt::Display for ConfigWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, key, unknown } = self;
        match unknown {
            true => write!(f, "line {line}: {key:?} is not a key that this client knows"),
            false => write!(f, "line {line}: {key:?} has no effect with this security.protocol"),
        }
    }
}

/// A configuration without what has to be read from other files.
#[derive(Debug)]
pub(crate) struct Draft {
    config: Config,
    /// The parts of TLS, if it is wanted.
    pub(crate) tls: Option<TlsBuilder>,
    warnings: Vec<ConfigWarning>,
}

/// What is done with a key.
enum Use {
    /// It is read whatever the others say.
    Always,
    /// It is read where `security.protocol` has TLS, or SASL.
    Tls,
    Sasl,
    /// It sets one thing.
    Set(fn(Config, &str) -> Result<Config, Fault>),
}

/// All keys that are understood, one a row.
const KEYS: &[(&str, Use)] = &[
    ("bootstrap.servers", Use::Always),
    ("client.id", Use::Set(|config, id| Ok(config.with_client_id(id)))),
    ("connections.max.idle.ms", Use::Set(|config, ms| Ok(config.with_idle_close(millis_or_never(ms)?)))),
    ("default.api.timeout.ms", Use::Set(|config, ms| Ok(config.with_deadline(millis(ms)?)))),
    ("metadata.max.age.ms", Use::Set(|config, ms| Ok(config.with_metadata_max_age(millis(ms)?)))),
    (
        "reconnect.backoff.max.ms",
        Use::Set(|config, ms| {
            let first = config.reconnect_backoff.first;
            Ok(config.with_reconnect_backoff(first, millis(ms)?))
        }),
    ),
    (
        "reconnect.backoff.ms",
        Use::Set(|config, ms| {
            let max = config.reconnect_backoff.max;
            Ok(config.with_reconnect_backoff(millis(ms)?, max))
        }),
    ),
    ("request.timeout.ms", Use::Set(|config, ms| Ok(config.with_request_timeout(millis(ms)?)))),
    ("sasl.jaas.config", Use::Sasl),
    ("sasl.kerberos.service.name", Use::Sasl),
    ("sasl.mechanism", Use::Sasl),
    ("security.protocol", Use::Always),
    (
        "socket.connection.setup.timeout.ms",
        Use::Set(|config, ms| Ok(config.with_connect_timeout(millis(ms)?))),
    ),
    ("ssl.endpoint.identification.algorithm", Use::Tls),
    ("ssl.key.password", Use::Tls),
    ("ssl.keystore.certificate.chain", Use::Tls),
    ("ssl.keystore.key", Use::Tls),
    ("ssl.keystore.location", Use::Tls),
    ("ssl.keystore.password", Use::Tls),
    ("ssl.keystore.type", Use::Tls),
    ("ssl.truststore.certificates", Use::Tls),
    ("ssl.truststore.location", Use::Tls),
    ("ssl.truststore.password", Use::Tls),
    ("ssl.truststore.type", Use::Tls),
];

/// The two things that `security.protocol` says.
#[derive(Clone, Copy)]
struct Protocol {
    tls: bool,
    sasl: bool,
}

impl Draft {
    /// Reads all but the files that the text names.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, InvalidProperties> {
        let properties = Properties::parse(text)?;
        Self::of(&properties)
    }

    /// As [`Draft::parse`], of what is already cut into entries.
    pub(crate) fn of(properties: &Properties) -> Result<Self, InvalidProperties> {
        let keys = Keys(properties);
        let bootstrap = keys.read("bootstrap.servers", |list| list.parse().map_err(Fault::Bootstrap))?;
        let bootstrap = bootstrap.ok_or(Error::Missing { key: "bootstrap.servers" })?;
        let protocol =
            keys.read("security.protocol", protocol)?.unwrap_or(Protocol { tls: false, sasl: false });
        let tls = if protocol.tls { Some(stores::tls(keys)?) } else { None };
        let credentials = login::credentials(keys, protocol.sasl)?;
        let mut config = Config::new(bootstrap, Security::Plaintext, credentials);
        let mut warnings = Vec::new();
        for entry in &properties.entries {
            let known = KEYS.iter().find(|(key, _)| *key == entry.key);
            let effect = match known {
                Some((_, Use::Always)) => true,
                Some((_, Use::Tls)) => protocol.tls,
                Some((_, Use::Sasl)) => protocol.sasl,
                Some((key, Use::Set(set))) => {
                    if let Some(changed) = keys.read(key, |value| set(config.clone(), value))? {
                        config = changed;
                    }
                    true
                }
                None => false,
            };
            if !effect {
                let key = entry.key.chars().take(MAX_SHOWN).collect();
                warnings.push(ConfigWarning { line: entry.line, key, unknown: known.is_none() });
            }
        }
        Ok(Self { config, tls, warnings })
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Logs in by other means than the text says.
    pub(crate) fn with_credentials(mut self, credentials: Credentials) -> Self {
        self.config.credentials = credentials;
        self
    }

    /// Reads the files that the text names.
    pub(crate) fn finish(mut self) -> Result<(Config, Vec<ConfigWarning>), InvalidProperties> {
        if let Some(tls) = self.tls {
            self.config.security = Security::Tls(tls.build().map_err(Error::Tls)?);
        }
        Ok((self.config, self.warnings))
    }
}

/// How much of an unknown key a warning shows.
const MAX_SHOWN: usize = 64;

/// Looks up keys the way Kafka does: the last entry counts, and white space around values does not.
#[derive(Clone, Copy)]
struct Keys<'a>(&'a Properties);

impl<'a> Keys<'a> {
    /// A value that is there, be it empty, with its line.
    fn present(self, key: &str) -> Option<(usize, &'a str)> {
        let entry = self.0.last(key)?;
        Some((entry.line, entry.value.secret_text().trim_matches(|c| c <= ' ')))
    }

    /// A value that is there and not empty, with its line.
    fn text(self, key: &str) -> Option<(usize, &'a str)> {
        self.present(key).filter(|(_, text)| !text.is_empty())
    }

    fn read<T>(
        self,
        key: &'static str,
        read: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Result<Option<T>, Error> {
        let Some((line, text)) = self.text(key) else { return Ok(None) };
        read(text).map(Some).map_err(|fault| Error::Value { key, line, fault })
    }
}

fn protocol(name: &str) -> Result<Protocol, Fault> {
    match name.to_ascii_uppercase().as_str() {
        "PLAINTEXT" => Ok(Protocol { tls: false, sasl: false }),
        "SSL" => Ok(Protocol { tls: true, sasl: false }),
        "SASL_PLAINTEXT" => Ok(Protocol { tls: false, sasl: true }),
        "SASL_SSL" => Ok(Protocol { tls: true, sasl: true }),
        _ => Err(Fault::NotOneOf { allowed: "PLAINTEXT, SSL, SASL_PLAINTEXT and SASL_SSL" }),
    }
}

fn millis(text: &str) -> Result<Duration, Fault> {
    text.parse().map(Duration::from_millis).map_err(|_| Fault::NotMillis)
}

fn millis_or_never(text: &str) -> Result<Duration, Fault> {
    if text == "-1" { Ok(Duration::MAX) } else { millis(text) }
}

#[cfg(test)]
mod tests;
