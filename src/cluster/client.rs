//! `Cluster`: the client of one cluster, which finds the right broker for each request and tries
//! again what may succeed.

mod anyone;
mod held;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::timeout_at;

use self::anyone::not_connected;
pub(crate) use self::held::HeldTopics;
use super::attempts::Attempts;
use super::config::{Backoff, Config};
use super::pool::{Pool, Purpose};
use super::retry::Limit;
use super::silence::Silence;
use super::topology::{Address, Topology};
use crate::conn;
use crate::conn::counters::Statistics;
use crate::conn::credentials::Credentials;
use crate::conn::handle::{Connection, Failure};
use crate::conn::inflight::Written;
use crate::conn::token::{Token, YOUNG};
use crate::entropy;
use crate::error::{BrokerError, Error, ErrorKind};
use crate::ids::{BrokerId, LeaderEpoch, TopicPartition};
use crate::metrics;
use crate::time::{self, Clock, SystemClock};
use crate::wire::codec::Request;
use crate::wire::codec::metadata::MetadataRequest;
use crate::wire::error_code::ErrorCode;

/// A client of one Kafka cluster. Clones share its connections.
///
/// Connections are made when they are needed, one for each broker, and close when they were idle
/// for long. Dropping the last clone closes them.
#[derive(Clone)]
pub struct Cluster(Arc<Shared>);

struct Shared {
    config: Config,
    since: Instant,
    pool: Pool,
    topology: Mutex<Topology>,
    silence: Mutex<Silence>,
    /// Held while a refresh runs: whoever comes meanwhile takes its outcome.
    refreshing: AsyncMutex<Refreshed>,
}

/// What became of the last refresh.
#[derive(Default)]
struct Refreshed {
    /// When and how it failed.
    failure: Option<(Instant, Error)>,
    /// When a broker last sent this client back to its bootstrap list.
    rebootstrapped: Option<Instant>,
}

/// How old an error about a topic may be when somebody wants it: it may have been mended.
const ERROR_AGE: Duration = Duration::from_secs(1);

/// For how long a client that was sent back to its bootstrap list does not go there at once again.
const REBOOTSTRAP_PAUSE: Duration = Duration::from_secs(30);

/// Whether the same request may be sent again after it may have been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Sending it twice does what sending it once does.
    Harmless,
    /// Sending it twice does it twice.
    Twice,
}

impl Cluster {
    /// Makes a client and connects it to the first broker of the bootstrap list that answers, to
    /// find out at once if the configuration is wrong.
    ///
    /// # Errors
    /// `Config`, `Tls`, `Auth`, `TokenExpired` and `Unsupported` for what no second try can help;
    /// `Connect` and `Timeout` if no broker of the list could be reached within the deadline.
    ///
    /// # Cancel safety
    /// A dropped call leaves nothing behind.
    pub async fn connect(config: Config) -> Result<Self, Error> {
        let cluster = Self::new(config);
        let mut attempts = cluster.attempts(Repeat::Harmless);
        while let Err(error) = cluster.any_connection(attempts.limit()).await {
            attempts.again(error).await?;
        }
        Ok(cluster)
    }

    fn new(config: Config) -> Self {
        metrics::describe();
        let pool = Pool::new(config.dialler(), config.reconnect_backoff(), config.bootstrap().to_string());
        Self(Arc::new(Shared {
            config,
            since: time::now(),
            pool,
            topology: Mutex::default(),
            silence: Mutex::default(),
            refreshing: AsyncMutex::default(),
        }))
    }

