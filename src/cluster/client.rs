//! `Cluster`: the client of one cluster, which finds the right broker for each request and tries
//! again what may succeed.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Mutex as AsyncMutex;

use super::config::{Backoff, Config};
use super::pool::{Pool, Purpose};
use super::topology::{Address, Topology};
use crate::conn::counters::Statistics;
use crate::conn::credentials::Credentials;
use crate::conn::handle::Connection;
use crate::entropy;
use crate::error::{Class, Error, ErrorKind, class};
use crate::ids::{BrokerId, LeaderEpoch, TopicPartition};
use crate::time;
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
    pool: Pool,
    topology: Mutex<Topology>,
    /// Held while a refresh runs: whoever comes meanwhile takes its outcome.
    refreshing: AsyncMutex<()>,
}

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
        while let Err(error) = cluster.any_connection().await {
            attempts.after(error).await?;
        }
        Ok(cluster)
    }

    fn new(config: Config) -> Self {
        let pool = Pool::new(config.dialler(), config.reconnect_backoff());
        Self(Arc::new(Shared { config, pool, topology: Mutex::default(), refreshing: AsyncMutex::default() }))
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
        look(&self.0.topology.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes sure that something is known of these topics, by one request for all that were ever
    /// wanted.
    ///
    /// # Cancel safety
    /// A dropped call loses the answer only.
    pub(crate) async fn want(&self, topics: &[Arc<str>]) -> Result<(), Error> {
        let known = {
            let mut topology = self.0.topology.lock().unwrap_or_else(PoisonError::into_inner);
            topology.want(topics);
            let oldest = time::now().checked_sub(self.0.config.metadata_max_age());
            topology.knows(topics) && !oldest.is_some_and(|oldest| topology.is_older_than(oldest))
        };
        if known {
            return Ok(());
        }
        let mut attempts = self.attempts(Repeat::Harmless);
        while let Err(error) = self.refresh(self.topology(Topology::generation)).await {
            attempts.after(error).await?;
        }
        Ok(())
    }

    /// Takes a new picture of the cluster, unless there is one that is newer than generation
    /// `seen`.
    ///
    /// # Cancel safety
    /// A dropped call loses the answer only.
    pub(crate) async fn refresh(&self, seen: u64) -> Result<(), Error> {
        let _refreshing = self.0.refreshing.lock().await;
        let (generation, wanted) = self.topology(|topology| (topology.generation(), topology.wanted()));
        if generation > seen {
            return Ok(());
        }
        let (address, connection) = self.any_connection().await?;
        let request = MetadataRequest { topics: Some(wanted) };
        let response = self.call(&address, &connection, &request).await?;
        if response.error != ErrorCode::NONE {
            return Err(Error::broker(response.error)
                .in_api(MetadataRequest::API)
                .at_broker(&address.to_string()));
        }
        self.0.topology.lock().unwrap_or_else(PoisonError::into_inner).update(response, time::now());
        Ok(())
    }

    /// Takes over who leads a partition, as another answer than Metadata told it (KIP-951). Says
    /// whether it is news, of a broker whose address is known.
    pub(crate) fn learn_leader(&self, partition: &TopicPartition, leader: (BrokerId, LeaderEpoch)) -> bool {
        self.0.topology.lock().unwrap_or_else(PoisonError::into_inner).learn_leader(partition, leader)
    }

    /// Sends a request to whichever broker is at hand, and again if that failed on the way.
    pub(crate) async fn ask<R: Request>(&self, repeat: Repeat, request: &R) -> Result<R::Response, Error> {
        let mut attempts = self.attempts(repeat);
        loop {
            match self.call_any(request).await {
                Ok(response) => return Ok(response),
                Err(error) => attempts.after(error).await?,
            }
        }
    }

    /// Sends a request to whichever broker is at hand.
    pub(crate) async fn call_any<R: Request>(&self, request: &R) -> Result<R::Response, Error> {
        let (address, connection) = self.any_connection().await?;
        self.call(&address, &connection, request).await
    }

    /// Sends a request to one broker.
    pub(crate) async fn call_broker<R: Request>(
        &self,
        broker: BrokerId,
        request: &R,
    ) -> Result<R::Response, Error> {
        let (address, connection) = self.connection(broker, Purpose::Prompt).await?;
        self.call(&address, &connection, request).await
    }

    /// The connection to a broker.
    pub(crate) async fn connection(
        &self,
        broker: BrokerId,
        purpose: Purpose,
    ) -> Result<(Address, Connection), Error> {
        let Some(address) = self.topology(|topology| topology.address(broker).cloned()) else {
            return Err(Error::broker(ErrorCode::BROKER_NOT_AVAILABLE).at_broker(&broker.to_string()));
        };
        let connection = self.0.pool.connection(&address, purpose).await?;
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

    /// A connection to any broker: one that is open, else a known broker's, else, when none of
    /// those can be reached, one from the bootstrap list (KIP-899).
    async fn any_connection(&self) -> Result<(Address, Connection), Error> {
        let mut error = None;
        for address in self.candidates() {
            match self.0.pool.connection(&address, Purpose::Prompt).await {
                Ok(connection) => return Ok((address, connection)),
                Err(failed) if failed.is_retriable() => error = Some(failed),
                Err(failed) => return Err(failed),
            }
        }
        Err(error.unwrap_or_else(|| Error::because(ErrorKind::Config, "the bootstrap list is empty")))
    }

    /// The addresses to try: connected ones first, then the others from a random one on.
    fn candidates(&self) -> Vec<Address> {
        let turned = |mut addresses: Vec<Address>| {
            let random = entropy::fill().map_or(0, |[byte]| usize::from(byte));
            let turn = random.checked_rem(addresses.len()).unwrap_or(0);
            addresses.rotate_left(turn);
            addresses
        };
        let known = turned(self.topology(|topology| topology.addresses().cloned().collect()));
        let bootstrap = self.0.config.bootstrap().endpoints().iter();
        let bootstrap =
            bootstrap.map(|end| Address { host: Arc::from(end.host.as_str()), port: end.port }).collect();
        let mut all = known;
        for address in turned(bootstrap) {
            if !all.contains(&address) {
                all.push(address);
            }
        }
        all.sort_by_key(|address| !self.0.pool.is_connected(address));
        all
    }

    async fn call<R: Request>(
        &self,
        address: &Address,
        connection: &Connection,
        request: &R,
    ) -> Result<R::Response, Error> {
        let response = connection.call(request, self.0.config.request_timeout()).await;
        response.map_err(|failure| Error::request(failure).in_api(R::API).at_broker(&address.to_string()))
    }

    /// Whether another attempt may succeed with nothing changed by the caller. A credential that
    /// was refused is worth one where a newer token can come: its writer hears of the refusal.
    pub(crate) fn may_recover(&self, error: &Error) -> bool {
        let may_change = match self.0.config.credentials() {
            Credentials::Token { source, .. } => source.may_change(),
            _ => false,
        };
        error.is_retriable() || (error.needs_new_credentials() && may_change)
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

    /// Waits for a newer token, but not for long: it may have come already.
    async fn newer_token(&self, pause: Duration) -> Result<(), Error> {
        if let Credentials::Token { source, .. } = self.0.config.credentials() {
            let present = source.current();
            let mut source = source.clone();
            let newer = async { while source.changed().await == present {} };
            let _ = tokio::time::timeout(pause.max(Duration::from_secs(1)), newer).await;
        }
        Ok(())
    }

    /// Begins an operation that may take several attempts, until the configured deadline.
    pub(crate) fn attempts(&self, repeat: Repeat) -> Attempts<'_> {
        Attempts { cluster: self, repeat, deadline: time::now() + self.0.config.deadline(), failures: 0 }
    }
}

/// The attempts of one operation. Not a function that takes an async closure: the future of such
/// a one is not known to be `Send`, and callers could not spawn it.
pub(crate) struct Attempts<'a> {
    cluster: &'a Cluster,
    repeat: Repeat,
    deadline: Instant,
    failures: u32,
}

impl Attempts<'_> {
    /// Waits until another attempt makes sense, with a new picture of the cluster if that may
    /// help. Gives the error back if none does, or there is no time left.
    ///
    /// # Cancel safety
    /// A dropped call loses the wait only.
    pub(crate) async fn after(&mut self, error: Error) -> Result<(), Error> {
        let again = self.cluster.may_recover(&error)
            && (self.repeat == Repeat::Harmless || !error.possibly_written());
        self.failures += 1;
        let pause = self.cluster.pause(self.failures);
        if !again || time::now() + pause >= self.deadline {
            return Err(error);
        }
        tracing::debug!(%error, ?pause, "trying again");
        if class(&error) == Class::NewCredential {
            return self.cluster.newer_token(pause).await;
        }
        tokio::time::sleep(pause).await;
        if class(&error) == Class::RefreshMetadata {
            // Where this fails too, the next attempt fails and says so.
            let _ = self.cluster.refresh(self.cluster.topology(Topology::generation)).await;
            if time::now() >= self.deadline {
                return Err(error);
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("config", &self.0.config).finish_non_exhaustive()
    }
}
