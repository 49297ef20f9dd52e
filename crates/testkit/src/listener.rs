//! What a broker listens on.

use std::fmt;

/// The security protocol of a listener. A broker has at most one listener of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// No TLS, nobody logs in; the principal is `User:ANONYMOUS`.
    Plaintext,
    /// TLS; who shows a certificate of the cluster's authority acts as its common name.
    Ssl,
    /// SASL without TLS.
    SaslPlaintext,
    /// SASL inside TLS.
    SaslSsl,
}

impl Protocol {
    pub(crate) fn has_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }

    pub(crate) fn has_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }
}

impl fmt::Display for Protocol {
    /// Kafka's name for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        })
    }
}

/// A SASL mechanism of the brokers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// RFC 5802 and 7677; takes delegation tokens.
    ScramSha256,
    /// The same with SHA-512; takes delegation tokens.
    ScramSha512,
    /// RFC 4752 with Kerberos; needs [`ClusterBuilder::kerberos`](crate::ClusterBuilder::kerberos).
    #[cfg(feature = "kerberos")]
    Gssapi,
}

impl Mechanism {
    /// Those that need nothing but a password.
    pub(crate) const OF_PASSWORDS: [Self; 3] = [Self::Plain, Self::ScramSha256, Self::ScramSha512];

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
            #[cfg(feature = "kerberos")]
            Self::Gssapi => "GSSAPI",
        }
    }
}
