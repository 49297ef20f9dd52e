//! The seam for SASL mechanisms of a user's own.

use std::fmt;
use std::sync::Arc;

use crate::secret::Secret;

/// A SASL mechanism that a user brings: one run of it, for one login on one connection.
///
/// A step consumes the mechanism and gives what is to be sent together with the state that awaits
/// the broker's reply, so no state can be used twice. Mechanisms that are written for the crate
/// `sasl` come in through an [`Adapter`](super::Adapter).
///
/// The first [`step`](Self::step) is taken with an empty challenge and gives the initial
/// response. Kafka has no empty initial response: a mechanism in which the server speaks first
/// sends an empty message.
///
/// # Examples
///
/// OAUTHBEARER (RFC 7628, KIP-255) is done after one message. A broker that refuses the token
/// says why in its reply, which a broker that accepts leaves empty.
///
/// ```
/// use ottla::sasl::{CustomStep, Mechanism, MechanismError};
/// use ottla::secret::Secret;
///
/// #[derive(Clone)]
/// struct OauthBearer {
///     token: Secret,
/// }
///
/// impl Mechanism for OauthBearer {
///     fn name(&self) -> &str {
///         "OAUTHBEARER"
///     }
///
///     fn step(self: Box<Self>, _challenge: &[u8]) -> Result<CustomStep, MechanismError> {
///         let mut message = b"n,,\x01auth=Bearer ".to_vec();
///         message.extend_from_slice(self.token.secret_bytes());
///         message.extend_from_slice(b"\x01\x01");
///         Ok(CustomStep::Last { response: Secret::new(message), next: self })
///     }
///
///     fn finish(self: Box<Self>, server_last: &[u8]) -> Result<(), MechanismError> {
///         match server_last {
///             b"" => Ok(()),
///             reason => Err(MechanismError::new(String::from_utf8_lossy(reason))),
///         }
///     }
/// }
///
/// // A factory is a closure: it gives a fresh mechanism for each login.
/// let bearer = OauthBearer { token: Secret::from("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.") };
/// let factory = move |_host: &str, _port: u16| -> Result<Box<dyn Mechanism>, MechanismError> {
///     Ok(Box::new(bearer.clone()))
/// };
/// # fn takes(_: impl ottla::sasl::MechanismFactory) {}
/// # takes(factory);
/// ```
pub trait Mechanism: Send {
    /// The name by which the broker knows the mechanism (`sasl.enabled.mechanisms`), the same
    /// through all steps.
    fn name(&self) -> &str;

    /// Answers a challenge of the broker; the first one is empty and was never sent.
    ///
    /// Runs on the reactor: it must not block. The challenge is hostile until checked.
    ///
    /// # Errors
    ///
    /// The login fails with the error, and the connection is closed.
    fn step(self: Box<Self>, challenge: &[u8]) -> Result<CustomStep, MechanismError>;

    /// Judges the bytes that came with the broker's acceptance of the last response.
    ///
    /// By default they must be empty: a broker that still has something to say to a mechanism
    /// that has not expected it has not accepted.
    ///
    /// # Errors
    ///
    /// The login fails with the error, and the connection is closed.
    fn finish(self: Box<Self>, server_last: &[u8]) -> Result<(), MechanismError> {
        nothing_more(server_last)
    }
}

pub(super) fn nothing_more(server_last: &[u8]) -> Result<(), MechanismError> {
    if server_last.is_empty() {
        return Ok(());
    }
    Err(MechanismError::new("the broker goes on after the last response"))
}

/// What a [`Mechanism`] does next.
pub enum CustomStep {
    /// Sends a response, which the broker answers with a challenge for `next`.
    Send {
        /// The bytes to send.
        response: Secret,
        /// The state that awaits the challenge.
        next: Box<dyn Mechanism>,
    },
    /// Sends the last response: the broker accepts or refuses, and `next` is asked to
    /// [`finish`](Mechanism::finish).
    Last {
        /// The bytes to send.
        response: Secret,
        /// The state that judges the broker's reply.
        next: Box<dyn Mechanism>,
    },
}

impl fmt::Debug for CustomStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (variant, next) = match self {
            Self::Send { next, .. } => ("Send", next),
            Self::Last { next, .. } => ("Last", next),
        };
        f.debug_struct(variant).field("mechanism", &next.name()).finish_non_exhaustive()
    }
}

/// Makes the mechanisms for the connections of a client: a fresh one for each login, and again
/// for each re-authentication of a live connection (KIP-368).
///
/// Closures implement it.
pub trait MechanismFactory: Send + Sync {
    /// Makes the mechanism for one login to the broker at `host` and `port`.
    ///
    /// Runs on the reactor: it must not block. A credential that has to be fetched is fetched
    /// beforehand, by a task of the user's own.
    ///
    /// # Errors
    ///
    /// The login fails with the error.
    fn mechanism(&self, host: &str, port: u16) -> Result<Box<dyn Mechanism>, MechanismError>;
}

impl fmt::Debug for dyn MechanismFactory + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MechanismFactory(..)")
    }
}

impl<F> MechanismFactory for F
where
    F: Fn(&str, u16) -> Result<Box<dyn Mechanism>, MechanismError> + Send + Sync,
{
    fn mechanism(&self, host: &str, port: u16) -> Result<Box<dyn Mechanism>, MechanismError> {
        self(host, port)
    }
}

/// Tells why a [`Mechanism`] gave up, in a text that may be logged: it must hold no secret. Two are the
/// same if their texts are, and what can be done about them; their causes are not compared.
#[derive(Clone, Debug)]
pub struct MechanismError {
    reason: Arc<str>,
    passing: bool,
    cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl MechanismError {
    /// The longest reason that is kept.
    const MAX_CHARS: usize = 256;

    /// Takes the reason, of which the first 256 characters are kept. Control characters become
    /// spaces, so that what a broker said cannot forge lines in a log.
    pub fn new(reason: impl AsRef<str>) -> Self {
        let printable = |c: char| if c.is_control() { ' ' } else { c };
        let reason = reason.as_ref().chars().take(Self::MAX_CHARS).map(printable).collect::<String>();
        Self { reason: reason.into(), passing: false, cause: None }
    }

    /// Takes the reason of a failure that passes, as that of an issuer of credentials that is away: the
    /// login is worth another try, [`Error::is_retriable`](crate::Error::is_retriable) says so, and what
    /// retries by itself does.
    pub fn passing(reason: impl AsRef<str>) -> Self {
        Self { passing: true, ..Self::new(reason) }
    }

    /// Says what it came of, which stands behind it as its `source()`. It must show no secret either.
    #[must_use]
    pub fn caused_by(self, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { cause: Some(Arc::new(cause)), ..self }
    }

    pub(crate) fn is_passing(&self) -> bool {
        self.passing
    }
}

impl PartialEq for MechanismError {
    fn eq(&self, other: &Self) -> bool {
        (&self.reason, self.passing) == (&other.reason, other.passing)
    }
}

impl Eq for MechanismError {}

impl fmt::Display for MechanismError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for MechanismError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let cause = self.cause.as_deref()?;
        Some(cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_bounded_and_stays_on_its_line() {
        let error = MechanismError::new(format!("no\r\nINFO all is well{}", "x".repeat(1000)));
        assert!(error.to_string().starts_with("no  INFO all is well"));
        assert_eq!(error.to_string().len(), MechanismError::MAX_CHARS);
    }
}
