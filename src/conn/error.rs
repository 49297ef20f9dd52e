//! What can end a connection, or keep one from being made.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::wire::api::ApiKey;
use crate::{sasl, wire};

/// A private error of the connection layer. All but `NotSent` end the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    // The peer's fault.
    /// The bytes of a response are wrong.
    Wire(wire::Error),
    /// A response answers another request than the oldest, or none.
    CorrelationId { got: i32, want: Option<i32> },
    /// Connections in a row broke on what could not be read: it was not damaged on its way.
    Unreadable { last: Box<Self> },
    /// The broker refuses ApiVersions with an error code of its own.
    ApiVersionsRefused { code: i16 },
    /// The mechanism goes on for more rounds than any real one.
    EndlessLogin { rounds: u8 },

    // Refused.
    /// The listener does not offer the mechanism.
    MechanismNotEnabled { mechanism: Box<str>, enabled: Box<[PeerText]> },
    /// `SaslHandshake` failed.
    HandshakeRefused { code: i16 },
    /// `SaslAuthenticate` failed.
    LoginRefused { code: i16, step: LoginStep, text: PeerText },
    /// The broker accepted a token that had expired: it will serve nothing.
    TokenExpired,
    /// The mechanism's own finding.
    Sasl(sasl::Error),

    // The environment.
    /// No address could be reached, or the stream broke.
    Io(IoFault),
    /// One side of TLS refused the other, in the handshake or, by an alert, right after it.
    Tls(PeerText),
    /// TLS met what no honest peer sends, such as a record with a wrong check: it was damaged on its
    /// way, or the connection is attacked. Nothing of it was taken.
    TlsDamaged(PeerText),
    /// The broker closed the connection in the middle of the TLS handshake.
    ClosedInTls,
    /// The broker closed the connection.
    Closed,
    /// The broker closed the connection in the middle of a login.
    ClosedInLogin,
    /// A request was sent and not answered by its deadline.
    Stalled { api: ApiKey },
    /// The connection was not ready in time.
    DialTimeout { limit: Duration },
    /// The operating system has no entropy.
    NoEntropy,
    /// The process ends: a key could not be derived.
    NoKey,

    // The caller's side.
    /// The deadline passed before the request could be sent.
    NotSent,
    /// The host name of a broker is no valid TLS server name.
    ServerName,
    /// A login is wanted where there is no credential.
    NoCredential,
    /// A Kerberos login failed, here, at a KDC or at the broker.
    #[cfg(feature = "kerberos")]
    Kerberos(super::kerberos::Fault),
    /// The user's factory of SASL mechanisms gave none.
    Mechanism(sasl::MechanismError),
    /// The connection was closed here: it was idle for long, or its client is gone.
    Retired,
}

impl Error {
    /// Whether bytes were wrong that may have been right when they were sent: another connection may
    /// bring them whole.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Wire(error) => error.is_of_peer(),
            Self::CorrelationId { .. } | Self::TlsDamaged(_) => true,
            _ => false,
        }
    }

    /// What damage is that came again and again: the peer's doing.
    pub(crate) fn repeated(self) -> Self {
        match self {
            Self::TlsDamaged(text) => Self::Tls(text),
            damage => Self::Unreadable { last: Box::new(damage) },
        }
    }
}

#[cfg(feature = "kerberos")]
impl Error {
    /// Whether a KDC is not there, now.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self, Self::Kerberos(fault) if fault.side() == super::kerberos::Side::Environment)
    }
}

/// What the system said, or whoever makes streams. Two are the same if their kinds are: nothing else
/// decides.
#[derive(Clone, Debug)]
pub(crate) struct IoFault(Arc<io::Error>);

impl IoFault {
    pub(crate) fn kind(&self) -> io::ErrorKind {
        self.0.kind()
    }
}

impl PartialEq for IoFault {
    fn eq(&self, other: &Self) -> bool {
        self.kind() == other.kind()
    }
}

impl Eq for IoFault {}

/// Which of the broker's answers refused a login. For a token it tells what nothing else does:
/// an unknown token id fails at the first, a wrong HMAC at a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoginStep {
    /// The answer to the client's first message.
    First,
    /// A later answer.
    Later,
}

/// A text from a peer: at most 256 characters, control characters escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PeerText(Box<str>);

impl PeerText {
    const MAX_CHARS: usize = 256;

    pub(crate) fn new(text: &str) -> Self {
        let mut kept = String::new();
        for char in text.chars().take(Self::MAX_CHARS) {
            if char.is_control() {
                kept.extend(char.escape_default());
            } else {
                kept.push(char);
            }
        }
        Self(kept.into_boxed_str())
    }
}

