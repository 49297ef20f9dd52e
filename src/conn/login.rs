//! The logins of one connection: from the newest credential to an attempt, and from a
//! derivation to a key. What may take long runs as an errand beside the socket.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::authenticate::Attempt;
use super::credentials::Credentials;
use super::error::Error;
use super::keys::Keys;
use super::lifetime::RenewalPoint;
use crate::entropy;
use crate::sasl::{Derivation, Exchange, SaltedPassword, ScramCredentials};

/// Work that a session waits for.
pub(crate) type Errand = Pin<Box<dyn Future<Output = Result<Finding, Error>> + Send>>;

/// What an errand brings back.
pub(crate) enum Finding {
    Attempt(Attempt),
    Key(SaltedPassword),
}

/// Makes the logins of one connection.
pub(crate) struct Logins {
    pub(crate) credentials: Credentials,
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
    pub(crate) keys: Arc<Keys>,
    /// How long a login may take.
    pub(crate) limit: Duration,
    /// The mechanism of the first login, to which the connection is bound.
    pub(crate) mechanism: Option<Box<str>>,
}

impl Logins {
    /// Whether the connection is used without SASL.
    pub(crate) fn is_anonymous(&self) -> bool {
        matches!(self.credentials, Credentials::None)
    }

    /// Prepares a login with the credential that is the newest now.
    pub(crate) fn attempt(&self, now: Instant) -> Errand {
        let attempt = self.prepare(now).map(Finding::Attempt);
        Box::pin(std::future::ready(attempt))
    }

    /// Derives a key, or finds it where an earlier login left it.
    pub(crate) fn key(&self, derivation: Derivation) -> Errand {
        let keys = Arc::clone(&self.keys);
        Box::pin(async move { keys.key(derivation).await.map(Finding::Key).map_err(|_| Error::NoKey) })
    }

    /// Whether this connection may be asked to make this login: brokers refuse a change of
    /// mechanism by closing the connection.
    pub(crate) fn fits(&mut self, attempt: &Attempt) -> bool {
        let wanted = attempt.exchange.mechanism();
        self.mechanism.get_or_insert_with(|| wanted.into()).as_ref() == wanted
    }

    fn prepare(&self, now: Instant) -> Result<Attempt, Error> {
        let [random] = entropy::fill()?;
        Ok(Attempt {
            exchange: self.exchange()?,
            token: matches!(self.credentials, Credentials::Token { .. }),
            renewal_point: RenewalPoint::from_random(random),
            deadline: now + self.limit,
        })
    }

    fn exchange(&self) -> Result<Exchange, Error> {
        let scram = match &self.credentials {
            Credentials::None => return Err(Error::NoCredential),
            Credentials::Plain { user, password } => {
                return Ok(Exchange::plain(user.clone(), password.clone()));
            }
            Credentials::Custom(factory) => {
                let mechanism = factory.mechanism(&self.host, self.port);
                return mechanism.map(Exchange::custom).map_err(Error::Mechanism);
            }
            Credentials::Scram { mechanism, user, password } => ScramCredentials {
                mechanism: *mechanism,
                user: user.clone(),
                password: password.clone(),
                token_auth: false,
            },
            Credentials::Token { mechanism, source } => {
                let token = source.current();
                ScramCredentials {
                    mechanism: *mechanism,
                    user: token.id().to_owned(),
                    password: token.secret_password(),
                    token_auth: true,
                }
            }
        };
        Ok(Exchange::scram(scram, entropy::fill()?))
    }
}
