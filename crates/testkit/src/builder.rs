//! How a cluster is set up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::cluster::Cluster;
#[cfg(feature = "kerberos")]
use crate::kerberos::Gssapi;
use crate::random::Random;
use crate::scram::ITERATIONS;
use crate::serve::{Door, Shared};
use crate::state::{Access, Node, Settings, State, TokenSettings, Tokens};
use crate::{ApiKey, BrokerId, Error, KafkaVersion, Mechanism, Principal, Protocol};

/// Sets up a [`Cluster`]. Defaults are those of Apache Kafka, but for the token secret, which is set.
#[derive(Clone, Debug)]
pub struct ClusterBuilder {
    brokers: i32,
    listeners: BTreeSet<Protocol>,
    users: Vec<(String, String)>,
    super_users: Vec<Principal>,
    seed: u64,
    wall_clock: Option<SystemTime>,
    settings: Settings,
    tokens: TokenSettings,
    #[cfg(feature = "kerberos")]
    kerberos: Option<Gssapi>,
}

const DAY: Duration = Duration::from_secs(86_400);

impl Default for ClusterBuilder {
    fn default() -> Self {
        Self {
            brokers: 1,
            listeners: BTreeSet::new(),
            users: Vec::new(),
            super_users: Vec::new(),
            seed: 0,
            wall_clock: None,
            settings: Settings {
                version: KafkaVersion::default(),
                newest: BTreeMap::new(),
                cluster_id: String::new(),
                mechanisms: Mechanism::OF_PASSWORDS.to_vec(),
                max_reauth: None,
                failure_delay: Duration::from_millis(100),
                auto_create: None,
                max_message_bytes: 1_048_588,
                min_in_sync: 1,
                addresses: 1,
            },
            tokens: TokenSettings {
                secret: Some(b"testkit".to_vec()),
                supported: true,
                expiry: DAY,
                max_lifetime: DAY * 7,
                sweep_every: Duration::from_secs(3600),
                propagation: Duration::ZERO,
                iterations: ITERATIONS,
            },
            #[cfg(feature = "kerberos")]
            kerberos: None,
        }
    }
}

impl ClusterBuilder {
    /// The number of brokers, with ids from 1 on. Default 1.
    #[must_use]
    pub fn brokers(mut self, brokers: i32) -> Self {
        self.brokers = brokers.max(1);
        self
    }

    /// Adds a listener to every broker. Default, if none is added: [`Protocol::Plaintext`].
    #[must_use]
    pub fn listener(mut self, protocol: Protocol) -> Self {
        self.listeners.insert(protocol);
        self
    }

    /// The SASL mechanisms that are enabled. Default: PLAIN and SCRAM, and GSSAPI after
    /// [`kerberos`](Self::kerberos).
    #[must_use]
    pub fn mechanisms(mut self, mechanisms: impl IntoIterator<Item = Mechanism>) -> Self {
        self.settings.mechanisms = mechanisms.into_iter().collect();
        self
    }