impl fmt::Display for PeerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wire(error) => error.fmt(f),
            Self::CorrelationId { got, want: Some(want) } => {
                write!(f, "response {got} came where {want} was due")
            }
            Self::CorrelationId { got, want: None } => write!(f, "response {got} answers no request"),
            Self::ApiVersionsRefused { code } => write!(f, "ApiVersions refused with error code {code}"),
            Self::EndlessLogin { rounds } => write!(f, "the login is not done after {rounds} rounds"),
            Self::MechanismNotEnabled { mechanism, enabled } => {
                write!(f, "the listener does not offer {mechanism}; it offers")?;
                enabled.iter().try_for_each(|name| write!(f, " {name}"))
            }
            Self::HandshakeRefused { code } => write!(f, "SaslHandshake refused with error code {code}"),
            Self::LoginRefused { code, step: LoginStep::First, text } => {
                write!(f, "refused at the first message, error code {code}: {text}")
            }
            Self::LoginRefused { code, step: LoginStep::Later, text } => {
                write!(f, "refused at the proof, error code {code}: {text}")
            }
            Self::TokenExpired => f.write_str("the session of the token's login ends at once"),
            Self::Sasl(error) => error.fmt(f),
            Self::Io(fault) => fault.0.fmt(f),
            Self::Tls(text) => text.fmt(f),
            Self::TlsDamaged(text) => write!(f, "damaged TLS: {text}"),
            Self::Unreadable { last } => write!(f, "not readable on several connections in a row: {last}"),
            Self::ClosedInTls => {
                f.write_str("closed by the broker in the middle of the TLS handshake; is it a TLS listener?")
            }
            Self::Closed => f.write_str("closed by the broker"),
            Self::ClosedInLogin => f.write_str("closed by the broker in the middle of a login"),
            Self::Stalled { api } => write!(f, "{api} was not answered in time"),
            Self::DialTimeout { limit } => write!(f, "not connected and logged in within {limit:?}"),
            Self::NoEntropy => f.write_str("the operating system gives no random bytes"),
            Self::NoKey => f.write_str("the runtime ended before a key was derived"),
            Self::NotSent => f.write_str("the time limit passed before the request could be sent"),
            Self::ServerName => f.write_str("the host is neither a DNS name nor an IP address"),
            Self::NoCredential => f.write_str("there is no credential to log in with"),
            #[cfg(feature = "kerberos")]
            Self::Kerberos(fault) => fault.fmt(f),
            Self::Mechanism(error) => error.fmt(f),
            Self::Retired => f.write_str("closed after a long idle time, or because its client is gone"),
        }
    }
}

impl std::error::Error for Error {
    /// What lies behind an error whose text is this one's.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Sasl(error) => error.source(),
            Self::Mechanism(error) => error.source(),
            Self::Wire(error) => Some(error),
            Self::Io(fault) => Some(&*fault.0),
            Self::Unreadable { last } => Some(&**last),
            #[cfg(feature = "kerberos")]
            Self::Kerberos(fault) => Some(fault),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(IoFault(Arc::new(error)))
    }
}

impl From<wire::Error> for Error {
    fn from(error: wire::Error) -> Self {
        Self::Wire(error)
    }
}

impl From<sasl::Error> for Error {
    fn from(error: sasl::Error) -> Self {
        Self::Sasl(error)
    }
}

#[cfg(feature = "kerberos")]
impl From<super::kerberos::Fault> for Error {
    fn from(fault: super::kerberos::Fault) -> Self {
        Self::Kerberos(fault)
    }
}

impl From<crate::entropy::NoEntropy> for Error {
    fn from(_: crate::entropy::NoEntropy) -> Self {
        Self::NoEntropy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_mechanism_stands_behind_its_error() {
        let reason = sasl::Error::Mechanism(sasl::MechanismError::new("invalid_token"));
        let error = Error::from(reason);
        assert_eq!(error.to_string(), "the SASL mechanism gave up");
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "invalid_token");
    }

    #[test]
    fn a_text_from_a_peer_is_short_and_printable() {
        let text = PeerText::new(&format!("a\n\u{1b}[31m{}", "x".repeat(1_000)));
        let shown = text.to_string();
        assert!(shown.starts_with("a\\n\\u{1b}[31mxx"));
        assert!(shown.len() < 300);
        assert!(!shown.chars().any(char::is_control));
    }
}
