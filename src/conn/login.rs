//! The logins of one connection: from the newest credential to an attempt, and from a
//! derivation to a key. What may take long runs as an errand beside the socket.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::authenticate::Attempt;
use super::credentials::Credentials;
use super::error::Error;
use super::keys::Keys;
use super::lifetime::RenewalPoint;
use super::token::Token;
use crate::entropy;
use crate::ids::Principal;
use crate::sasl::{Derivation, Exchange, SaltedPassword, ScramCredentials};
#[cfg(feature = "kerberos")]
use crate::time;

/// Work that a session waits for.
pub(crate) type Errand = Pin<Box<dyn Future<Output = Result<Finding, Error>> + Send>>;

/// What an errand brings back.
pub(crate) enum Finding {
    Attempt(Attempt),
    Key(SaltedPassword),
}

/// Between two attempts to reach a KDC for a connection that is logged in.
#[cfg(feature = "kerberos")]
const KDC_PAUSE: Duration = Duration::from_secs(1);

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
    /// The token of the last login, if it was by one.
    pub(crate) used: Option<Used>,
}

/// The token of a login. A connection lives longer than its token may: it knows which one it was, and
/// has no part in its secret.
pub(crate) struct Used {
    token: Weak<Token>,
    owner: Option<Principal>,
}

impl Used {
    fn of(token: &Arc<Token>) -> Self {
        Self { token: Arc::downgrade(token), owner: token.owner().cloned() }
    }
}

/// What a newer token means for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing: it is in use already.
    None,
    /// The connection can log in with it.
    Login,
    /// It acts for somebody else, for whom there has to be another connection.
    Owner,
}

impl Logins {
    /// Whether the connection is used without SASL.
    pub(crate) fn is_anonymous(&self) -> bool {
        matches!(self.credentials, Credentials::None)
    }

    /// What the newest token is to the one that the connection is logged in with.
    pub(crate) fn change(&self) -> Change {
        let newest = self.credentials.token();
        match (&self.used, &newest) {
            // One that is gone has a successor.
            (Some(used), Some(newest)) if used.token.upgrade().is_some_and(|used| used == *newest) => {
                Change::None
            }
            (Some(used), Some(newest)) => match (&used.owner, newest.owner()) {
                (Some(before), Some(owner)) if before != owner => Change::Owner,
                _ => Change::Login,
            },
            _ => Change::None,
        }
    }

    /// Whether a login makes no sense before there is a newer token.
    pub(crate) fn awaits_token(&self, now: Instant) -> bool {
        match &self.credentials {
            Credentials::Token { source, .. } => source.may_change() && source.current().is_dead(now),
            _ => false,
        }
    }

    /// Prepares a login with the credential that is the newest now. `end` is that of the present session.
    #[cfg_attr(not(feature = "kerberos"), expect(unused_variables, reason = "only KDCs are waited for"))]
    pub(crate) fn attempt(&mut self, now: Instant, end: Option<Instant>) -> Errand {
        let newest = self.credentials.token();
        if newest.as_ref().is_some_and(|token| token.is_dead(now)) {
            return Box::pin(std::future::ready(Err(Error::TokenExpired)));
        }
        self.used = newest.as_ref().map(Used::of);
        #[cfg(feature = "kerberos")]
        if let Credentials::Kerberos(kerberos) = &self.credentials {
            return self.with_ticket(kerberos.clone(), end);
        }
        let attempt = self.exchange(newest).and_then(|exchange| self.terms().attempt(exchange, now));
        Box::pin(std::future::ready(attempt.map(Finding::Attempt)))
    }

    /// Fetches a service ticket. A connection that is logged in waits for KDCs that are down: it
    /// serves on until its session ends. From then on nothing is sent on it, and who waits is to hear why.
    #[cfg(feature = "kerberos")]
    fn with_ticket(&self, kerberos: super::kerberos::Kerberos, end: Option<Instant>) -> Errand {
        let (host, terms, again) = (Arc::clone(&self.host), self.terms(), self.mechanism.is_some());
        let waits = move || again && end.is_none_or(|end| time::now() < end);
        Box::pin(async move {
            loop {
                match kerberos.exchange(&host).await {
                    Ok(exchange) => return terms.attempt(exchange, time::now()).map(Finding::Attempt),
                    Err(error) if error.is_absence() && waits() => tokio::time::sleep(KDC_PAUSE).await,
                    Err(error) => return Err(error),
                }
            }
        })
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

    /// What an error means on a connection that was logged in before. A service ticket that was
    /// good then and is refused now has to be fetched anew, which the next dial does: nobody's
    /// credential is wrong. Whether a token that is refused now is wrong the next dial finds out:
    /// a renewal in the middle of a login changes the salts.
    pub(crate) fn after_reauthentication(&self, error: Error) -> Error {
        #[cfg(feature = "kerberos")]
        if let Credentials::Kerberos(kerberos) = &self.credentials
            && kerberos.is_worth_another(&error)
        {
            return Error::Closed;
        }
        if let (Credentials::Token { source, .. }, Some(used)) = (&self.credentials, &self.used)
            && matches!(error, Error::LoginRefused { .. } | Error::TokenExpired | Error::ClosedInLogin)
        {
            if let Some(used) = used.token.upgrade() {
                source.report_refused(&used);
            }
            return Error::Closed;
        }
        match error {
            // It was taken before, so it is the time that is wrong, and that of this connection alone.
            Error::HandshakeRefused { .. } => Error::Closed,
            error => error,
        }
    }

    /// Tells whoever makes the tokens that the broker took the one of the last login.
    pub(crate) fn report_taken(&self) {
        if let (Credentials::Token { source, .. }, Some(used)) = (&self.credentials, &self.used)
            && let Some(used) = used.token.upgrade()
        {
            source.report_taken(&used);
        }
    }

    fn terms(&self) -> Terms {
        Terms { token: matches!(self.credentials, Credentials::Token { .. }), limit: self.limit }
    }

    fn exchange(&self, newest: Option<Arc<Token>>) -> Result<Exchange, Error> {
        let scram = match &self.credentials {
            Credentials::None => return Err(Error::NoCredential),
            Credentials::Plain { user, password } => {
                return Ok(Exchange::plain(user.clone(), password.clone()));
            }
            // Its tickets are fetched first, by `with_ticket`.
            #[cfg(feature = "kerberos")]
            Credentials::Kerberos(_) => return Err(Error::NoCredential),
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
                let token = newest.unwrap_or_else(|| source.current());
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

/// What all logins of one connection have in common.
#[derive(Clone, Copy)]
struct Terms {
    token: bool,
    limit: Duration,
}

impl Terms {
    fn attempt(self, exchange: Exchange, now: Instant) -> Result<Attempt, Error> {
        let [random] = entropy::fill()?;
        let renewal_point = RenewalPoint::from_random(random);
        Ok(Attempt { exchange, token: self.token, renewal_point, deadline: now + self.limit })
    }
}
