//! Topics and their partitions.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::BrokerId;
use crate::log::Log;

#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) id: Uuid,
    pub(crate) partitions: Vec<Partition>,
}

#[derive(Debug)]
pub(crate) struct Partition {
    /// None while no replica is up.
    pub(crate) leader: Option<BrokerId>,
    pub(crate) epoch: i32,
    pub(crate) replicas: Vec<BrokerId>,
    pub(crate) log: Log,
}

impl Partition {
    /// An empty one, led by the first of its replicas that runs.
    pub(crate) fn new(replicas: Vec<BrokerId>, running: &[BrokerId]) -> Self {
        let leader = replicas.iter().find(|id| running.contains(id)).copied();
        Self { leader, epoch: 0, replicas, log: Log::default() }
    }

    pub(crate) fn change_leader(&mut self, leader: Option<BrokerId>) {
        self.leader = leader;
        self.epoch = self.epoch.saturating_add(1);
    }
}

impl Topic {
    pub(crate) fn partition(&self, index: i32) -> Option<&Partition> {
        self.partitions.get(usize::try_from(index).ok()?)
    }

    pub(crate) fn partition_mut(&mut self, index: i32) -> Option<&mut Partition> {
        self.partitions.get_mut(usize::try_from(index).ok()?)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Topics {
    by_name: BTreeMap<String, Topic>,
    names: BTreeMap<Uuid, String>,
}

impl Topics {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Topic)> {
        self.by_name.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Topic> {
        self.by_name.values_mut()
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<&Topic> {
        self.by_name.get(name)
    }

    pub(crate) fn by_name_mut(&mut self, name: &str) -> Option<&mut Topic> {
        self.by_name.get_mut(name)
    }

    pub(crate) fn name_of(&self, id: Uuid) -> Option<&str> {
        self.names.get(&id).map(String::as_str)
    }

    pub(crate) fn insert(&mut self, name: &str, topic: Topic) {
        self.names.insert(topic.id, name.to_owned());
        self.by_name.insert(name.to_owned(), topic);
    }

    pub(crate) fn remove(&mut self, name: &str) -> bool {
        let Some(topic) = self.by_name.remove(name) else { return false };
        self.names.remove(&topic.id);
        true
    }
}

/// Whether Kafka takes this for a topic's name.
pub(crate) fn is_legal_name(name: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
    !name.is_empty() && name.len() <= 249 && name != "." && name != ".." && name.bytes().all(legal)
}
