//! What can be wrong with credentials, and with what a broker says in a SASL exchange.

use std::fmt;

use super::mechanism::MechanismError;

/// A private error of the SASL layer. It never holds bytes of the peer, nor a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    // The caller's fault.
    /// A user name or token id is empty.
    EmptyUserName,
    /// A user name or token id has a control character; NUL is one.
    ControlCharacter,
    /// A password is empty.
    EmptyPassword,
    /// A PLAIN password has a NUL, which would end it early.
    NulInPassword,
    /// A key was derived for another exchange: the hash differs.
    KeyOfAnotherMechanism,
    // The peer's fault.
    /// A message is longer than anything the protocol needs.
    MessageLength { message: Message, got: usize, max: usize },
    /// A message does not have the form that RFC 5802 section 7 gives it.
    Malformed { message: Message, fault: Fault },
    /// The server asks for an extension (`m=`) that this client does not know.
    MandatoryExtension,
    /// The server's nonce does not begin with ours: its message answers another exchange.
    NonceMismatch,
    /// The server's nonce is ours and nothing more: it has no part in the exchange.
    NonceNotExtended,
    /// The salt is empty or longer than any server makes it.
    SaltLength { got: usize, max: usize },
    /// The iteration count is weaker than RFC 7677 allows, or would only burn our time.
    IterationCount { got: u64, min: u32, max: u32 },
    /// The server's signature is wrong: it does not know the password, nor anything made of it.
    ServerSignature,
    // Refused.
    /// The server says why it refuses (`e=`).
    ServerRefused { reason: Refusal },
    /// A ticket cannot be used, or the broker could not prove that it opened it.
    #[cfg(feature = "kerberos")]
    Kerberos(super::KerberosError),
    /// A mechanism of the user's own gave up.
    Mechanism(MechanismError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyUserName => f.write_str("the user name is empty"),
            Self::ControlCharacter => f.write_str("the user name has a control character"),
            Self::EmptyPassword => f.write_str("the password is empty"),
            Self::NulInPassword => f.write_str("PLAIN cannot carry a password with a NUL"),
            Self::KeyOfAnotherMechanism => f.write_str("the key was derived for another mechanism"),
            Self::MessageLength { message, got, max } => {
                write!(f, "{message} has {got} bytes, more than {max}")
            }
            Self::Malformed { message, fault } => write!(f, "{message} is malformed: {fault}"),
            Self::MandatoryExtension => f.write_str("the server asks for an unknown SCRAM extension"),
            Self::NonceMismatch => f.write_str("the server's nonce does not begin with the client's"),
            Self::NonceNotExtended => f.write_str("the server added nothing to the client's nonce"),
            Self::SaltLength { got, max } => write!(f, "the salt has {got} bytes, not 1 to {max}"),
            Self::IterationCount { got, min, max } => {
                write!(f, "the server asks for {got} iterations, not {min} to {max}")
            }
            Self::ServerSignature => f.write_str("the server could not prove that it knows the password"),
            Self::ServerRefused { reason } => write!(f, "the server refused: {reason}"),
            #[cfg(feature = "kerberos")]
            Self::Kerberos(error) => error.fmt(f),
            Self::Mechanism(_) => f.write_str("the SASL mechanism gave up"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Mechanism(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(feature = "kerberos")]
impl From<super::KerberosError> for Error {
    fn from(error: super::KerberosError) -> Self {
        Self::Kerberos(error)
    }
}

/// A message of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    ServerFirst,
    ServerFinal,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServerFirst => "the server's first SCRAM message",
            Self::ServerFinal => "the server's final SCRAM message",
        })
    }
}

/// What a message of the server gets wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not UTF-8.
    Encoding,
    /// An attribute is missing, or another stands in its place.
    Attribute { expected: char },
    /// The nonce has a byte that is not a printable ASCII character.
    Nonce,
    /// The salt is not canonical, padded base64.
    Salt,
    /// The iteration count is not a positive decimal number.
    IterationCount,
    /// The signature is not canonical, padded base64.
    Signature,
    /// What follows the known attributes is not a list of `letters=value`.
    Extension,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encoding => f.write_str("it is not UTF-8"),
            Self::Attribute { expected } => write!(f, "the attribute {expected} is not in its place"),
            Self::Nonce => f.write_str("the nonce is not printable"),
            Self::Salt => f.write_str("the salt is not base64"),
            Self::IterationCount => f.write_str("the iteration count is not a positive number"),
            Self::Signature => f.write_str("the signature is not base64"),
            Self::Extension => f.write_str("an extension has no name or no value"),
        }
    }
}

/// The reasons of RFC 5802 section 7 (`server-error-value`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    InvalidEncoding,
    ExtensionsNotSupported,
    InvalidProof,
    ChannelBindingsDontMatch,
    ServerDoesSupportChannelBinding,
    ChannelBindingNotSupported,
    UnsupportedChannelBindingType,
    UnknownUser,
    InvalidUsernameEncoding,
    NoResources,
    /// `other-error`, or a reason that the RFC does not list.
    Other,
}

impl Refusal {
    const NAMED: [(Self, &str); 10] = [
        (Self::InvalidEncoding, "invalid-encoding"),
        (Self::ExtensionsNotSupported, "extensions-not-supported"),
        (Self::InvalidProof, "invalid-proof"),
        (Self::ChannelBindingsDontMatch, "channel-bindings-dont-match"),
        (Self::ServerDoesSupportChannelBinding, "server-does-support-channel-binding"),
        (Self::ChannelBindingNotSupported, "channel-binding-not-supported"),
        (Self::UnsupportedChannelBindingType, "unsupported-channel-binding-type"),
        (Self::UnknownUser, "unknown-user"),
        (Self::InvalidUsernameEncoding, "invalid-username-encoding"),
        (Self::NoResources, "no-resources"),
    ];

    /// Reads a `server-error-value`.
    pub(super) fn of(value: &str) -> Self {
        Self::NAMED.iter().find(|(_, name)| *name == value).map_or(Self::Other, |(reason, _)| *reason)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::NAMED.iter().find(|(reason, _)| reason == self);
        f.write_str(named.map_or("other-error", |(_, name)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wrong_with_numbers_and_without_bytes_of_the_peer() {
        let shown = |error: Error| error.to_string();
        let error = Error::IterationCount { got: 1, min: 4_096, max: 1_000_000 };
        assert_eq!(shown(error), "the server asks for 1 iterations, not 4096 to 1000000");
        let error = Error::Malformed { message: Message::ServerFirst, fault: Fault::Salt };
        assert_eq!(shown(error), "the server's first SCRAM message is malformed: the salt is not base64");
        let error = Error::ServerRefused { reason: Refusal::of("hunter2") };
        assert_eq!(shown(error), "the server refused: other-error");
        let error = Error::ServerRefused { reason: Refusal::of("unknown-user") };
        assert_eq!(shown(error), "the server refused: unknown-user");
    }
}
