//! What the brokers have counted.

use std::collections::BTreeMap;

use kafka_protocol::messages::ApiKey;

use crate::BrokerId;

/// A snapshot of what happened since the cluster started, over all brokers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Connections opened.
    pub connections: u64,
    /// Connections that are open now.
    pub open_connections: u64,
    /// Logins that succeeded, re-authentication not among them.
    pub logins: u64,
    /// Re-authentications that succeeded.
    pub reauthentications: u64,
    /// Logins and re-authentications that failed.
    pub failed_logins: u64,
    /// Connections closed because of a request after the end of their session: the broker's
    /// `expired-connections-killed-count`.
    pub expired_connections_killed: u64,
    /// Tokens created.
    pub tokens_created: u64,
    /// Tokens renewed.
    pub tokens_renewed: u64,
    requests: BTreeMap<(BrokerId, i16), u64>,
}

impl Counters {
    /// Requests of an API that the brokers have read.
    #[must_use]
    pub fn requests(&self, api: ApiKey) -> u64 {
        self.requests.iter().filter(|((_, key), _)| *key == api as i16).map(|(_, count)| count).sum()
    }

    /// Requests of an API that one broker has read.
    #[must_use]
    pub fn requests_to(&self, broker: BrokerId, api: ApiKey) -> u64 {
        self.requests.get(&(broker, api as i16)).copied().unwrap_or(0)
    }

    pub(crate) fn count_request(&mut self, broker: BrokerId, api: ApiKey) {
        *self.requests.entry((broker, api as i16)).or_default() += 1;
    }
}
