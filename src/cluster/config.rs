//! How to reach a cluster and how patient to be with it.

mod bootstrap;
pub(crate) mod java;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::conn::counters::Counters;
use crate::conn::credentials::Credentials;
use crate::conn::dial::{Connect, Dialler, TcpConnector};
use crate::conn::session::Settings;
use crate::error::Error;
use crate::tls::Tls;
use crate::wire::pool::BufferPool;

pub use bootstrap::{Bootstrap, InvalidBootstrap};
pub use java::{ConfigWarning, InvalidProperties};

/// Says how connections to a cluster are protected on the network.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Security {
    /// Nothing is hidden and nobody is verified (`PLAINTEXT`, `SASL_PLAINTEXT`). PLAIN passwords
    /// and the data are open to the network; SCRAM logins, also with tokens, still hide the
    /// password.
    Plaintext,
    /// TLS (`SSL`, `SASL_SSL`).
    Tls(Tls),
}

/// Configures a client of one cluster: where it is, how it is reached, who the client is.
///
/// These three have no default. All else has one, and a `with_*` setter to change it. Times are
/// from 1 ms to a year, others are moved to the nearest.
#[derive(Clone, Debug)]
pub struct Config {
    bootstrap: Bootstrap,
    security: Security,
    credentials: Credentials,
    client_id: String,
    connect_timeout: Duration,
    request_timeout: Duration,
    deadline: Duration,
    reconnect_backoff: Backoff,
    idle_close: Duration,
    metadata_max_age: Duration,
    max_frame: usize,
    connector: Connector,
}

/// The connector, which has no `Debug` of its own.
#[derive(Clone)]
pub(crate) struct Connector(Arc<dyn Connect>);

impl Connector {
    pub(crate) fn new(connector: impl Connect + 'static) -> Self {
        Self(Arc::new(connector))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector(..)")
    }
}

/// The bounds between which the wait before another attempt grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Backoff {
    pub(crate) first: Duration,
    pub(crate) max: Duration,
}

impl Config {
    /// Makes a configuration of what nobody can default, and the defaults for the rest.
    pub fn new(bootstrap: Bootstrap, security: Security, credentials: Credentials) -> Self {
        Self {
            bootstrap,
            security,
            credentials,
            client_id: "ottla".to_owned(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            deadline: Duration::from_secs(60),
            reconnect_backoff: Backoff { first: Duration::from_millis(50), max: Duration::from_secs(1) },
            idle_close: Duration::from_secs(9 * 60),
            metadata_max_age: Duration::from_secs(5 * 60),
            max_frame: 128 * 1024 * 1024,
            connector: Connector::new(TcpConnector::new()),
        }
    }

    /// Sets the name by which brokers' logs, quotas and metrics know this client. Default `ottla`;
    /// the first 249 characters are kept.
    #[must_use]
    pub fn with_client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into().chars().take(MAX_CLIENT_ID).collect();
        self
    }

