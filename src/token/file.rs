//! The token file: a Kafka `client.properties` that logs in with a delegation token.
//!
//! Java's tools use it unchanged. What they have no key for, the life of the token, stands in
//! comments, `# ottla.expires=1700000000000` and the like, written with the escapes of values. A
//! file without them, made by hand for Java, is read too; its token then has no known life.
//!
//! Texts alone are made and read here; only [`disk`] touches files.

pub(crate) mod disk;

use std::fmt;

use zeroize::Zeroizing;

use crate::cluster::config::java::{Draft, SCRAM_MODULE};
use crate::cluster::config::{Bootstrap, Config, InvalidProperties, Security};
use crate::cluster::jaas;
use crate::cluster::properties::{self, Properties, Value};
use crate::conn::credentials::{Credentials, TokenSource};
use crate::conn::token::{Token, TokenLife};
use crate::ids::Principal;
use crate::sasl::ScramMechanism;
use crate::secret::Secret;
use crate::secret::file::FileError;
use crate::time::Timestamp;

/// The largest token file. One with ten root certificates has a third of this.
pub(crate) const MAX_BYTES: usize = 64 * 1024;
/// The version of the comments.
const VERSION: &str = "1";
/// What all keys in comments begin with.
const PREFIX: &str = "ottla.";
/// The first line: whoever finds the file should know what it is.
const WARNING: &[u8] =
    b"# Logs in to Kafka with a delegation token. Whoever reads this file can act as the token's owner.\n";

/// Holds a token file that was read: a delegation token, and where it is used.
///
/// The file is a Kafka `client.properties`: Java's tools log in with it unchanged. Make its text
/// by [`Target::token_file`](super::target::Target::token_file).
#[derive(Debug)]
pub struct TokenFile {
    token: Token,
    mechanism: ScramMechanism,
    draft: Draft,
}

/// Tells why a text is no token file. It shows nothing of the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidTokenFile(Error);

impl fmt::Display for InvalidTokenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for InvalidTokenFile {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0)
    }
}

impl InvalidTokenFile {
    /// Whether the file may be found whole a moment later: somebody writes it right now, or its file system
    /// does not answer.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self.0, Error::File(FileError::Changed | FileError::TimedOut { .. }))
    }
}

impl From<InvalidTokenFile> for crate::error::Error {
    fn from(why: InvalidTokenFile) -> Self {
        use crate::error::ErrorKind;
        match why.is_passing() {
            true => {
                Self::because(ErrorKind::Timeout, "the token file could not be read in time").caused_by(why)
            }
            false => Self::config(why),
        }
    }
}

impl From<Error> for InvalidTokenFile {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

/// What can be wrong with a token file. It shows nothing of the token but names of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    /// The file is, or would be, larger than a token file may be.
    TooLarge { max: usize },
    /// The file is no `client.properties`, or one with a mistake.
    Properties(InvalidProperties),
    /// The file logs in by other means than a delegation token.
    NoToken,
    /// The comments are of a version that is not known here.
    Version { line: usize },
    /// A comment has a value that cannot be, or stands there twice.
    Comment { line: usize, key: &'static str },
    /// Some of the comments are there, and this one is not.
    Missing { key: &'static str },
    /// The comments are about another token than the one that logs in.
    OtherToken { line: usize },
    /// The file cannot be trusted, read or replaced.
    File(FileError),
    /// None of the bootstrap servers is one of the file that was there before.
    OtherCluster,
    /// The token is older than the one that was there before.
    Older,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { max } => write!(f, "a token file has at most {max} bytes"),
            Self::Properties(error) => error.fmt(f),
            Self::NoToken => f.write_str(
                "the file has no delegation token: its sasl.mechanism is SCRAM and its login module has tokenauth=\"true\"",
            ),
            Self::Version { line } => {
                write!(f, "line {line}: the token file is of a later version than {VERSION}")
            }
            Self::Comment { line, key } => write!(f, "line {line}, {PREFIX}{key}: the value is wrong, or there twice"),
            Self::Missing { key } => write!(f, "the comment {PREFIX}{key} is missing beside the others"),
            Self::OtherToken { line } => {
                write!(f, "line {line}: the comments are about another token than the one that logs in")
            }
            Self::File(error) => write!(f, "the token file: {error}"),
            Self::OtherCluster => f.write_str("the token file is of another cluster than before"),
            Self::Older => f.write_str("the token in the file is older than the one in use"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(error) => Some(error),
            Self::Properties(error) => Some(error),
            _ => None,
        }
    }
}

impl From<FileError> for Error {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl From<FileError> for InvalidTokenFile {
    fn from(error: FileError) -> Self {
        Self(Error::File(error))
    }
}

impl From<InvalidProperties> for Error {
    fn from(error: InvalidProperties) -> Self {
        Self::Properties(error)
    }
}

impl TokenFile {
    /// Reads the text of a token file, of at most 64 KiB. Opens no file that it may name.
    ///
    /// # Errors
    /// [`InvalidTokenFile`] names the line and the key, never a value.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidTokenFile> {
        Ok(Self::read(text)?)
    }

