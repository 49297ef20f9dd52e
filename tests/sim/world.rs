//! The world itself: brokers, what happens to them, and the end of all trouble.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use ottla::{Config, Credentials, Error, Security};
use ottla_testkit::{Cluster, Protocol, Record, TopicOperation};
use tokio::time::sleep;

use super::kind::Kind;
use super::laws::Notes;
use super::net::{Net, seeds};
use super::oracle::Oracle;
use super::schedule::{DEADLINE, Entrance, Place, Plan, REQUEST};

/// A world. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) brokers: Arc<Cluster>,
    pub(crate) net: Net,
    pub(crate) notes: Notes,
    pub(crate) plan: Arc<Plan>,
    oracle: Arc<Mutex<Oracle>>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// How many partitions each topic has, when it is there.
    pub(crate) partitions: BTreeMap<&'static str, i32>,
    /// The client that all tasks share.
    client: Option<ottla::Cluster>,
    /// How many tasks came in by it.
    clients: usize,
    /// The number of the next record that the world itself writes.
    next_record: u64,
    /// Producers of transactions by partition, and how each ends.
    pub(crate) transactions: Vec<(Place, i64, bool)>,
    /// How many worlds' events struck, by kind.
    struck: BTreeMap<Kind, u64>,
    /// Brokers that are away.
    pub(crate) down: BTreeSet<i32>,
    /// Brokers that are silent, so that others lead.
    pub(crate) lost: Vec<i32>,
    /// Partitions that have no leader until a broker is back.
    pub(crate) leaderless: BTreeSet<Place>,
    /// Until when topics may not be read or written to.
    pub(crate) denials: BTreeMap<(&'static str, TopicOperation), Duration>,
    healed: bool,
}

