//! What can be wrong with the making of a TLS configuration.

use std::fmt;
use std::path::PathBuf;

use crate::secret::file::FileError;

/// Tells why TLS cannot be set up. `Display` says what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidTls(pub(super) Error);

impl fmt::Display for InvalidTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for InvalidTls {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Error::File { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl From<Error> for InvalidTls {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

/// Which PEM text an error is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) part: Part,
    /// The file, if the text did not come as bytes.
    pub(crate) file: Option<PathBuf>,
}

/// What a PEM text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Roots,
    Chain,
    Key,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.part {
            Part::Roots => "the PEM text of the roots",
            Part::Chain => "the PEM text of the client's certificate chain",
            Part::Key => "the PEM text of the client's private key",
        })?;
        match &self.file {
            Some(file) => write!(f, " in {}", file.display()),
            None => Ok(()),
        }
    }
}

/// A private error of the TLS layer. It never holds the text of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    // The caller's fault.
    /// A file cannot be trusted or read.
    File { origin: Origin, error: FileError },
    /// A PEM text is longer than any sensible one.
    TooLarge { origin: Origin, max: usize },
    /// A PEM section has no end, or is not base64.
    BadPem { origin: Origin },
    /// A PEM text has no CERTIFICATE section.
    NoCertificate { origin: Origin },
    /// A CERTIFICATE section holds no X.509 certificate.
    BadCertificate { origin: Origin },
    /// A PEM text has no PRIVATE KEY section.
    NoPrivateKey { origin: Origin },
    /// A private key is encrypted by a passphrase.
    EncryptedKey { origin: Origin },
    /// The provider cannot use a private key: it is damaged, or of a kind that it does not know.
    UnusableKey { origin: Origin },
    /// The private key is not the one of the client's certificate.
    KeyDoesNotFit,
    /// Nothing says whom to trust.
    NoRoots,
    /// No provider was chosen and the default one is not compiled in.
    NoProvider,
    /// A host is neither a DNS name nor an address.
    NotAServerName,
    // The environment's fault.
    /// The processor lacks what the provider is built on.
    #[cfg_attr(not(feature = "tls-graviola"), allow(dead_code, reason = "only graviola asks for them"))]
    CpuLacks { feature: &'static str },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { origin, error } => write!(f, "{origin}: {error}"),
            Self::TooLarge { origin, max } => write!(f, "{origin} has more than {max} bytes"),
            Self::BadPem { origin } => write!(f, "{origin} has a broken section"),
            Self::NoCertificate { origin } => write!(f, "{origin} has no CERTIFICATE section"),
            Self::BadCertificate { origin } => write!(f, "{origin} has a section that is no X.509 certificate"),
            Self::NoPrivateKey { origin } => write!(f, "{origin} has no PRIVATE KEY section"),
            Self::EncryptedKey { origin } => write!(
                f,
                "{origin} is encrypted, which is not supported: decrypt it with `openssl pkcs8 -in KEY -out PLAIN_KEY` and protect the file"
            ),
            Self::UnusableKey { origin } => {
                write!(f, "{origin} is damaged or of a kind that the TLS provider does not know")
            }
            Self::KeyDoesNotFit => f.write_str("the client's private key does not belong to its certificate"),
            Self::NoRoots => f.write_str(
                "TLS has no roots of trust: give the CA's certificate with `with_roots_pem` or `with_roots_file`",
            ),
            Self::NoProvider => f.write_str(
                "TLS has no crypto provider: switch on the feature `tls-graviola`, or `tls-ring` or `tls-aws-lc` and choose it with `with_provider`",
            ),
            Self::NotAServerName => f.write_str("the broker's host is neither a DNS name nor an IP address"),
            Self::CpuLacks { feature } => write!(
                f,
                "this processor lacks `{feature}`, which the TLS provider graviola needs: use the feature `tls-ring` and `TlsProvider::Ring`"
            ),
        }
    }
}