    pub(super) fn read(text: &[u8]) -> Result<Self, Error> {
        if text.len() > MAX_BYTES {
            return Err(Error::TooLarge { max: MAX_BYTES });
        }
        let properties = Properties::parse(text).map_err(InvalidProperties::from)?;
        let draft = Draft::of(&properties)?;
        let Credentials::Token { mechanism, source } = draft.config().credentials() else {
            return Err(Error::NoToken);
        };
        let (mechanism, token) = (*mechanism, Token::clone(&source.current()));
        let token = Remarks::parse(&properties)?.apply(token)?;
        Ok(Self { token, mechanism, draft })
    }

    /// Gives the text of a token file after its token was renewed: the same but for what it says
    /// of the token's life, which Java does not look at. A file that says nothing of it stays as
    /// it is.
    ///
    /// # Errors
    /// [`InvalidTokenFile`] as [`TokenFile::parse`].
    pub fn renewed(text: &[u8], expires: Timestamp) -> Result<Secret, InvalidTokenFile> {
        Ok(renew(text, &Self::parse(text)?.token, expires))
    }

    /// The token; its life is known if the file was made by this library.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// The servers of the target.
    pub(super) fn bootstrap(&self) -> &Bootstrap {
        self.draft.config().bootstrap()
    }

    /// The mechanism to log in by.
    pub fn mechanism(&self) -> ScramMechanism {
        self.mechanism
    }

    /// Makes the configuration of a client that logs in to the target of the file with the tokens
    /// of `source`: [`TokenSource::fixed`] with the file's own, or one that is replaced in time.
    /// Reads the files that the text names, which blocks; one made by this library names none.
    ///
    /// # Errors
    /// [`InvalidTokenFile`] if a file that the text names cannot be read.
    pub fn into_config(self, source: TokenSource) -> Result<Config, InvalidTokenFile> {
        let credentials = Credentials::Token { mechanism: self.mechanism, source };
        let (config, _) = self.draft.with_credentials(credentials).finish().map_err(Error::from)?;
        Ok(config)
    }
}

/// The text after `token`, which it has, was renewed.
fn renew(text: &[u8], token: &Token, expires: Timestamp) -> Secret {
    let renewals = token.life().map_or(0, |life| life.renewals).saturating_add(1);
    let said = [("expires", expires.as_millis().to_string()), ("renewals", renewals.to_string())];
    // All the room at once: a secret that moved would leave a copy behind.
    let mut renewed = Zeroizing::new(Vec::with_capacity(text.len() + 64));
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let is_of = |key: &str| line.starts_with(format!("# {PREFIX}{key}=").as_bytes());
        match said.iter().find(|(key, _)| is_of(key)) {
            Some((key, value)) => {
                renewed.extend_from_slice(b"# ");
                renewed.extend_from_slice(PREFIX.as_bytes());
                properties::write(&mut renewed, key, value);
            }
            None => renewed.extend_from_slice(line),
        }
    }
    Secret::copied(&renewed)
}

/// Writes the token file by which others log in with `token` at `bootstrap`.
///
/// The roots of trust of `security` go with it as PEM text. A `ClientConfig` of one's own tells
/// none: Java then takes its own, and we refuse the file for want of them.
pub(crate) fn write(
    token: &Token,
    bootstrap: &Bootstrap,
    security: &Security,
    mechanism: ScramMechanism,
) -> Result<Secret, Error> {
    let (protocol, roots) = match security {
        Security::Plaintext => ("SASL_PLAINTEXT", None),
        Security::Tls(tls) => ("SASL_SSL", tls.roots_pem()),
    };
    let login = login(token);
    let bootstrap = bootstrap.to_string();
    let mut entries = vec![
        ("bootstrap.servers", bootstrap.as_str()),
        ("security.protocol", protocol),
        ("sasl.mechanism", mechanism.name()),
        ("sasl.jaas.config", login.secret_text()),
    ];
    if let Some(roots) = &roots {
        entries.push(("ssl.truststore.type", "PEM"));
        entries.push(("ssl.truststore.certificates", roots));
    }
    if matches!(security, Security::Tls(tls) if tls.takes_any_name()) {
        entries.push(("ssl.endpoint.identification.algorithm", ""));
    }
    let remarks = remarks(token);
    // All the room at once: a secret that moved would leave a copy behind.
    let room = |key: &str, value: &str| 2 + PREFIX.len() + properties::written_len(key, value);
    let room = WARNING.len()
        + entries.iter().map(|(key, value)| room(key, value)).sum::<usize>()
        + remarks.iter().map(|(key, value)| room(key, value)).sum::<usize>();
    let mut text = Zeroizing::new(Vec::with_capacity(room));
    text.extend_from_slice(WARNING);
    for (key, value) in &remarks {
        text.extend_from_slice(b"# ");
        text.extend_from_slice(PREFIX.as_bytes());
        properties::write(&mut text, key, value);
    }
    for (key, value) in entries {
        properties::write(&mut text, key, value);
    }
    if text.len() > MAX_BYTES {
        return Err(Error::TooLarge { max: MAX_BYTES });
    }
    Ok(Secret::copied(&text))
}