    /// Adds a user who may log in by every mechanism.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.users.push((name.into(), password.into()));
        self
    }

    /// Enables GSSAPI: each broker is the service `kafka/HOST` of `realm`, with a key in this KDC. A
    /// client is the user of its principal's first part if it is of that realm; others are refused, as
    /// by Kafka's default rules. Started by [`start_tcp`](Self::start_tcp), brokers advertise
    /// `localhost`, for IP addresses have no principals.
    #[cfg(feature = "kerberos")]
    #[must_use]
    pub fn kerberos(mut self, kdc: &crate::kdc::Kdc, realm: impl Into<String>) -> Self {
        self.kerberos = Some(Gssapi::new(kdc, realm.into()));
        self.settings.mechanisms.push(Mechanism::Gssapi);
        self
    }

    /// Adds a super user, to whom everything is allowed that an ACL can allow.
    #[must_use]
    pub fn super_user(mut self, principal: Principal) -> Self {
        self.super_users.push(principal);
        self
    }

    /// The seed of everything random: ids, salts, keys, faults. Default 0. Two clusters of one seed
    /// make the same token ids and certificates.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// What the brokers' wall clock shows at start: for tests of clocks that differ. Default: the
    /// system's time. From then on it goes with tokio's clock.
    #[must_use]
    pub fn wall_clock(mut self, at_start: SystemTime) -> Self {
        self.wall_clock = Some(at_start);
        self
    }

    /// How many addresses each broker's name has, in memory. Default 1. See [`Connector::addresses`]
    /// and [`Cluster::set_reach`].
    ///
    /// [`Connector::addresses`]: crate::Connector::addresses
    #[must_use]
    pub fn addresses(mut self, per_broker: u8) -> Self {
        self.settings.addresses = per_broker.max(1);
        self
    }

    /// The release whose versions are offered. Default: the newest.
    #[must_use]
    pub fn kafka(mut self, version: KafkaVersion) -> Self {
        self.settings.version = version;
        self
    }

    /// The newest version of an API that is offered: a cluster before its upgrade. Default: that of
    /// [`kafka`](Self::kafka).
    #[must_use]
    pub fn newest(mut self, api: ApiKey, version: i16) -> Self {
        self.settings.newest.insert(api as i16, version);
        self
    }

    /// `connections.max.reauth.ms`. Default: none, so only token sessions end.
    #[must_use]
    pub fn max_reauth(mut self, max: Duration) -> Self {
        self.settings.max_reauth = Some(max);
        self
    }

    /// `connection.failed.authentication.delay.ms`. Default 100 ms.
    #[must_use]
    pub fn failed_authentication_delay(mut self, delay: Duration) -> Self {
        self.settings.failure_delay = delay;
        self
    }

    /// Makes unknown topics, with so many partitions, when a client asks for their metadata.
    /// Default: off.
    #[must_use]
    pub fn auto_create_topics(mut self, partitions: i32) -> Self {
        self.settings.auto_create = Some(partitions);
        self
    }

    /// `message.max.bytes`: the largest batch. Default 1,048,588.
    #[must_use]
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.settings.max_message_bytes = bytes;
        self
    }

    /// `min.insync.replicas` of topics that are made from now on. Default 1. See
    /// [`Cluster::leave_isr`].
    #[must_use]
    pub fn min_insync_replicas(mut self, replicas: usize) -> Self {
        self.settings.min_in_sync = replicas;
        self
    }

    /// `delegation.token.secret.key`. Default: some secret.
    #[must_use]
    pub fn token_secret(mut self, secret: impl Into<Vec<u8>>) -> Self {
        self.tokens.secret = Some(secret.into());
        self
    }

    /// Leaves the secret out: token requests get 61.
    #[must_use]
    pub fn without_token_secret(mut self) -> Self {
        self.tokens.secret = None;
        self
    }

    /// A metadata version before tokens (3.6-IV2): token requests get 35.
    #[must_use]
    pub fn without_token_support(mut self) -> Self {
        self.tokens.supported = false;
        self
    }

    /// `delegation.token.expiry.time.ms`. Default 24 hours.
    #[must_use]
    pub fn token_expiry(mut self, expiry: Duration) -> Self {
        self.tokens.expiry = expiry;
        self
    }

    /// `delegation.token.max.lifetime.ms`. Default 7 days.
    #[must_use]
    pub fn token_max_lifetime(mut self, lifetime: Duration) -> Self {
        self.tokens.max_lifetime = lifetime;
        self
    }

    /// `delegation.token.expiry.check.interval.ms`: how often expired tokens are removed. Default one
    /// hour.
    #[must_use]
    pub fn token_sweep(mut self, interval: Duration) -> Self {
        self.tokens.sweep_every = interval;
        self
    }

    /// How long every broker, and the controller, take to learn of a token that was created, renewed
    /// or deleted. Default none; 30 to 150 ms is usual in the real world. See
    /// [`Cluster::set_token_propagation`] for one broker.
    #[must_use]
    pub fn token_propagation(mut self, delay: Duration) -> Self {
        self.tokens.propagation = delay;
        self
    }

    /// How often the passwords of tokens are hashed for a login. Default 4096, as by Kafka: clients are
    /// right to take no less, but for those of a simulation.
    #[must_use]
    pub fn token_iterations(mut self, iterations: u32) -> Self {
        self.tokens.iterations = iterations.max(1);
        self
    }

    /// Starts the cluster on loopback, each listener on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// [`Error::Io`] if a port cannot be bound, [`Error::Tls`].
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind.
    pub async fn start_tcp(self) -> Result<Cluster, Error> {
        let mut sockets = BTreeMap::new();
        let mut addresses = BTreeMap::new();
        for (broker, protocol) in self.places() {
            let socket = TcpListener::bind("127.0.0.1:0").await?;
            let port = socket.local_addr()?.port();
            addresses.insert((broker, protocol), (self.host_of_sockets().to_owned(), port));
            sockets.insert((broker, protocol), socket);
        }
        let mut cluster = self.start(&addresses)?;
        cluster.accept(sockets);
        Ok(cluster)
    }

    /// Starts the cluster in memory: clients connect by [`Cluster::connector`]. Brokers are called
    /// `broker-1`, `broker-2`, .. and listen on 9092 (PLAINTEXT), 9093 (SSL), 9094 (SASL_PLAINTEXT)
    /// and 9095 (SASL_SSL).
    ///
    /// # Errors
    /// [`Error::Tls`].
    pub fn start_in_memory(self) -> Result<Cluster, Error> {
        let addresses = self
            .places()
            .into_iter()
            .map(|(broker, protocol)| ((broker, protocol), (broker.host(), port_in_memory(protocol))))
            .collect();
        self.start(&addresses)
    }

    #[cfg(feature = "kerberos")]
    fn host_of_sockets(&self) -> &'static str {
        if self.kerberos.is_some() { "localhost" } else { "127.0.0.1" }
    }

    #[cfg(not(feature = "kerberos"))]
    fn host_of_sockets(&self) -> &'static str {
        "127.0.0.1"
    }

    fn places(&self) -> Vec<(BrokerId, Protocol)> {
        let plaintext = BTreeSet::from([Protocol::Plaintext]);
        let listeners = if self.listeners.is_empty() { &plaintext } else { &self.listeners };
        (1..=self.brokers).flat_map(|id| listeners.iter().map(move |&p| (BrokerId(id), p))).collect()
    }

    fn start(mut self, addresses: &Addresses) -> Result<Cluster, Error> {
        let clock = Clock::start(self.wall_clock);
        let mut random = Random::seeded(self.seed);
        self.settings.cluster_id = random.text();
        let mut nodes: BTreeMap<BrokerId, Node> = BTreeMap::new();
        for (&(broker, protocol), address) in addresses {
            let node = nodes.entry(broker).or_insert_with(|| Node {
                running: true,
                fenced: false,
                addresses: BTreeMap::new(),
            });
            node.addresses.insert(protocol, address.clone());
        }
        let mut access = Access::default();
        for (name, password) in &self.users {
            access.set_password(name, password, &mut random);
        }
        for principal in self.super_users {
            access.add_super_user(principal);
        }
        let for_tokens = Random::seeded(random.next());
        #[cfg(feature = "tls")]
        let for_tls = Random::seeded(random.next());
        #[cfg(feature = "kerberos")]
        let acceptors = match &self.kerberos {
            Some(gssapi) => gssapi.acceptors(&nodes)?,
            None => Default::default(),
        };
        let now = clock.now().instant;
        let state = State {
            settings: self.settings,
            tokens: Tokens::new(self.tokens, nodes.keys().copied(), now, for_tokens),
            nodes,
            topics: Default::default(),
            frozen: Default::default(),
            access,
            groups: Default::default(),
            producer_ids: Default::default(),
            faults: Default::default(),
            network: Default::default(),
            quotas: Default::default(),
            counters: Default::default(),
            asked: Default::default(),
            random,
            #[cfg(feature = "kerberos")]
            acceptors,
        };
        let shared = Arc::new(Shared::new(clock, state));
        #[cfg(feature = "tls")]
        return open(shared, addresses, crate::tls::Authority::new(for_tls));
        #[cfg(not(feature = "tls"))]
        open(shared, addresses)
    }
}