    /// Sets how long one connection may take to be made, name look-up, TLS and login included.
    /// Default 10 s. A caller waits no longer than its deadline for it; the connection is made all
    /// the same, for whoever comes next. Where any broker will do, another one is tried beside one that
    /// does not answer within a second.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = sensible(timeout);
        self
    }

    /// Sets how long one request waits for its response. Default 30 s. A request that takes
    /// longer costs its connection, since nobody knows what became of it.
    #[must_use]
    pub fn with_request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = sensible(timeout);
        self
    }

    /// Sets how long one operation may take with all that it waits for: connections, logins, answers,
    /// other attempts. Default 60 s. An operation that may be tried again is, until then.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = sensible(deadline);
        self
    }

    /// Sets the wait before a broker is connected to again: `first` after one failure, twice as
    /// long after each further one, never above `max`, each time varied by chance so that many
    /// clients do not come at once. Default 50 ms to 1 s. A `max` below `first` means `first`.
    #[must_use]
    pub fn with_reconnect_backoff(mut self, first: Duration, max: Duration) -> Self {
        let first = sensible(first);
        self.reconnect_backoff = Backoff { first, max: sensible(max).max(first) };
        self
    }

    /// Sets after how long without requests a connection is closed. Default 9 min, one less than
    /// brokers close it after (`connections.max.idle.ms`), so that no request meets a closing
    /// connection. A login is no request: one whose session ends before that (KIP-368) logs in again if
    /// there was a request since the last login, else it closes at the end of its session.
    #[must_use]
    pub fn with_idle_close(mut self, idle: Duration) -> Self {
        self.idle_close = sensible(idle);
        self
    }

    /// Sets after how long what is known of brokers and leaders is asked for again although
    /// nothing contradicted it. Default 5 min; each time costs one request.
    #[must_use]
    pub fn with_metadata_max_age(mut self, age: Duration) -> Self {
        self.metadata_max_age = sensible(age);
        self
    }

    /// Sets the longest response that is taken, in bytes. Default 128 MiB; from 64 KiB to 1 GiB,
    /// others are moved to the nearest. A longer one is a protocol error and costs the connection. It bounds
    /// the memory that one connection can hold; raise it if single record batches are larger.
    #[must_use]
    pub fn with_max_frame(mut self, bytes: usize) -> Self {
        self.max_frame = bytes.clamp(64 * 1024, 1024 * 1024 * 1024);
        self
    }

    /// Opens streams to brokers by `connector` in place of plain TCP: by way of a proxy, with
    /// addresses of its own for some names, or in memory.
    #[must_use]
    pub fn with_connector(mut self, connector: impl Connect + 'static) -> Self {
        self.connector = Connector::new(connector);
        self
    }

    /// Opens streams as another configuration does.
    pub(crate) fn with_shared_connector(mut self, connector: Connector) -> Self {
        self.connector = connector;
        self
    }

    pub(crate) fn connector(&self) -> &Connector {
        &self.connector
    }

    /// What makes the connections of one client. Each call gives one with counts and keys of its own.
    pub(crate) fn dialler(&self) -> Dialler {
        let tls = match &self.security {
            Security::Plaintext => None,
            Security::Tls(tls) => Some(tls.client_config()),
        };
        Dialler {
            connector: Arc::clone(&self.connector.0),
            tls,
            credentials: self.credentials.clone(),
            settings: Settings { client_id: self.client_id.as_str().into(), max_frame: self.max_frame },
            limit: self.connect_timeout,
            idle_after: self.idle_close,
            keys: self.credentials.keys(),
            buffers: BufferPool::default(),
            counters: Arc::new(Counters::default()),
        }
    }

    /// The brokers that are asked first.
    pub fn bootstrap(&self) -> &Bootstrap {
        &self.bootstrap
    }

    /// How connections are protected.
    pub fn security(&self) -> &Security {
        &self.security
    }

    /// What the client logs in with.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    #[cfg(test)]
    fn client_id(&self) -> &str {
        &self.client_id
    }

    #[cfg(test)]
    fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    pub(crate) fn request_timeout(&self) -> Duration {
        self.request_timeout
    }

    pub(crate) fn deadline(&self) -> Duration {
        self.deadline
    }

    pub(crate) fn reconnect_backoff(&self) -> Backoff {
        self.reconnect_backoff
    }

    #[cfg(test)]
    fn idle_close(&self) -> Duration {
        self.idle_close
    }

    pub(crate) fn metadata_max_age(&self) -> Duration {
        self.metadata_max_age
    }

    #[cfg(test)]
    fn max_frame(&self) -> usize {
        self.max_frame
    }
}

impl From<InvalidBootstrap> for Error {
    fn from(why: InvalidBootstrap) -> Self {
        Self::config(why)
    }
}

impl From<InvalidProperties> for Error {
    fn from(why: InvalidProperties) -> Self {
        Self::config(why)
    }
}

/// Zero would mean "never succeed" or "spin", which nobody wants.
const SHORTEST: Duration = Duration::from_millis(1);
/// As good as never, and no point in time overflows by it.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);
/// As many as the names of topics have, which go into the same metrics.
const MAX_CLIENT_ID: usize = 249;

fn sensible(time: Duration) -> Duration {
    time.clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn config() -> Config {
        let credentials = Credentials::Plain { user: "alice".to_owned(), password: Secret::from("sesame") };
        Config::new("b1:9092".parse().unwrap(), Security::Plaintext, credentials)
    }

    #[test]
    fn values_out_of_range_move_to_the_nearest() {
        let zero = Duration::ZERO;
        let config = config()
            .with_connect_timeout(zero)
            .with_request_timeout(zero)
            .with_deadline(zero)
            .with_idle_close(zero)
            .with_metadata_max_age(zero)
            .with_reconnect_backoff(Duration::from_secs(2), zero)
            .with_max_frame(0);
        let times = [
            config.connect_timeout(),
            config.request_timeout(),
            config.deadline(),
            config.idle_close(),
            config.metadata_max_age(),
        ];
        assert_eq!(times, [SHORTEST; 5]);
        let two = Duration::from_secs(2);
        assert_eq!(config.reconnect_backoff(), Backoff { first: two, max: two });
        assert_eq!(config.max_frame(), 64 * 1024);
        let long = config.with_idle_close(Duration::MAX).with_client_id("é".repeat(300));
        assert_eq!((long.idle_close(), long.client_id().chars().count()), (LONGEST, MAX_CLIENT_ID));
        assert_eq!(long.with_max_frame(usize::MAX).max_frame(), 1024 * 1024 * 1024);
    }

    #[test]
    fn debug_shows_where_and_who_but_no_password() {
        let shown = format!("{:?}", config().with_client_id("job-7"));
        assert!(shown.contains("b1") && shown.contains("alice") && shown.contains("job-7"), "{shown}");
        assert!(!shown.contains("sesame"), "{shown}");
    }
}
