//! What the connections of one client did, counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::token::Token;
use crate::metrics;
use crate::time::{self, Clock, SystemClock, Timestamp};
use crate::wire::api::ApiKey;

/// Counts shared by all connections of one client. They go to the `metrics` facade too.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    connections: AtomicU64,
    dial_failures: AtomicU64,
    logins: AtomicU64,
    reauthentications: AtomicU64,
    requests: [AtomicU64; ApiKey::ALL.len()],
    /// The connections find out what brokers make of a token: a refusal is an answer.
    proving: bool,
}

/// What the connections of one client did since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Connections that became usable.
    pub connections: u64,
    /// Connections that could not be made.
    pub dial_failures: u64,
    /// Logins on new connections.
    pub logins: u64,
    /// Logins on connections that were logged in before (KIP-368).
    pub reauthentications: u64,
    /// Requests that were sent, by Kafka's name of the API, those of logins included; only APIs
    /// that were called are listed.
    pub requests: Vec<(String, u64)>,
}

impl Statistics {
    /// How many requests of an API were sent, such as `Metadata`.
    pub fn requests_of(&self, api: &str) -> u64 {
        self.requests.iter().find(|(name, _)| name == api).map_or(0, |(_, count)| *count)
    }
}

impl Counters {
    /// For connections that prove a token.
    pub(crate) fn of_proofs() -> Self {
        Self { proving: true, ..Self::default() }
    }

    pub(crate) fn is_of_proofs(&self) -> bool {
        self.proving
    }

    pub(crate) fn count_connection(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        ::metrics::counter!(metrics::CONNECTIONS).increment(1);
    }

    pub(crate) fn count_dial_failure(&self) {
        self.dial_failures.fetch_add(1, Ordering::Relaxed);
        ::metrics::counter!(metrics::DIAL_FAILURES).increment(1);
    }

    pub(crate) fn count_login(&self, first: bool) {
        let (counter, name) = match first {
            true => (&self.logins, metrics::LOGINS),
            false => (&self.reauthentications, metrics::REAUTHENTICATIONS),
        };
        counter.fetch_add(1, Ordering::Relaxed);
        ::metrics::counter!(name).increment(1);
    }

    /// One connection more, or less, is logged in with a token that has a successor.
    pub(crate) fn count_outdated(more: bool) {
        let gauge = ::metrics::gauge!(metrics::OUTDATED_CONNECTIONS);
        if more { gauge.increment(1.0) } else { gauge.decrement(1.0) }
    }

    pub(crate) fn count_request(&self, api: ApiKey) {
        let place = ApiKey::ALL.iter().position(|known| *known == api);
        if let Some(counter) = place.and_then(|place| self.requests.get(place)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        ::metrics::counter!(metrics::REQUESTS, "api" => api.name()).increment(1);
    }

    /// The counts so far.
    pub(crate) fn statistics(&self) -> Statistics {
        let counts = ApiKey::ALL.iter().zip(&self.requests);
        let counts = counts.map(|(api, count)| (api.to_string(), count.load(Ordering::Relaxed)));
        Statistics {
            connections: self.connections.load(Ordering::Relaxed),
            dial_failures: self.dial_failures.load(Ordering::Relaxed),
            logins: self.logins.load(Ordering::Relaxed),
            reauthentications: self.reauthentications.load(Ordering::Relaxed),
            requests: counts.filter(|(_, count)| *count > 0).collect(),
        }
    }
}

/// Tells when the token in use at a cluster was made and when it ends. These are moments, so that they
/// are right until the next one is told, and an alert can be built upon them; and they are the brokers'
/// own, so that a clock that is set here does not make them wrong.
pub(crate) fn tell_token(cluster: &str, token: &Token) {
    let Some(life) = token.life() else { return };
    let labels = token_labels(cluster, token);
    ::metrics::gauge!(metrics::TOKEN_ISSUED_AT, &labels).set(seconds(life.issued));
    ::metrics::gauge!(metrics::TOKEN_EXPIRES_AT, &labels).set(seconds(life.expires));
}

/// Tells when the token in use was made or renewed.
pub(crate) fn tell_renewal(cluster: &str, token: &Token, since: Instant) {
    ::metrics::gauge!(metrics::TOKEN_RENEWED_AT, &token_labels(cluster, token)).set(seconds(unix(since)));
}

/// Two tokens of a process differ in these.
fn token_labels(cluster: &str, token: &Token) -> [(&'static str, String); 2] {
    let owner = token.owner().map(ToString::to_string).unwrap_or_default();
    [("cluster", cluster.to_owned()), ("owner", owner)]
}

/// A moment of this process's clock as wall time.
fn unix(at: Instant) -> Timestamp {
    let (now, wall) = (time::now(), SystemClock.now().as_millis());
    let millis = |time: std::time::Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    let after = millis(at.saturating_duration_since(now));
    Timestamp::from_millis(
        wall.saturating_add(after).saturating_sub(millis(now.saturating_duration_since(at))),
    )
}

#[expect(clippy::cast_precision_loss, reason = "exact for 285,000 years")]
fn seconds(at: Timestamp) -> f64 {
    at.as_millis() as f64 / 1000.0
}
