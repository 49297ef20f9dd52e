//! The world itself: brokers, what happens to them, and the end of all trouble.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use ottla::{Config, Credentials, Security};
use ottla_testkit::{Action, ApiKey, BrokerId, Cluster, Fault, Protocol, Reach, Record};
use tokio::time::{sleep, sleep_until};

use super::event::{Event, WINDOW, What, Wrong};
use super::kind::Kind;
use super::laws::{Notes, now};
use super::net::Net;
use super::oracle::{Change, Oracle};
use super::schedule::{CONNECT, DEADLINE, Entrance, Plan, REQUEST, TOPIC};

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
struct State {
    /// The number of the next record that the world itself writes.
    next_record: u64,
    /// Producers of transactions by partition, and how each ends.
    transactions: Vec<(i32, i64, bool)>,
    /// Faults that wait for an answer to go wrong, each with its number.
    faults: BTreeMap<u64, Fault>,
    next_fault: u64,
    /// How many worlds' events struck, by kind.
    struck: BTreeMap<Kind, u64>,
    /// Brokers that are away.
    down: BTreeSet<i32>,
    /// Partitions that have no leader until a broker is back.
    leaderless: BTreeSet<i32>,
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
        let brokers = Arc::new(builder.start_in_memory().unwrap());
        brokers.create_topic(TOPIC, plan.partitions, plan.replicas).unwrap();
        brokers.set_compacted(TOPIC, plan.compacted).unwrap();
        let world = Self {
            net: Net::new(brokers.connector()),
            notes: Notes::new(&plan),
            oracle: Arc::new(Mutex::new(Oracle::new(Arc::clone(&brokers), plan.partitions))),
            state: Arc::default(),
            plan: Arc::new(plan),
            brokers,
        };
        for partition in 0..world.plan.partitions {
            let mut left = u64::try_from(world.plan.initial).unwrap();
            while left > 0 {
                let records = left.min(7);
                world.append(partition, records, world.plan.initial_size);
                left -= records;
            }
        }
        world
    }

    /// How a client comes in.
    pub(crate) fn config(&self) -> Config {
        let protocol = protocol(self.plan.entrance);
        let bootstrap = self.brokers.bootstrap(protocol).unwrap().parse().unwrap();
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
            .with_connect_timeout(CONNECT)
            .with_request_timeout(REQUEST)
            .with_deadline(DEADLINE)
    }

    pub(crate) fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.oracle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn struck(&self) -> BTreeMap<Kind, u64> {
        self.state().struck.clone()
    }

    pub(crate) fn strikes(&self, kind: Kind) {
        *self.state().struck.entry(kind).or_default() += 1;
    }

    /// Lets everything happen, then heals.
    pub(crate) async fn live(&self) {
        let began = now();
        for event in &self.plan.events {
            sleep_until(began + event.at).await;
            self.notes.trace(&format!("{:?}", event.what));
            self.happen(event);
        }
        // What began late goes on for a while.
        sleep_until(began + self.plan.trouble + Duration::from_secs(40)).await;
        self.heal();
    }

    fn records(&self, count: u64, size: usize) -> Vec<Record> {
        let mut state = self.state();
        let numbers = state.next_record..state.next_record + count;
        state.next_record += count;
        let value = |number: u64| format!("o{number} {}", "x".repeat(size));
        numbers.map(|number| Record::keyed(format!("k{}", number % 5), value(number))).collect()
    }

    fn append(&self, partition: i32, records: u64, size: usize) -> bool {
        self.brokers.write(TOPIC, partition, &self.records(records, size)).is_ok()
    }

    fn happen(&self, event: &Event) {
        let struck = match &event.what {
            What::BitFlipped { broker } => return self.flip(*broker),
            What::Answers { api, times, wrong, moved } => {
                if let Some((partition, to)) = *moved {
                    // While the answer is late, or soon.
                    self.later(Duration::from_millis(1_500), move |world| {
                        if world.is_up(to) {
                            let _ = world.brokers.move_leader(TOPIC, partition, BrokerId(to));
                        }
                    });
                }
                return self.answers(event.kind, *api, *times, *wrong);
            }
            what => self.happen_to_log(what) || self.happen_to_brokers(what),
        };
        if struck {
            self.strikes(event.kind);
        }
    }

    fn happen_to_log(&self, what: &What) -> bool {
        match what {
            What::Append { partition, records, size } => self.append(*partition, *records, *size),
            What::Transaction { partition, records, committed, lasts } => {
                self.transaction(*partition, *records, *committed, *lasts)
            }
            What::Compact { partition, from, until, keep_one_in } => {
                let (from, until) = (self.offset(*partition, *from), self.offset(*partition, *until));
                let keep = |offset| {
                    !(from..until).contains(&offset) || *keep_one_in > 0 && offset % keep_one_in == 0
                };
                self.oracle().change(*partition, Change::Compacted, |brokers| {
                    let _ = brokers.compact(TOPIC, *partition, keep);
                })
            }
            What::Delete { partition, part } => {
                let before = self.offset(*partition, *part);
                self.oracle().change(*partition, Change::Deleted, |brokers| {
                    let _ = brokers.delete_records_before(TOPIC, *partition, before);
                })
            }
            What::Cut { partition, part, to, then } => {
                let at = self.offset(*partition, 1000 - part);
                let struck = self.is_up(*to) && self.oracle().cut(*partition, BrokerId(*to), at);
                self.append(*partition, *then, 5);
                struck
            }
            What::Remade { gone, then } => self.remake(*gone, *then),
            _ => false,
        }
    }

    fn happen_to_brokers(&self, what: &What) -> bool {
        match what {
            What::LeaderMoved { partition, to } => {
                self.is_up(*to) && self.brokers.move_leader(TOPIC, *partition, BrokerId(*to)).is_ok()
            }
            What::BrokerRestarted { broker, away } => self.restart(*broker, *away),
            What::ConnectionsClosed { broker } => self.brokers.close_connections(BrokerId(*broker)).is_ok(),
            What::Silence { broker, lasts } => {
                self.net.silence(*broker);
                let broker = *broker;
                self.later(*lasts, move |world| world.net.let_through(broker));
                true
            }
            What::AddressAway { broker, reach, lasts } => {
                let place = self.brokers.address(BrokerId(*broker), protocol(self.plan.entrance));
                let Ok((host, port)) = place else { return false };
                let addresses = self.brokers.connector().addresses(&host, port);
                let Some(first) = addresses.first().map(std::net::SocketAddr::ip) else { return false };
                self.brokers.set_reach(first, *reach);
                self.later(*lasts, move |world| world.brokers.set_reach(first, Reach::Open));
                true
            }
            What::LeaderTaken { partition, lasts } => {
                let partition = *partition;
                self.later(*lasts, move |world| world.elect(partition));
                self.brokers.without_leader(TOPIC, partition).is_ok()
            }
            What::StaleMetadata { broker, lasts } => {
                let broker = BrokerId(*broker);
                self.later(*lasts, move |world| world.brokers.thaw_metadata(broker).unwrap());
                self.brokers.freeze_metadata(broker).is_ok()
            }
            What::Quota { quota, per_second, lasts } => {
                let quota = *quota;
                self.later(*lasts, move |world| world.brokers.set_quota(quota, None, None));
                self.brokers.set_quota(quota, None, Some(*per_second));
                true
            }
            _ => false,
        }
    }

    fn is_up(&self, broker: i32) -> bool {
        !self.state().down.contains(&broker)
    }

    fn restart(&self, broker: i32, away: Duration) -> bool {
        let last = self.state().down.len() + 1 >= usize::try_from(self.plan.brokers).unwrap();
        let leaderless = last || self.plan.replicas == 1;
        if !self.is_up(broker) {
            return false;
        }
        self.state().down.insert(broker);
        self.brokers.stop_broker(BrokerId(broker)).unwrap();
        if leaderless {
            self.strikes(Kind::Leaderless);
        }
        self.later(away, move |world| {
            world.state().down.remove(&broker);
            world.brokers.start_broker(BrokerId(broker)).unwrap();
            let waiting = std::mem::take(&mut world.state().leaderless);
            waiting.into_iter().for_each(|partition| world.elect(partition));
        });
        true
    }

    /// Gives a partition a leader: if no broker is there that can lead it, when one comes back.
    fn elect(&self, partition: i32) {
        if self.brokers.elect(TOPIC, partition).is_err() {
            self.state().leaderless.insert(partition);
        }
    }

    fn remake(&self, gone: Duration, then: u64) -> bool {
        if self.brokers.offsets(TOPIC, 0).is_err() {
            return false;
        }
        self.oracle().remake(|brokers| brokers.delete_topic(TOPIC).unwrap());
        self.later(gone, move |world| {
            let (partitions, replicas) = (world.plan.partitions, world.plan.replicas);
            let compacted = world.plan.compacted;
            world.oracle().remake(|brokers| {
                brokers.create_topic(TOPIC, partitions, replicas).unwrap();
                brokers.set_compacted(TOPIC, compacted).unwrap();
            });
            for partition in 0..partitions {
                world.append(partition, then, 5);
            }
        });
        true
    }

    fn flip(&self, broker: i32) {
        let before = self.net.flipped();
        self.net.flip(broker);
        self.later(WINDOW, move |world| {
            if world.net.flipped() > before {
                world.strikes(Kind::BitFlipped);
            }
        });
    }

    /// Does something when so much time has passed.
    fn later(&self, after: Duration, act: impl FnOnce(&Self) + Send + 'static) {
        let world = self.clone();
        tokio::spawn(async move {
            sleep(after).await;
            act(&world);
        });
    }

    /// An offset, told in thousandths of a log.
    fn offset(&self, partition: i32, part: i64) -> i64 {
        let offsets = self.brokers.offsets(TOPIC, partition);
        offsets.map_or(0, |offsets| offsets.start + (offsets.end - offsets.start) * part / 1000)
    }

    fn transaction(&self, partition: i32, records: u64, committed: bool, lasts: Duration) -> bool {
        let records = self.records(records, 10);
        if !committed {
            let values = records.iter().map(|record| super::oracle::text(record.value.as_deref()));
            self.oracle().aborted.extend(values);
        }
        let Ok(producer) = self.brokers.write_in_transaction(TOPIC, partition, None, &records) else {
            return false;
        };
        self.state().transactions.push((partition, producer, committed));
        self.later(lasts, move |world| {
            let _ = world.brokers.end_transaction(TOPIC, partition, producer, committed);
        });
        true
    }

    fn answers(&self, kind: Kind, api: ApiKey, times: u64, wrong: Wrong) {
        let action = match wrong {
            Wrong::Late(delay) => Action::Delay(delay),
            Wrong::Stalled => Action::Stall,
            Wrong::Lost => Action::StallAfter,
            Wrong::ClosedBefore => Action::CloseBefore,
            Wrong::ClosedAfter => Action::CloseAfter,
            Wrong::CutAt(bytes) => Action::Truncate(bytes),
            Wrong::Throttled(time) => Action::Throttle(time),
            Wrong::RefusedWhole(code) => Action::Refuse(code),
            Wrong::RefusedAfter(code) => Action::RefuseAfter(code),
            Wrong::Held(time) => Action::HoldProduce(time),
            Wrong::Refused(partition, code) => {
                Action::RefusePartition { topic: TOPIC.to_owned(), partition, code }
            }
        };
        let fault = Fault::new(action).on_api(api).times(times);
        let number = {
            let mut state = self.state();
            state.next_fault += 1;
            let number = state.next_fault;
            state.faults.insert(number, fault.clone());
            number
        };
        self.brokers.faults().add(fault);
        let before = self.brokers.counters().requests(api);
        self.later(WINDOW, move |world| {
            if world.brokers.counters().requests(api) > before {
                world.strikes(kind);
            }
            world.state().faults.remove(&number);
            world.set_faults();
        });
    }

    /// Takes away the faults that are over.
    fn set_faults(&self) {
        self.brokers.faults().clear();
        for fault in self.state().faults.values() {
            self.brokers.faults().add(fault.clone());
        }
    }

    /// Nothing goes wrong from now on, and what everybody waits for is there.
    fn heal(&self) {
        self.notes.trace("healed");
        self.state().faults.clear();
        self.brokers.faults().clear();
        self.net.heal();
        let transactions = std::mem::take(&mut self.state().transactions);
        for (partition, producer, committed) in transactions {
            let _ = self.brokers.end_transaction(TOPIC, partition, producer, committed);
        }
        for partition in 0..self.plan.partitions {
            let _ = self.brokers.elect(TOPIC, partition);
            let ranges = self.plan.readings.iter().flat_map(|reading| &reading.ranges);
            let ends = ranges.filter(|(of, ..)| *of == partition).map(|(.., until)| *until);
            let wanted = ends.filter(|until| *until < i64::MAX).max().unwrap_or(0);
            let end = self.brokers.offsets(TOPIC, partition).map_or(0, |offsets| offsets.end);
            self.append(partition, u64::try_from(wanted - end).unwrap_or(0).max(1), 5);
        }
        self.state().healed = true;
    }

    pub(crate) fn is_healed(&self) -> bool {
        self.state().healed
    }
}

fn protocol(entrance: Entrance) -> Protocol {
    match entrance {
        Entrance::Plaintext => Protocol::Plaintext,
        Entrance::Password => Protocol::SaslPlaintext,
        Entrance::Tls => Protocol::Ssl,
    }
}