impl World {
    pub(crate) fn new(plan: Plan) -> Self {
        let protocol = protocol(plan.entrance);
        let builder = Cluster::builder()
            .brokers(plan.brokers)
            .addresses(2)
            .kafka(plan.version)
            .listener(protocol)
            .seed(plan.seed)
            .wall_clock(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000))
            .user("alice", "alice-secret");
        let builder = match plan.newest {
            Some((api, version)) => builder.newest(api, version),
            None => builder,
        };
        let builder = match plan.session {
            Some(session) => builder.max_reauth(session),
            None => builder,
        };
        let brokers = Arc::new(builder.start_in_memory().unwrap());
        for topic in plan.topics {
            brokers.create_topic(topic, plan.partitions, plan.replicas).unwrap();
            brokers.set_compacted(topic, plan.compacted).unwrap();
        }
        let partitions = plan.topics.iter().map(|topic| (*topic, plan.partitions)).collect();
        let world = Self {
            net: Net::new(brokers.connector(), plan.latency),
            notes: Notes::new(&plan),
            oracle: Arc::new(Mutex::new(Oracle::new(Arc::clone(&brokers), plan.places()))),
            state: Arc::new(Mutex::new(State { partitions, ..State::default() })),
            plan: Arc::new(plan),
            brokers,
        };
        if world.plan.newest.is_some() {
            world.strikes(Kind::OlderVersions);
        }
        for place in world.plan.places() {
            let mut left = u64::try_from(world.plan.initial).unwrap();
            while left > 0 {
                let records = left.min(7);
                world.append(place, records, world.plan.initial_size);
                left -= records;
            }
        }
        world
    }

    /// How a client comes in.
    pub(crate) fn config(&self) -> Config {
        let protocol = protocol(self.plan.entrance);
        let bootstrap = self.brokers.bootstrap(protocol).unwrap();
        // Certificates have the brokers' own names.
        let bootstrap = match self.plan.entrance {
            Entrance::Tls => bootstrap.parse().unwrap(),
            _ => seeds(&bootstrap).parse().unwrap(),
        };
        let security = match self.plan.entrance {
            Entrance::Tls => Security::Tls(
                ottla::Tls::builder().with_roots_pem(self.brokers.ca_pem().as_bytes()).build().unwrap(),
            ),
            _ => Security::Plaintext,
        };
        let credentials = match self.plan.entrance {
            Entrance::Password => {
                Credentials::Plain { user: "alice".to_owned(), password: "alice-secret".to_owned().into() }
            }
            _ => Credentials::None,
        };
        Config::new(bootstrap, security, credentials)
            .with_connector(self.net.clone())
            .with_connect_timeout(self.plan.connect)
            .with_request_timeout(REQUEST)
            .with_deadline(DEADLINE)
            .with_metadata_max_age(self.plan.metadata_max_age)
    }

    /// A client for a task: one of its own, or the one that all share.
    pub(crate) async fn client(&self) -> Result<ottla::Cluster, Error> {
        if !self.plan.shares_client {
            return ottla::Cluster::connect(self.config()).await;
        }
        let known = self.state().client.clone();
        let client = match known {
            Some(client) => client,
            None => ottla::Cluster::connect(self.config()).await?,
        };
        let mut state = self.state();
        state.clients += 1;
        if state.clients > 1 {
            *state.struck.entry(Kind::ClientShared).or_default() += 1;
        }
        // Another one may have been faster.
        Ok(state.client.get_or_insert(client).clone())
    }

    pub(crate) fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.oracle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn struck(&self) -> BTreeMap<Kind, u64> {
        self.state().struck.clone()
    }

    pub(crate) fn strikes(&self, kind: Kind) {
        *self.state().struck.entry(kind).or_default() += 1;
    }

    pub(crate) fn records(&self, count: u64, size: usize) -> Vec<Record> {
        let mut state = self.state();
        let numbers = state.next_record..state.next_record + count;
        state.next_record += count;
        let value = |number: u64| format!("o{number} {}", "x".repeat(size));
        numbers.map(|number| Record::keyed(format!("k{}", number % 5), value(number))).collect()
    }

    pub(crate) fn append(&self, place: Place, records: u64, size: usize) -> bool {
        self.brokers.write(place.topic, place.partition, &self.records(records, size)).is_ok()
    }

    pub(crate) fn is_up(&self, broker: i32) -> bool {
        let state = self.state();
        !state.down.contains(&broker) && !state.lost.contains(&broker)
    }

    /// Gives a partition a leader: if no broker is there that can lead it, when one comes back.
    pub(crate) fn elect(&self, place: Place) {
        if self.brokers.elect(place.topic, place.partition).is_err() {
            self.state().leaderless.insert(place);
        }
    }

    /// Does something when so much time has passed.
    pub(crate) fn later(&self, after: Duration, act: impl FnOnce(&Self) + Send + 'static) {
        let world = self.clone();
        tokio::spawn(async move {
            sleep(after).await;
            act(&world);
        });
    }

    /// Nothing goes wrong from now on, and what everybody waits for is there.
    pub(crate) fn heal(&self) {
        self.notes.trace("healed");
        self.brokers.faults().clear();
        self.net.heal();
        let transactions = std::mem::take(&mut self.state().transactions);
        for (place, producer, committed) in transactions {
            let _ = self.brokers.end_transaction(place.topic, place.partition, producer, committed);
        }
        for place in self.places() {
            let _ = self.brokers.elect(place.topic, place.partition);
            let ranges = self.plan.readings.iter().flat_map(|reading| &reading.ranges);
            let ends = ranges.filter(|(of, ..)| *of == place).map(|(.., until)| *until);
            let wanted = ends.filter(|until| *until < i64::MAX).max().unwrap_or(0);
            let end = self.brokers.offsets(place.topic, place.partition).map_or(0, |offsets| offsets.end);
            self.append(place, u64::try_from(wanted - end).unwrap_or(0).max(1), 5);
        }
        self.state().healed = true;
    }

    /// All partitions that there are, or will be when their topics are back.
    pub(crate) fn places(&self) -> Vec<Place> {
        let partitions = self.state().partitions.clone();
        let of = |(topic, count)| (0..count).map(move |partition| Place { topic, partition });
        partitions.into_iter().flat_map(of).collect()
    }

    /// Whether an ACL was missing since then. A client that was denied asks again after a second.
    pub(crate) fn was_denied(&self, since: Duration) -> bool {
        let heard = since.saturating_sub(Duration::from_secs(2));
        self.state().denials.values().any(|until| *until >= heard)
    }

    pub(crate) fn is_healed(&self) -> bool {
        self.state().healed
    }
}

pub(crate) fn protocol(entrance: Entrance) -> Protocol {
    match entrance {
        Entrance::Plaintext => Protocol::Plaintext,
        Entrance::Password => Protocol::SaslPlaintext,
        Entrance::Tls => Protocol::Ssl,
    }
}
