//! The state of a cluster: plain structs under one lock. Nothing here waits.

mod access;
mod asked;
mod groups;
mod image;
mod quotas;
mod token;
mod tokens;
mod topics;

use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) use access::Access;
pub use access::{TokenRight, TopicOperation};
pub use asked::Asked;
pub(crate) use asked::{AskedLog, Note};
pub(crate) use groups::{Committed, Groups, ProducerIds};
pub use quotas::Quota;
pub(crate) use quotas::Quotas;
pub use token::Token;
pub(crate) use tokens::{TokenSettings, Tokens};
pub(crate) use topics::{Partition, Topic, Topics, is_legal_name};

use crate::counters::Counters;
use crate::fault::FaultList;
use crate::network::Network;
use crate::random::Random;
use crate::version::Offer;
use crate::{ApiKey, BrokerId, KafkaVersion, Mechanism, Protocol};

/// What does not change while the cluster runs.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) version: KafkaVersion,
    /// Versions above which an API is not offered.
    pub(crate) newest: BTreeMap<i16, i16>,
    pub(crate) cluster_id: String,
    pub(crate) mechanisms: Vec<Mechanism>,
    pub(crate) max_reauth: Option<Duration>,
    pub(crate) failure_delay: Duration,
    pub(crate) auto_create: Option<i32>,
    pub(crate) max_message_bytes: usize,
    pub(crate) min_in_sync: usize,
    /// Addresses of each broker's name, in memory.
    pub(crate) addresses: u8,
}

impl Settings {
    pub(crate) fn offers(&self) -> impl Iterator<Item = Offer> {
        self.version.offers().map(|offer| {
            let newest = self.newest.get(&(offer.key as i16)).copied().unwrap_or(i16::MAX);
            Offer { max: offer.max.min(newest), ..offer }
        })
    }

    /// The offer of an API, if the brokers have it.
    pub(crate) fn offer(&self, key: ApiKey) -> Option<Offer> {
        self.offers().find(|offer| offer.key == key)
    }
}

#[derive(Debug)]
pub(crate) struct Node {
    /// It takes connections.
    pub(crate) running: bool,
    /// The controller has noticed that it does not run.
    pub(crate) fenced: bool,
    pub(crate) addresses: BTreeMap<Protocol, (String, u16)>,
}

/// The metadata of a broker that lags behind.
#[derive(Debug)]
pub(crate) struct Frozen {
    topics: Topics,
    running: Vec<BrokerId>,
}

/// What a broker knows of the cluster. The logs of its topics may be missing.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) topics: &'a Topics,
    pub(crate) running: Vec<BrokerId>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) nodes: BTreeMap<BrokerId, Node>,
    pub(crate) topics: Topics,
    /// Brokers that learn nothing new, with what they know.
    pub(crate) frozen: BTreeMap<BrokerId, Frozen>,
    pub(crate) tokens: Tokens,
    pub(crate) access: Access,
    pub(crate) groups: Groups,
    pub(crate) producer_ids: ProducerIds,
    pub(crate) faults: FaultList,
    pub(crate) network: Network,
    pub(crate) quotas: Quotas,
    pub(crate) counters: Counters,
    pub(crate) asked: AskedLog,
    pub(crate) random: Random,
    /// What each broker accepts Kerberos logins with.
    #[cfg(feature = "kerberos")]
    pub(crate) acceptors: BTreeMap<BrokerId, crate::kerberos::BrokerAcceptor>,
}

impl State {
    /// The brokers that run, as far as the controller knows.
    pub(crate) fn running(&self) -> Vec<BrokerId> {
        self.nodes.iter().filter(|(_, node)| !node.fenced).map(|(&id, _)| id).collect()
    }

    pub(crate) fn address(&self, broker: BrokerId, protocol: Protocol) -> Option<(String, u16)> {
        self.nodes.get(&broker)?.addresses.get(&protocol).cloned()
    }

    /// Makes a topic. Replicas go round the brokers, and partition 0 starts at the first.
    pub(crate) fn create_topic(&mut self, name: &str, partitions: i32, replicas: usize) {
        let brokers: Vec<BrokerId> = self.nodes.keys().copied().collect();
        let placed = (0..usize::try_from(partitions).unwrap_or(0))
            .map(|index| brokers.iter().cycle().skip(index % brokers.len().max(1)).take(replicas))
            .map(|replicas| replicas.copied().collect())
            .collect();
        self.place_topic(name, placed);
    }

    /// Makes a topic with given replicas.
    pub(crate) fn place_topic(&mut self, name: &str, replicas: Vec<Vec<BrokerId>>) {
        let running = self.running();
        let partitions = replicas.into_iter().map(|replicas| Partition::new(replicas, &running)).collect();
        let min_in_sync = self.settings.min_in_sync;
        self.topics.insert(name, Topic { id: self.random.uuid(), partitions, compacted: false, min_in_sync });
    }

    /// Gives a topic partitions until it has so many, with replicas as its first one. Says whether there is such a topic.
    pub(crate) fn grow_topic(&mut self, name: &str, partitions: usize) -> bool {
        let running = self.running();
        let Some(topic) = self.topics.by_name_mut(name) else { return false };
        let replicas = topic.partitions.first().map(|first| first.replicas.clone()).unwrap_or_default();
        while topic.partitions.len() < partitions {
            topic.partitions.push(Partition::new(replicas.clone(), &running));
        }
        true
    }

    /// Takes a broker down or up, and moves leadership off it to replicas in sync, or to partitions
    /// without a leader.
    pub(crate) fn set_running(&mut self, broker: BrokerId, running: bool) {
        if let Some(node) = self.nodes.get_mut(&broker) {
            node.running = running;
            node.fenced = !running;
        }
        let alive = self.running();
        for partition in self.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            if partition.without_leader {
                continue;
            }
            if partition.leader.is_none_or(|leader| !alive.contains(&leader)) {
                let next = partition.in_sync(&alive).next().copied();
                if next != partition.leader {
                    if running && partition.leader.is_none() {
                        partition.log.restart();
                    }
                    partition.change_leader(next);
                }
            }
        }
    }

    /// What a broker knows of the cluster.
    pub(crate) fn seen_by(&self, broker: BrokerId) -> Seen<'_> {
        match self.frozen.get(&broker) {
            Some(frozen) => Seen { topics: &frozen.topics, running: frozen.running.clone() },
            None => Seen { topics: &self.topics, running: self.running() },
        }
    }

    /// Has a broker learn nothing more of the cluster.
    pub(crate) fn freeze(&mut self, broker: BrokerId) {
        let frozen = Frozen { topics: self.topics.without_logs(), running: self.running() };
        self.frozen.insert(broker, frozen);
    }

    /// The broker that keeps a group's offsets.
    pub(crate) fn coordinator(&self, group: &str) -> Option<BrokerId> {
        let alive = self.running();
        let hash = group.bytes().fold(0_usize, |hash, b| hash.wrapping_mul(31).wrapping_add(b.into()));
        alive.get(hash.checked_rem(alive.len())?).copied()
    }
}
