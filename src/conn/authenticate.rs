//! One login on one connection, first or repeated: SaslHandshake, then SaslAuthenticate in as
//! many rounds as the mechanism needs (KIP-43, KIP-152, KIP-368).
//!
//! ```text
//! start ─► ExpectHandshake ─► ExpectAnswer ─► Done
//!                               │  ▲    ▲
//!                               ▼  │    └ another round
//!                             ExpectKey
//! ```

use std::time::{Duration, Instant};

use super::error::{Error, LoginStep, PeerText};
use super::lifetime::RenewalPoint;
use crate::sasl::{AwaitingKey, AwaitingOutcome, Derivation, Exchange, SaltedPassword, Step};
use crate::secret::Secret;
use crate::wire::codec::sasl_authenticate::SaslAuthenticateResponse;
use crate::wire::codec::sasl_handshake::SaslHandshakeResponse;
use crate::wire::error_code::ErrorCode;

/// No mechanism needs more rounds; a hostile broker could ask for them for ever.
const MAX_ROUNDS: u8 = 32;

/// A login as its caller wants it.
pub(crate) struct Attempt {
    pub(crate) exchange: Exchange,
    /// Whether the secret is a delegation token: then a session lifetime of zero means that the
    /// token has expired, where for a password it means that the session has no end.
    pub(crate) token: bool,
    pub(crate) renewal_point: RenewalPoint,
    /// When the login must be done.
    pub(crate) deadline: Instant,
}

/// What stays the same through a login.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) renewal_point: RenewalPoint,
    pub(crate) deadline: Instant,
    pub(crate) began: Instant,
    /// Whether this connection was never logged in before.
    first: bool,
    token: bool,
    rounds: u8,
}

/// What comes next in a login.
pub(crate) enum Next {
    /// Send these bytes by SaslAuthenticate.
    Authenticate { auth_bytes: Secret, next: ExpectAnswer },
    /// Have this key derived.
    Derive { derivation: Derivation, next: ExpectKey },
    /// The broker accepted the login, for so long; `None` is without end.
    Done { lifetime: Option<Duration> },
    /// It is too early to log in again, or the session that there is has no end: it goes on.
    NotNow,
}

/// SaslHandshake was sent.
pub(crate) struct ExpectHandshake {
    exchange: Exchange,
    pub(crate) terms: Terms,
}

/// SaslAuthenticate was sent.
pub(crate) struct ExpectAnswer {
    awaited: Awaited,
    pub(crate) terms: Terms,
}

/// A key is being derived.
pub(crate) struct ExpectKey {
    awaiting: AwaitingKey,
    pub(crate) terms: Terms,
}

enum Awaited {
    Challenge(Exchange),
    Outcome(AwaitingOutcome),
}

impl ExpectHandshake {
    /// Starts a login at `now`, the `first` one of its connection or a further one; the caller
    /// sends SaslHandshake for `mechanism()`.
    pub(crate) fn start(attempt: Attempt, now: Instant, first: bool) -> Self {
        let Attempt { exchange, token, renewal_point, deadline } = attempt;
        Self { exchange, terms: Terms { renewal_point, deadline, began: now, first, token, rounds: 0 } }
    }

    pub(crate) fn mechanism(&self) -> &str {
        self.exchange.mechanism()
    }

    /// Takes the answer to SaslHandshake.
    pub(crate) fn handle(self, response: &SaslHandshakeResponse) -> Result<Next, Error> {
        match response.error {
            ErrorCode::NONE => self.terms.advance(self.exchange.step(b"")?, Duration::ZERO),
            ErrorCode::ILLEGAL_SASL_STATE if !self.terms.first => Ok(Next::NotNow),
            ErrorCode::UNSUPPORTED_SASL_MECHANISM => {
                let enabled = response.mechanisms.iter().take(16).map(|name| PeerText::new(name)).collect();
                Err(Error::MechanismNotEnabled { mechanism: self.exchange.mechanism().into(), enabled })
            }
            error => Err(Error::HandshakeRefused { code: error.0 }),
        }
    }
}

impl ExpectAnswer {
    /// Takes the answer to SaslAuthenticate.
    pub(crate) fn handle(self, response: &SaslAuthenticateResponse) -> Result<Next, Error> {
        if response.error != ErrorCode::NONE {
            let step = if self.terms.rounds <= 1 { LoginStep::First } else { LoginStep::Later };
            let text = PeerText::new(response.error_message.as_deref().unwrap_or_default());
            return Err(Error::LoginRefused { code: response.error.0, step, text });
        }
        let challenge = response.auth_bytes.secret_bytes();
        match self.awaited {
            Awaited::Challenge(exchange) => {
                self.terms.advance(exchange.step(challenge)?, response.session_lifetime)
            }
            Awaited::Outcome(outcome) => {
                outcome.finish(challenge)?;
                self.terms.done(response.session_lifetime)
            }
        }
    }
}

impl ExpectKey {
    /// Takes the key that was derived.
    pub(crate) fn handle(self, key: SaltedPassword) -> Result<Next, Error> {
        self.terms.advance(self.awaiting.with_key(key)?, Duration::ZERO)
    }
}

impl Terms {
    /// `lifetime` came with the broker's answer that led to `step`.
    fn advance(mut self, step: Step, lifetime: Duration) -> Result<Next, Error> {
        let (auth_bytes, awaited) = match step {
            Step::Send { response, next } => (response, Awaited::Challenge(next)),
            Step::Last { response, next } => (response, Awaited::Outcome(next)),
            Step::Derive { derivation, next } => {
                return Ok(Next::Derive { derivation, next: ExpectKey { awaiting: next, terms: self } });
            }
            Step::Done(_verified) => return self.done(lifetime),
        };
        self.rounds += 1;
        if self.rounds > MAX_ROUNDS {
            return Err(Error::EndlessLogin { rounds: MAX_ROUNDS });
        }
        Ok(Next::Authenticate { auth_bytes, next: ExpectAnswer { awaited, terms: self } })
    }

    fn done(self, lifetime: Duration) -> Result<Next, Error> {
        match (lifetime.is_zero(), self.token) {
            (true, true) => Err(Error::TokenExpired),
            (true, false) => Ok(Next::Done { lifetime: None }),
            (false, _) => Ok(Next::Done { lifetime: Some(lifetime) }),
        }
    }
}
