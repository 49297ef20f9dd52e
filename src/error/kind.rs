//! The kinds of failures that callers tell apart.

use std::fmt;

use super::broker_error::BrokerError;
use crate::conn::error::Error as ConnError;
use crate::wire;
use crate::wire::error_code::ErrorCode;

/// Sorts errors by whose fault they are and what can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The configuration cannot work: mend it.
    Config,
    /// A call that makes no sense, such as a name that does not fit the protocol.
    Misuse,
    /// No connection could be made.
    Connect,
    /// TLS could not be set up, or the peer failed it: a wrong name, an unknown CA.
    Tls,
    /// A connection broke.
    Closed,
    /// The time limit passed.
    Timeout,
    /// The peer broke the protocol.
    Protocol,
    /// The peer is too old for what was asked, or for this client.
    Unsupported,
    /// The login was refused, or the server could not prove that it knows the secret.
    Auth,
    /// The broker answered with an error code.
    Broker(BrokerError),
    /// The delegation token has expired.
    TokenExpired,
    /// Records that were asked for are no longer there.
    DataLoss,
    /// The client was shut down.
    Shutdown,
}

impl ErrorKind {
    /// The kind of a private error of the connection layer.
    pub(super) fn of(error: &ConnError) -> Self {
        match error {
            ConnError::Wire(error) => Self::of_wire(error),
            ConnError::CorrelationId { .. }
            | ConnError::EndlessLogin { .. }
            | ConnError::Unreadable { .. } => Self::Protocol,
            ConnError::ApiVersionsRefused { code } => Self::Broker(BrokerError::new(ErrorCode(*code))),
            ConnError::MechanismNotEnabled { .. }
            | ConnError::HandshakeRefused { .. }
            | ConnError::LoginRefused { .. }
            | ConnError::Sasl(_)
            | ConnError::Mechanism(_) => Self::Auth,
            #[cfg(feature = "kerberos")]
            ConnError::Kerberos(fault) => Self::of_kerberos(fault),
            ConnError::TokenExpired => Self::TokenExpired,
            ConnError::Tls(_) => Self::Tls,
            ConnError::Io(_)
            | ConnError::Closed
            | ConnError::ClosedInTls
            | ConnError::TlsDamaged(_)
            | ConnError::ClosedInLogin
            | ConnError::Retired => Self::Closed,
            ConnError::Stalled { .. } | ConnError::DialTimeout { .. } | ConnError::NotSent => Self::Timeout,
            ConnError::ServerName | ConnError::NoCredential => Self::Config,
            ConnError::NoEntropy | ConnError::NoKey => Self::Shutdown,
        }
    }

    /// The name that metrics know it by.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Misuse => "misuse",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Closed => "closed",
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
            Self::Unsupported => "unsupported",
            Self::Auth => "auth",
            Self::Broker(code) => code.name().unwrap_or("broker"),
            Self::TokenExpired => "token_expired",
            Self::DataLoss => "data_loss",
            Self::Shutdown => "shutdown",
        }
    }

    #[cfg(feature = "kerberos")]
    fn of_kerberos(fault: &crate::conn::kerberos::Fault) -> Self {
        use crate::conn::kerberos::Side;
        match fault.side() {
            Side::Caller => Self::Config,
            Side::Environment => Self::Connect,
            Side::Peer => Self::Auth,
            Side::End => Self::Shutdown,
        }
    }

    fn of_wire(error: &wire::Error) -> Self {
        match error {
            wire::Error::NoCommonVersion { .. } | wire::Error::NotInVersion { .. } => Self::Unsupported,
            wire::Error::Unencodable { .. } => Self::Misuse,
            _ => Self::Protocol,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config => f.write_str("the configuration cannot work"),
            Self::Misuse => f.write_str("the call cannot be made"),
            Self::Connect => f.write_str("no connection could be made"),
            Self::Tls => f.write_str("TLS failed"),
            Self::Closed => f.write_str("the connection broke"),
            Self::Timeout => f.write_str("the time limit passed"),
            Self::Protocol => f.write_str("the peer broke the protocol"),
            Self::Unsupported => f.write_str("the broker does not support this"),
            Self::Auth => f.write_str("the login failed"),
            Self::Broker(error) => write!(f, "the broker answered {error}"),
            Self::TokenExpired => f.write_str("the delegation token has expired"),
            Self::DataLoss => f.write_str("records are lost"),
            Self::Shutdown => f.write_str("the client was shut down"),
        }
    }
}
