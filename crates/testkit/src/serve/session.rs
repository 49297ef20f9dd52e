//! Who is logged in on a connection, and what it may send next.

use std::time::Duration;
use tokio::time::Instant;

use kafka_protocol::messages::ApiKey;

use crate::api::Held;
use crate::scram::ExpectClientFinal;
use crate::{Mechanism, Principal, Protocol};

/// A connection's principal.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) principal: Principal,
    /// The login was by delegation token.
    pub(crate) by_token: bool,
    /// None if no SASL was involved.
    pub(crate) mechanism: Option<Mechanism>,
    /// The end of the session, if it has one.
    pub(crate) ends: Option<Instant>,
}

#[derive(Debug)]
pub(crate) enum Phase {
    /// Requests are served.
    Ready,
    /// A login begins: ApiVersions or SaslHandshake comes next.
    ExpectHandshake,
    /// The next message of the mechanism.
    ExpectMessage(Exchange),
    /// A re-authentication has named another mechanism: whatever comes next ends the connection.
    WrongMechanism,
}

/// A login under way.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) mechanism: Mechanism,
    /// Messages come as frames of their own (SaslHandshake version 0).
    pub(crate) raw: bool,
    pub(crate) step: Step,
}

#[derive(Debug)]
pub(crate) enum Step {
    First,
    #[cfg(feature = "kerberos")]
    Kerberos(Box<crate::acceptor::Login>),
    ScramFinal {
        state: ExpectClientFinal,
        principal: Principal,
        token_ends: Option<i64>,
    },
}

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) protocol: Protocol,
    /// The number of the connection.
    pub(crate) connection: u64,
    pub(crate) phase: Phase,
    /// None until the first login is done.
    pub(crate) login: Option<Login>,
    reauthenticated: Option<Instant>,
    /// For how long nothing more is read: the client is throttled.
    pub(crate) muted: Duration,
    /// By how much the request under way exceeds the quota of requests.
    pub(crate) by_requests: Duration,
    /// A Produce that is written and waits for its followers.
    pub(crate) held: Option<Held>,
}

/// Whether a request is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    Serve,
    Close,
    /// Close, because the session is over.
    Expired,
}

/// A second re-authentication within this time is refused (KIP-368).
const MIN_REAUTHENTICATION_INTERVAL: Duration = Duration::from_secs(1);

impl Session {
    /// A connection that was just opened. A certificate may have told who it is.
    pub(crate) fn open(protocol: Protocol, connection: u64, certificate: Option<Principal>) -> Self {
        let sasl = protocol.has_sasl();
        let principal = certificate.unwrap_or_else(Principal::anonymous);
        let login = Login { principal, by_token: false, mechanism: None, ends: None };
        Self {
            protocol,
            connection,
            phase: if sasl { Phase::ExpectHandshake } else { Phase::Ready },
            login: (!sasl).then_some(login),
            reauthenticated: None,
            muted: Duration::ZERO,
            by_requests: Duration::ZERO,
            held: None,
        }
    }

    pub(crate) fn expects_raw_message(&self) -> bool {
        matches!(self.phase, Phase::WrongMechanism | Phase::ExpectMessage(Exchange { raw: true, .. }))
    }

    pub(crate) fn is_authenticated(&self) -> bool {
        self.login.is_some()
    }

    pub(crate) fn principal(&self) -> Principal {
        self.login.as_ref().map_or_else(Principal::anonymous, |login| login.principal.clone())
    }

    /// Whether the connection may use the token APIs: not by token, and not unless it was
    /// authenticated.
    pub(crate) fn may_use_tokens(&self) -> bool {
        self.login.as_ref().is_some_and(|l| !l.by_token && l.principal != Principal::anonymous())
    }

    /// Decides on a request. A SaslHandshake that may re-authenticate begins a login, even after the
    /// end of the session.
    pub(crate) fn admit(&mut self, key: ApiKey, now: Instant) -> Gate {
        match &self.phase {
            Phase::Ready if key == ApiKey::SaslHandshake && self.may_reauthenticate(now) => {
                self.reauthenticated = Some(now);
                self.phase = Phase::ExpectHandshake;
                Gate::Serve
            }
            Phase::Ready => {
                let over = self.login.as_ref().and_then(|l| l.ends).is_some_and(|ends| ends <= now);
                if over { Gate::Expired } else { Gate::Serve }
            }
            Phase::ExpectHandshake if matches!(key, ApiKey::ApiVersions | ApiKey::SaslHandshake) => {
                Gate::Serve
            }
            Phase::ExpectMessage(_) if key == ApiKey::SaslAuthenticate => Gate::Serve,
            _ => Gate::Close,
        }
    }

    fn may_reauthenticate(&self, now: Instant) -> bool {
        let has_end = self.login.as_ref().is_some_and(|login| login.ends.is_some());
        let rested = self
            .reauthenticated
            .is_none_or(|last| now.saturating_duration_since(last) >= MIN_REAUTHENTICATION_INTERVAL);
        has_end && rested
    }
}