/// The JAAS line that logs in with `token`.
pub(crate) fn login(token: &Token) -> Value {
    let password = token.secret_password();
    let password = std::str::from_utf8(password.secret_bytes()).unwrap_or_default();
    jaas::write(SCRAM_MODULE, &[("username", token.id()), ("password", password), ("tokenauth", "true")])
}

fn remarks(token: &Token) -> Vec<(&'static str, String)> {
    let mut remarks = vec![("version", VERSION.to_owned()), ("id", token.id().to_owned())];
    remarks.extend(token.owner().map(|owner| ("owner", owner.to_string())));
    remarks.extend(token.requester().map(|requester| ("requester", requester.to_string())));
    if let Some(life) = token.life() {
        remarks.push(("issued", life.issued.as_millis().to_string()));
        remarks.push(("expires", life.expires.as_millis().to_string()));
        remarks.push(("max", life.max.as_millis().to_string()));
        remarks.push(("renewals", life.renewals.to_string()));
    }
    remarks
}

/// What the comments say about the token.
#[derive(Default)]
struct Remarks {
    version: Option<usize>,
    id: Option<(usize, String)>,
    owner: Option<Principal>,
    requester: Option<Principal>,
    issued: Option<Timestamp>,
    expires: Option<Timestamp>,
    max: Option<Timestamp>,
    renewals: Option<u32>,
}

impl Remarks {
    /// Passes over comments without our prefix, and over keys that are not known: a later writer
    /// may say more without changing what these mean.
    fn parse(properties: &Properties) -> Result<Self, Error> {
        let mut remarks = Self::default();
        for comment in &properties.comments {
            let text = comment.text.secret_text().trim_start();
            let Some(text) = text.strip_prefix(PREFIX) else { continue };
            let one = Properties::parse(text.as_bytes()).map_err(InvalidProperties::from)?;
            if let Some(entry) = one.entries.first() {
                remarks.take(comment.line, &entry.key, entry.value.secret_text())?;
            }
        }
        Ok(remarks)
    }

    fn take(&mut self, line: usize, key: &str, value: &str) -> Result<(), Error> {
        let time = || value.parse().map(Timestamp::from_millis).ok();
        match key {
            "version" if value != VERSION => Err(Error::Version { line }),
            "version" => set(&mut self.version, Some(line), line, "version"),
            "id" => set(&mut self.id, Some((line, value.to_owned())), line, "id"),
            "owner" => set(&mut self.owner, value.parse().ok(), line, "owner"),
            "requester" => set(&mut self.requester, value.parse().ok(), line, "requester"),
            "issued" => set(&mut self.issued, time(), line, "issued"),
            "expires" => set(&mut self.expires, time(), line, "expires"),
            "max" => set(&mut self.max, time(), line, "max"),
            "renewals" => set(&mut self.renewals, value.parse().ok(), line, "renewals"),
            _ => Ok(()),
        }
    }

    fn apply(self, mut token: Token) -> Result<Token, Error> {
        let Some((line, id)) = self.id else {
            return if self.version.is_none() { Ok(token) } else { Err(Error::Missing { key: "id" }) };
        };
        if self.version.is_none() {
            return Err(Error::Missing { key: "version" });
        }
        if id != token.id() {
            return Err(Error::OtherToken { line });
        }
        let life = match (self.issued, self.expires, self.max, self.renewals) {
            (None, None, None, None) => None,
            (Some(issued), Some(expires), Some(max), Some(renewals)) => {
                Some(TokenLife { issued, expires, max, renewals })
            }
            (None, ..) => return Err(Error::Missing { key: "issued" }),
            (_, None, ..) => return Err(Error::Missing { key: "expires" }),
            (_, _, None, _) => return Err(Error::Missing { key: "max" }),
            (.., None) => return Err(Error::Missing { key: "renewals" }),
        };
        if let Some(owner) = self.owner {
            token = token.with_owner(owner);
        }
        if let Some(requester) = self.requester {
            token = token.with_requester(requester);
        }
        Ok(match life {
            Some(life) => token.with_life(life),
            None => token,
        })
    }
}

fn set<T>(slot: &mut Option<T>, value: Option<T>, line: usize, key: &'static str) -> Result<(), Error> {
    let first = slot.is_none();
    *slot = value;
    if first && slot.is_some() { Ok(()) } else { Err(Error::Comment { line, key }) }
}

#[cfg(test)]
#[cfg(feature = "tls-graviola")]
mod tests;
