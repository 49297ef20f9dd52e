//! What can be wrong with bytes from a broker, and with what a caller asked to send.

use std::fmt;

use super::api::ApiKey;
use super::guard::Fault;

/// A private error of the wire layer. It never holds payload bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    // The peer's fault.
    /// A length prefix is negative or larger than what may arrive now.
    FrameLength { got: i64, max: usize },
    /// A field of a response cannot be what it says.
    BadField { api: ApiKey, version: i16, field: &'static str, fault: Fault },
    /// A response does not decode as its API and version say, or holds an impossible value.
    Malformed { api: ApiKey, version: i16 },
    /// Bytes are left after the last field.
    TrailingBytes { api: ApiKey, version: i16, left: usize },
    /// A response is too short to hold a correlation id.
    NoCorrelationId { left: usize },
    /// A response is not about what was asked for, each of it once.
    OtherThanAsked { api: ApiKey },
    // The caller's fault, or a broker that is too old.
    /// The broker and this client share no version of an API.
    NoCommonVersion { api: ApiKey },
    /// A request asks for what its negotiated version cannot say.
    NotInVersion { api: ApiKey, version: i16, field: &'static str },
    /// A request does not fit into the wire format: a name over 32,767 bytes, a frame over 2 GiB,
    /// or a version outside of what this client speaks.
    Unencodable { api: ApiKey, version: i16 },
}

impl Error {
    /// Whether the bytes from the peer are wrong, be it that they were damaged on their way.
    pub(crate) fn is_of_peer(&self) -> bool {
        match self {
            Self::FrameLength { .. }
            | Self::BadField { .. }
            | Self::Malformed { .. }
            | Self::TrailingBytes { .. }
            | Self::NoCorrelationId { .. }
            | Self::OtherThanAsked { .. } => true,
            Self::NoCommonVersion { .. } | Self::NotInVersion { .. } | Self::Unencodable { .. } => false,
        }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FrameLength { got, max } => {
                write!(f, "a frame of {got} bytes, where {max} may come")?;
                // How a TLS record begins that is an alert or of a handshake, of SSL 3 or any TLS.
                match got >> 16 {
                    0x1503 | 0x1603 => f.write_str("; the broker speaks TLS"),
                    _ => Ok(()),
                }
            }
            Self::Malformed { api, version } => write!(f, "a malformed response to {api} v{version}"),
            Self::BadField { api, version, field, fault } => {
                write!(f, "field {field} of a response to {api} v{version}: {fault:?}")
            }
            Self::TrailingBytes { api, version, left } => {
                write!(f, "{left} bytes too many in a response to {api} v{version}")
            }
            Self::NoCorrelationId { left } => write!(f, "a response of {left} bytes"),
            Self::OtherThanAsked { api } => {
                write!(f, "a response to {api} that is not about what was asked for, each of it once")
            }
            Self::NoCommonVersion { api } => write!(f, "the broker speaks no version of {api} that we do"),
            Self::NotInVersion { api, version, field } => {
                write!(f, "{api} v{version}, the newest that the broker speaks, has no {field}")
            }
            Self::Unencodable { api, version } => write!(f, "the request does not fit into {api} v{version}"),
        }
    }
}
