//! A `client.properties` of Java's Kafka tools as a [`Config`].
//!
//! ```text
//!  bytes ──► Properties ──► Draft (pure: all but the files that it names) ──► Config
//! ```

mod error;
#[cfg(feature = "kerberos")]
mod kerberos;
mod keys;
mod login;
mod pem_lines;
mod references;
mod stores;

use std::fmt;
use std::path::Path;

use self::error::Error;
pub(crate) use self::error::Fault;
use self::keys::{Keys, Use};
pub(crate) use self::keys::{bytes, millis, with_keys};
use super::{Config, Security};
use crate::cluster::properties::{MAX_BYTES, Properties};
use crate::conn::credentials::Credentials;
use crate::secret::file::FileRules;
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
    /// Those of readers and writers are left to
    /// [`ReadOptions::from_properties`](crate::ReadOptions::from_properties) and
    /// [`WriteOptions::from_properties`](crate::WriteOptions::from_properties).
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

    /// Reads a Java `client.properties` from a file: see [`Config::from_properties`]. The file may
    /// hold secrets, so [`FileRules`] says which ones are read. Blocks.
    ///
    /// # Errors
    /// [`InvalidProperties`] names the file, and the line and the key, never the value.
    pub fn from_file(path: impl AsRef<Path>) -> Result<(Self, Vec<ConfigWarning>), InvalidProperties> {
        let path = path.as_ref();
        let read = FileRules::new().with_max_bytes(MAX_BYTES).read(path);
        let text = read.map_err(|error| Error::File(error).in_file(path))?.warned(path);
        Self::from_properties(text.secret_bytes()).map_err(|error| error.in_file(path))
    }
}

/// Tells of an entry of a `client.properties` that does something else than people may expect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigWarning {
    line: usize,
    key: String,
    concern: Concern,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Concern {
    Unknown,
    /// It means something with another `security.protocol`.
    OtherProtocol,
    /// Java's clients know it, and here there is nothing that it could change.
    JavaOnly,
    /// Server names are not verified.
    AnyName,
}

impl fmt::Display for ConfigWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, key, concern } = self;
        write!(f, "line {line}: {key:?} ")?;
        f.write_str(match concern {
            Concern::Unknown => "is not a key that this client knows",
            Concern::OtherProtocol => "has no effect with this security.protocol",
            Concern::JavaOnly => "steers Java's clients and has no effect here",
            Concern::AnyName => {
                "is empty, so server names are not verified: whoever has a certificate of these roots can pose as a broker"
            }
        })
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
        references::refuse(properties)?;
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
            let concern = match Use::of(&entry.key) {
                Some((_, Use::Elsewhere | Use::Always)) => None,
                Some((key, Use::Tls)) if protocol.tls => (key == stores::NAMES
                    && entry.value.secret_text().trim().is_empty())
                .then_some(Concern::AnyName),
                Some((_, Use::Sasl)) if protocol.sasl => None,
                Some((_, Use::Tls | Use::Sasl)) => Some(Concern::OtherProtocol),
                Some((key, Use::Set(set))) => {
                    if let Some(changed) = keys.read(key, |value| set(config.clone(), value))? {
                        config = changed;
                    }
                    None
                }
                Some((_, Use::JavaOnly)) => Some(Concern::JavaOnly),
                None => Some(Concern::Unknown),
            };
            if let Some(concern) = concern {
                let key = entry.key.chars().take(MAX_SHOWN).collect();
                warnings.push(ConfigWarning { line: entry.line, key, concern });
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

fn protocol(name: &str) -> Result<Protocol, Fault> {
    match name.to_ascii_uppercase().as_str() {
        "PLAINTEXT" => Ok(Protocol { tls: false, sasl: false }),
        "SSL" => Ok(Protocol { tls: true, sasl: false }),
        "SASL_PLAINTEXT" => Ok(Protocol { tls: false, sasl: true }),
        "SASL_SSL" => Ok(Protocol { tls: true, sasl: true }),
        _ => Err(Fault::NotOneOf { allowed: "PLAINTEXT, SSL, SASL_PLAINTEXT and SASL_SSL" }),
    }
}

#[cfg(test)]
mod tests;