    /// What the connections of this client did so far.
    pub fn statistics(&self) -> Statistics {
        self.0.pool.statistics()
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    /// Looks at the newest picture of the cluster.
    pub(crate) fn topology<T>(&self, look: impl FnOnce(&Topology) -> T) -> T {
        look(&self.topology_mut())
    }

    fn topology_mut(&self) -> MutexGuard<'_, Topology> {
        self.0.topology.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes sure that something is known of these topics, by one request for all that are
    /// used. An error that was told of one of them is asked again, but not twice a second.
    ///
    /// # Cancel safety
    /// A dropped call loses the answer only.
    pub(crate) async fn want(&self, topics: &[Arc<str>]) -> Result<(), Error> {
        self.want_in(&mut self.attempts(Repeat::Harmless), topics).await
    }

    /// As [`want`](Self::want), as a part of an operation.
    pub(crate) async fn want_in(
        &self,
        attempts: &mut Attempts<'_>,
        topics: &[Arc<str>],
    ) -> Result<(), Error> {
        let known = {
            let mut topology = self.topology_mut();
            topology.want(topics, time::now());
            let is_older =
                |age| time::now().checked_sub(age).is_some_and(|then| topology.is_older_than(then));
            topology.knows(topics)
                && !is_older(self.0.config.metadata_max_age())
                && !(topology.has_error(topics) && is_older(ERROR_AGE))
        };
        if known {
            return Ok(());
        }
        while let Err(error) =
            self.refresh_within(self.topology(Topology::generation), attempts.limit()).await
        {
            attempts.again(error).await?;
        }
        Ok(())
    }

    /// Takes a new picture of the cluster, unless there is one that is newer than generation
    /// `seen`, within the configured deadline.
    ///
    /// # Cancel safety
    /// A dropped call loses the answer only.
    pub(crate) async fn refresh(&self, seen: u64) -> Result<(), Error> {
        self.refresh_within(seen, self.limit()).await
    }

    /// As [`refresh`](Self::refresh), within the limit of an operation.
    pub(crate) async fn refresh_within(&self, seen: u64, limit: Limit) -> Result<(), Error> {
        let came = time::now();
        let Ok(mut last) = timeout_at(limit.ends.into(), self.0.refreshing.lock()).await else {
            return Err(Error::late("no broker told who leads what in time", None));
        };
        if self.topology(Topology::generation) > seen {
            return Ok(());
        }
        // It ran while this call waited: another request would be answered alike.
        if let Some((_, error)) = last.failure.as_ref().filter(|(failed, _)| *failed >= came) {
            return Err(error.clone());
        }
        let mut refreshed = self.ask_metadata(limit).await;
        if refreshed.as_ref().is_err_and(is_rebootstrap) {
            self.rebootstrap();
            let before = last.rebootstrapped.replace(time::now());
            // The list may lead to brokers that send back as well.
            if before.is_none_or(|before| time::now() >= before + REBOOTSTRAP_PAUSE) {
                refreshed = self.ask_metadata(limit).await;
            }
        }
        // That this call had no time left says nothing to others.
        let error = refreshed.as_ref().err().filter(|_| time::now() < limit.ends);
        last.failure = error.map(|error| (time::now(), error.clone()));
        refreshed
    }

    async fn ask_metadata(&self, limit: Limit) -> Result<(), Error> {
        let ask = |address: Address, connection: Connection| async move {
            let request = MetadataRequest { topics: Some(self.topology_mut().wanted(time::now())) };
            let response = self.call(&address, &connection, &request, limit).await?;
            if !request.is_answered_by(&response) {
                return Err(Error::other_than_asked(MetadataRequest::API).at_broker(&address.to_string()));
            }
            Ok((address, response))
        };
        let (address, response) = self.ask_anyone(limit, ask).await?;
        if response.error != ErrorCode::NONE {
            return Err(Error::broker(response.error)
                .in_api(MetadataRequest::API)
                .at_broker(&address.to_string()));
        }
        self.topology_mut().update(response, time::now());
        Ok(())
    }

    /// Forgets all brokers, as one of them said (KIP-1102): the next connection is one of the
    /// bootstrap list.
    pub(crate) fn rebootstrap(&self) {
        tracing::info!("a broker sends this client back to its bootstrap list");
        self.topology_mut().forget_brokers();
        self.0.pool.retire_all();
    }

    /// Takes over who leads a partition, as another answer than Metadata told it (KIP-951). Says
    /// whether it is news, of a broker whose address is known.
    pub(crate) fn learn_leader(&self, partition: &TopicPartition, leader: (BrokerId, LeaderEpoch)) -> bool {
        self.topology_mut().learn_leader(partition, leader)
    }

    /// Sends a request to whichever broker is at hand, and again if that failed on the way.
    pub(crate) async fn ask<R: Request>(&self, repeat: Repeat, request: &R) -> Result<R::Response, Error> {
        let mut attempts = self.attempts(repeat);
        self.ask_in(&mut attempts, request).await
    }

    /// As [`ask`](Self::ask), as a part of an operation.
    pub(crate) async fn ask_in<R: Request>(
        &self,
        attempts: &mut Attempts<'_>,
        request: &R,
    ) -> Result<R::Response, Error> {
        loop {
            match self.call_any_within(request, attempts.limit()).await {
                Ok(response) => return Ok(response),
                Err(error) => attempts.again(error).await?,
            }
        }
    }

    /// Sends a request to whichever broker is at hand.
    pub(crate) async fn call_any_within<R: Request>(
        &self,
        request: &R,
        limit: Limit,
    ) -> Result<R::Response, Error> {
        let (address, connection) = self.any_connection(limit).await?;
        self.call(&address, &connection, request, limit).await
    }

    /// Sends a request to one broker, within the configured deadline.
    pub(crate) async fn call_broker<R: Request>(
        &self,
        broker: BrokerId,
        request: &R,
    ) -> Result<R::Response, Error> {
        self.call_broker_within(broker, request, self.limit()).await
    }

    /// Sends a request to one broker.
    pub(crate) async fn call_broker_within<R: Request>(
        &self,
        broker: BrokerId,
        request: &R,
        limit: Limit,
    ) -> Result<R::Response, Error> {
        let (address, connection) = self.connection_within(broker, Purpose::Prompt, limit).await?;
        self.call(&address, &connection, request, limit).await
    }

    /// The connection to a broker, within the configured deadline.
    pub(crate) async fn connection(
        &self,
        broker: BrokerId,
        purpose: Purpose,
    ) -> Result<(Address, Connection), Error> {
        self.connection_within(broker, purpose, self.limit()).await
    }

    async fn connection_within(
        &self,
        broker: BrokerId,
        purpose: Purpose,
        limit: Limit,
    ) -> Result<(Address, Connection), Error> {
        let Some(address) = self.topology(|topology| topology.address(broker).cloned()) else {
            return Err(Error::broker(ErrorCode::BROKER_NOT_AVAILABLE).at_broker(&broker.to_string()));
        };
        let dialled = timeout_at(limit.ends.into(), self.0.pool.connection(&address, purpose)).await;
        let connection = dialled.unwrap_or_else(|_| Err(not_connected(limit, &[&address], None)))?;
        Ok((address, connection))
    }

    /// The connection to a broker, if there is one that can be used at once.
    pub(crate) fn open_connection(
        &self,
        broker: BrokerId,
        purpose: Purpose,
    ) -> Option<(Address, Connection)> {
        let address = self.topology(|topology| topology.address(broker).cloned())?;
        let connection = self.0.pool.open(&address, purpose)?;
        Some((address, connection))
    }

    /// Whether a broker wants to be left alone, or all that are connected do: nothing can be asked of it then.
    pub(crate) fn is_muted(&self, broker: Option<BrokerId>) -> bool {
        let connection = broker.and_then(|broker| self.open_connection(broker, Purpose::Prompt));
        connection.is_some_and(|(_, open)| open.muted_until().is_some()) || self.0.pool.is_muted()
    }

    async fn call<R: Request>(
        &self,
        address: &Address,
        connection: &Connection,
        request: &R,
        limit: Limit,
    ) -> Result<R::Response, Error> {
        let timeout = self.0.config.request_timeout();
        let answered = match timeout_at(limit.ends.into(), connection.start(request, timeout)).await {
            // The connection is not at fault: others go on with it.
            Err(_) => Err(Failure::not_written(conn::error::Error::NotSent)),
            Ok(Err(failure)) => Err(failure),
            Ok(Ok(pending)) => timeout_at(limit.ends.into(), pending.response()).await.unwrap_or_else(|_| {
                let error = conn::error::Error::Stalled { api: R::API };
                Err(Failure { error, written: Written::Possibly })
            }),
        };
        answered.map_err(|failure| Error::request(failure).in_api(R::API).at_broker(&address.to_string()))
    }

    /// Whether another attempt may succeed with nothing changed by the caller. A credential that
    /// was refused is worth one where a newer token can come: its writer hears of the refusal.
    pub(crate) fn may_recover(&self, error: &Error) -> bool {
        let may_pass = match self.0.config.credentials() {
            Credentials::Token { source, .. } => {
                source.may_change() || (error.is_unknown_user() && self.is_token_young(&source.current()))
            }
            _ => false,
        };
        error.is_retriable() || (error.needs_new_credentials() && may_pass)
    }

    /// The longest pause after which a failure is worth another attempt: what a broker does not know when the
    /// token is no longer young it does not know later either.
    pub(crate) fn longest_pause(&self, error: &Error) -> Duration {
        match self.0.config.credentials() {
            Credentials::Token { source, .. } if error.needs_new_credentials() && !source.may_change() => {
                (self.0.since + YOUNG).saturating_duration_since(time::now())
            }
            _ => Duration::MAX,
        }
    }

    /// Whether a broker may not know the token yet: it was made moments ago, or tells nothing of its life
    /// and came to this client moments ago, as one does that Java's tools have made.
    fn is_token_young(&self, token: &Token) -> bool {
        let now = time::now();
        now < self.0.since + YOUNG && token.may_be_young(now, SystemClock.now())
    }

    /// How long to wait after so many failures in a row.
    pub(crate) fn pause(&self, failures: u32) -> Duration {
        let random = entropy::fill().map_or(128, |[byte]| byte);
        self.0.config.reconnect_backoff().delay(failures, random)
    }

    /// How long to wait after so many failures in a row of what may go on for long, up to `longest`.
    pub(crate) fn long_pause(&self, failures: u32, longest: Duration) -> Duration {
        let random = entropy::fill().map_or(128, |[byte]| byte);
        let backoff = self.0.config.reconnect_backoff();
        Backoff { max: backoff.max.max(longest), ..backoff }.delay(failures, random)
    }

    /// Begins an operation that may take several attempts, until the configured deadline.
    pub(crate) fn attempts(&self, repeat: Repeat) -> Attempts<'_> {
        Attempts::new(self, repeat)
    }

    /// A limit that begins now, of what is asked once.
    pub(crate) fn limit(&self) -> Limit {
        Limit::new(time::now(), self.0.config.deadline())
    }
}

/// Whether the broker sends its clients back to their bootstrap list.
pub(crate) fn is_rebootstrap(error: &Error) -> bool {
    error.kind() == ErrorKind::Broker(BrokerError::new(ErrorCode::REBOOTSTRAP_REQUIRED))
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("config", &self.0.config).finish_non_exhaustive()
    }
}