type Addresses = BTreeMap<(BrokerId, Protocol), (String, u16)>;

/// Puts a door at every address.
fn open(
    shared: Arc<Shared>,
    addresses: &Addresses,
    #[cfg(feature = "tls")] authority: crate::tls::Authority,
) -> Result<Cluster, Error> {
    let mut stops = BTreeMap::new();
    let mut doors = BTreeMap::new();
    for (&(broker, protocol), address) in addresses {
        let stop = stops.entry(broker).or_insert_with(|| watch::channel(()).0);
        #[cfg(feature = "tls")]
        let tls = if protocol.has_tls() { Some(authority.acceptor(&broker.host())?) } else { None };
        #[cfg(not(feature = "tls"))]
        if protocol.has_tls() {
            return Err(Error::Tls("the feature `tls` is off".into()));
        }
        let door = Door {
            shared: Arc::clone(&shared),
            broker,
            protocol,
            stop: stop.subscribe(),
            #[cfg(feature = "tls")]
            tls,
        };
        doors.insert(address.clone(), door);
    }
    Ok(Cluster {
        shared,
        stops,
        doors: Arc::new(doors),
        accepting: Vec::new(),
        #[cfg(feature = "tls")]
        authority,
    })
}

fn port_in_memory(protocol: Protocol) -> u16 {
    match protocol {
        Protocol::Plaintext => 9092,
        Protocol::Ssl => 9093,
        Protocol::SaslPlaintext => 9094,
        Protocol::SaslSsl => 9095,
    }
}
