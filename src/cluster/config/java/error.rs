//! What can be wrong with a `client.properties`.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::cluster::config::InvalidBootstrap;
use crate::cluster::{jaas, properties};
use crate::secret::file::FileError;
use crate::tls::InvalidTls;

/// Tells why a `client.properties` makes no configuration: the file, the line and the key, and
/// what to write instead. It shows no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidProperties {
    file: Option<PathBuf>,
    error: Error,
}

impl InvalidProperties {
    pub(super) fn in_file(mut self, file: &Path) -> Self {
        self.file = Some(file.to_owned());
        self
    }

    #[cfg(test)]
    pub(super) fn error(&self) -> &Error {
        &self.error
    }
}

impl From<Error> for InvalidProperties {
    fn from(error: Error) -> Self {
        Self { file: None, error }
    }
}

impl From<properties::Error> for InvalidProperties {
    fn from(error: properties::Error) -> Self {
        Error::Syntax(error).into()
    }
}

impl fmt::Display for InvalidProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{}: {}", file.display(), self.error),
            None => self.error.fmt(f),
        }
    }
}

impl std::error::Error for InvalidProperties {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.error {
            Error::File(error) => Some(error),
            Error::Tls(error) => Some(error),
            Error::Value { fault: Fault::Bootstrap(error), .. } => Some(error),
            Error::Syntax(_) | Error::Missing { .. } | Error::Value { .. } => None,
        }
    }
}

/// A private error of reading a `client.properties`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    /// The file cannot be trusted or read.
    File(FileError),
    /// The file is not in the syntax of properties.
    Syntax(properties::Error),
    /// A key that the others ask for is not there, or empty.
    Missing { key: &'static str },
    /// A value is not right.
    Value { key: &'static str, line: usize, fault: Fault },
    /// TLS cannot be set up with what the values, and the files that they name, have.
    Tls(InvalidTls),
}

impl Error {
    pub(super) fn in_file(self, file: &Path) -> InvalidProperties {
        InvalidProperties::from(self).in_file(file)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Syntax(error) => error.fmt(f),
            Self::Missing { key } => write!(f, "{key} is missing"),
            Self::Value { key, line, fault } => write!(f, "line {line}, {key}: {fault}"),
            Self::Tls(error) => error.fmt(f),
        }
    }
}

/// What is wrong with one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Bootstrap(InvalidBootstrap),
    /// The value is none of those that there are.
    NotOneOf {
        allowed: &'static str,
    },
    /// The value is no number of milliseconds.
    NotMillis,
    /// The value is no number of bytes.
    NotBytes,
    /// Kerberos is asked for.
    #[cfg(not(feature = "kerberos"))]
    Kerberos,
    /// The login module for Kerberos names neither keytab nor ticket cache.
    #[cfg(feature = "kerberos")]
    NoKerberosSource,
    Jaas(jaas::Error),
    /// The login module is not the one of the mechanism.
    WrongModule {
        right: &'static str,
    },
    /// The login module lacks an option.
    NoOption {
        option: &'static str,
    },
    /// With tokenauth, user name and password are not those of a token.
    NotAToken,
    /// A key store or trust store is not PEM.
    NotPem,
    /// A store is given both as a file and inline.
    FileAndInline,
    /// A part of the value is to come from a provider of Java's.
    Reference,
    /// A password is given for what has none.
    Password,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bootstrap(error) => error.fmt(f),
            Self::NotOneOf { allowed } => write!(f, "it is one of {allowed}"),
            Self::NotMillis => f.write_str("it is a number of milliseconds"),
            Self::NotBytes => f.write_str("it is a number of bytes"),
            #[cfg(not(feature = "kerberos"))]
            Self::Kerberos => f.write_str(
                "GSSAPI (Kerberos) is not in this build: switch on the feature `kerberos` of ottla",
            ),
            #[cfg(feature = "kerberos")]
            Self::NoKerberosSource => f.write_str(
                "the login module needs useKeyTab=true with keyTab=\"...\", or useTicketCache=true",
            ),
            Self::Jaas(error) => error.fmt(f),
            Self::WrongModule { right } => write!(f, "the login module of this sasl.mechanism is {right}"),
            Self::NoOption { option } => write!(f, "the login module needs the option {option}=\"...\""),
            Self::NotAToken => f.write_str(
                "with tokenauth=\"true\", username is the id of a delegation token and password the base64 text of its HMAC",
            ),
            Self::NotPem => f.write_str(
                "only PEM stores are read: set the store's type to PEM; `keytool -exportcert -rfc` or `openssl pkcs12` converts",
            ),
            Self::FileAndInline => f.write_str("the store is given as a file and inline: take one of them out"),
            Self::Reference => f.write_str(
                "the value refers to one of config.providers, which are not asked here: write the value itself",
            ),
            Self::Password => f.write_str(
                "PEM stores have no password, and encrypted keys are not supported: decrypt with `openssl pkcs8`",
            ),
        }
    }
}
