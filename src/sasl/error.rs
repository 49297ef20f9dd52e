//! What can be wrong with credentials, and with what a broker says in a SASL exchange.

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
    /// A mechanism of the user's own gave up.
    Mechanism(MechanismError),
}

/// A message of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    ServerFirst,
    ServerFinal,
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
    /// What follows the known attributes is not a list of `letter=value`.
    Extension,
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
    /// Reads a `server-error-value`.
    pub(super) fn of(value: &str) -> Self {
        match value {
            "invalid-encoding" => Self::InvalidEncoding,
            "extensions-not-supported" => Self::ExtensionsNotSupported,
            "invalid-proof" => Self::InvalidProof,
            "channel-bindings-dont-match" => Self::ChannelBindingsDontMatch,
            "server-does-support-channel-binding" => Self::ServerDoesSupportChannelBinding,
            "channel-binding-not-supported" => Self::ChannelBindingNotSupported,
            "unsupported-channel-binding-type" => Self::UnsupportedChannelBindingType,
            "unknown-user" => Self::UnknownUser,
            "invalid-username-encoding" => Self::InvalidUsernameEncoding,
            "no-resources" => Self::NoResources,
            _ => Self::Other,
        }
    }
}
