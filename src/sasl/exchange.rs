//! One run of a SASL mechanism, whichever it is.

use std::fmt;

use super::adapter::Adapter;
use super::error::Error;
#[cfg(feature = "kerberos")]
use super::gssapi::{Gssapi, GssapiStep};
#[cfg(feature = "kerberos")]
use super::mechanism::nothing_more;
use super::mechanism::{CustomStep, Mechanism};
use super::plain::Plain;
use super::scram::{self, Derivation, NonceEntropy, SaltedPassword, ScramCredentials};
use crate::secret::Secret;

/// One login, or one re-authentication, in progress. An error leaves nothing behind to misuse.
#[derive(Debug)]
pub(crate) struct Exchange(State);

enum State {
    Plain {
        user: String,
        password: Secret,
    },
    ScramStart(scram::Start),
    ScramFirst(scram::ExpectServerFirst),
    ScramFinal(scram::ExpectServerFinal),
    #[cfg(feature = "kerberos")]
    Gssapi(Gssapi),
    Custom(Box<dyn Mechanism>),
}

/// What to do next in an [`Exchange`].
#[derive(Debug)]
pub(crate) enum Step {
    /// Send the response and give the broker's challenge to `next`.
    Send { response: Secret, next: Exchange },
    /// Run the derivation, which costs milliseconds, off the reactor, and give the key to `next`.
    Derive { derivation: Derivation, next: AwaitingKey },
    /// Send the response; the broker's reply decides.
    Last { response: Secret, next: AwaitingOutcome },
    /// The server proved that it knows the password.
    Done(Verified),
}

/// Proof that an exchange came to its end: by the server's signature where the mechanism has one,
/// else by the broker's word.
#[derive(Debug)]
pub(crate) struct Verified(());

impl Exchange {
    /// Starts PLAIN (RFC 4616).
    pub(crate) fn plain(user: impl Into<String>, password: Secret) -> Self {
        Self(State::Plain { user: user.into(), password })
    }

    /// Starts SCRAM (RFC 5802, RFC 7677) with a nonce made of `entropy`, which must be new.
    pub(crate) fn scram(credentials: ScramCredentials, entropy: NonceEntropy) -> Self {
        Self(State::ScramStart(scram::Start::new(credentials, entropy)))
    }

    /// Starts GSSAPI (RFC 4752). Ticket and seed must be new: services take a time or a seed that
    /// they have seen for a replay.
    #[cfg(feature = "kerberos")]
    pub(crate) fn gssapi(
        ticket: ottla_kerberos::gss::ServiceTicket,
        seed: ottla_kerberos::entropy::Seed,
    ) -> Self {
        Self(State::Gssapi(Gssapi::Start { ticket: Box::new(ticket), seed: Box::new(seed) }))
    }

    /// Starts a mechanism of the user's own.
    pub(crate) fn custom(mechanism: Box<dyn Mechanism>) -> Self {
        Self(State::Custom(mechanism))
    }

    /// The name for SaslHandshake.
    pub(crate) fn mechanism(&self) -> &str {
        match &self.0 {
            State::Plain { .. } => "PLAIN",
            State::ScramStart(state) => state.mechanism(),
            State::ScramFirst(state) => state.mechanism(),
            State::ScramFinal(state) => state.mechanism(),
            #[cfg(feature = "kerberos")]
            State::Gssapi(_) => "GSSAPI",
            State::Custom(mechanism) => mechanism.name(),
        }
    }

    /// Answers a challenge of the broker. The first call takes an empty one and gives the initial
    /// response.
    pub(crate) fn step(self, challenge: &[u8]) -> Result<Step, Error> {
        match self.0 {
            State::Plain { user, password } => {
                custom(Box::new(Adapter::new(Plain::new(user, password)?, 0)), challenge)
            }
            State::ScramStart(state) => {
                let (response, next) = state.step()?;
                Ok(Step::Send { response, next: Self(State::ScramFirst(next)) })
            }
            State::ScramFirst(state) => {
                let (derivation, next) = state.step(challenge)?;
                Ok(Step::Derive { derivation, next: AwaitingKey(next) })
            }
            State::ScramFinal(state) => state.step(challenge).map(|()| Step::Done(Verified(()))),
            #[cfg(feature = "kerberos")]
            State::Gssapi(state) => match state.step(challenge)? {
                GssapiStep::Send { response, next } => {
                    Ok(Step::Send { response, next: Self(State::Gssapi(next)) })
                }
                GssapiStep::Last { response } => Ok(Step::Last { response, next: AwaitingOutcome::gssapi() }),
            },
            State::Custom(mechanism) => custom(mechanism, challenge),
        }
    }
}

fn custom(mechanism: Box<dyn Mechanism>, challenge: &[u8]) -> Result<Step, Error> {
    match mechanism.step(challenge).map_err(Error::Mechanism)? {
        CustomStep::Send { response, next } => Ok(Step::Send { response, next: Exchange::custom(next) }),
        CustomStep::Last { response, next } => {
            Ok(Step::Last { response, next: AwaitingOutcome(Outcome::Of(next)) })
        }
    }
}

/// A SCRAM exchange between the server's first message and the client's last.
#[derive(Debug)]
pub(crate) struct AwaitingKey(scram::AwaitingKey);

impl AwaitingKey {
    /// Goes on with the key that came of the [`Derivation`].
    pub(crate) fn with_key(self, key: SaltedPassword) -> Result<Step, Error> {
        let (response, next) = self.0.step(&key)?;
        Ok(Step::Send { response, next: Exchange(State::ScramFinal(next)) })
    }
}

/// An exchange in which the client has said all that it has to say.
pub(crate) struct AwaitingOutcome(Outcome);

enum Outcome {
    /// The broker accepts by saying nothing more.
    #[cfg(feature = "kerberos")]
    Gssapi,
    /// The mechanism judges what the broker says.
    Of(Box<dyn Mechanism>),
}

impl AwaitingOutcome {
    #[cfg(feature = "kerberos")]
    const fn gssapi() -> Self {
        Self(Outcome::Gssapi)
    }

    /// Takes the bytes that came with the broker's acceptance; they may still refute it.
    pub(crate) fn finish(self, server_last: &[u8]) -> Result<Verified, Error> {
        let finished = match self.0 {
            #[cfg(feature = "kerberos")]
            Outcome::Gssapi => nothing_more(server_last),
            Outcome::Of(mechanism) => mechanism.finish(server_last),
        };
        finished.map(|()| Verified(())).map_err(Error::Mechanism)
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain { .. } => f.write_str("Plain"),
            Self::ScramStart(state) => state.fmt(f),
            Self::ScramFirst(state) => state.fmt(f),
            Self::ScramFinal(state) => state.fmt(f),
            #[cfg(feature = "kerberos")]
            Self::Gssapi(state) => state.fmt(f),
            Self::Custom(mechanism) => f.debug_tuple("Custom").field(&mechanism.name()).finish(),
        }
    }
}

impl fmt::Debug for AwaitingOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mechanism = match &self.0 {
            #[cfg(feature = "kerberos")]
            Outcome::Gssapi => "GSSAPI",
            Outcome::Of(mechanism) => mechanism.name(),
        };
        f.debug_tuple("AwaitingOutcome").field(&mechanism).finish()
    }
}

#[cfg(test)]
mod tests;
