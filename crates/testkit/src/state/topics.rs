//! Topics and their partitions.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::BrokerId;
use crate::clock::Now;
use crate::log::{Append, Batch, Log};

#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) id: Uuid,
    pub(crate) partitions: Vec<Partition>,
    /// `cleanup.policy` has `compact`: records need keys.
    pub(crate) compacted: bool,
    /// `min.insync.replicas`.
    pub(crate) min_in_sync: usize,
}

#[derive(Debug)]
pub(crate) struct Partition {
    /// None while no replica is up.
    pub(crate) leader: Option<BrokerId>,
    pub(crate) epoch: i32,
    pub(crate) replicas: Vec<BrokerId>,
    /// It is to have no leader until a test says so.
    pub(crate) without_leader: bool,
    /// Replicas that run and lag behind.
    pub(crate) lagging: BTreeSet<BrokerId>,
    pub(crate) log: Log,
}

impl Partition {
    /// An empty one, led by the first of its replicas that runs.
    pub(crate) fn new(replicas: Vec<BrokerId>, running: &[BrokerId]) -> Self {
        let leader = replicas.iter().find(|id| running.contains(id)).copied();
        let mut log = Log::default();
        log.begin_epoch(0);
        Self { leader, epoch: 0, replicas, without_leader: false, lagging: BTreeSet::new(), log }
    }

    pub(crate) fn change_leader(&mut self, leader: Option<BrokerId>) {
        self.leader = leader;
        self.without_leader = false;
        self.epoch = self.epoch.saturating_add(1);
        if leader.is_some() {
            self.log.begin_epoch(self.epoch);
        }
    }

    /// The replicas in sync.
    pub(crate) fn in_sync<'a>(&'a self, running: &'a [BrokerId]) -> impl Iterator<Item = &'a BrokerId> {
        self.replicas.iter().filter(|id| running.contains(id) && !self.lagging.contains(id))
    }

    /// Whether fewer replicas are in sync than `min.insync.replicas`, which counts up to the number of
    /// replicas.
    pub(crate) fn has_too_few(&self, running: &[BrokerId], min_in_sync: usize) -> bool {
        self.in_sync(running).count() < min_in_sync.min(self.replicas.len())
    }

    /// Puts a batch at the end of the log, and gives its first offset.
    pub(crate) fn append(&mut self, batch: &Batch, broker: Option<BrokerId>, now: Now) -> i64 {
        self.log.append(batch, Append { leader_epoch: self.epoch, broker, millis: now.millis })
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
    /// Topics that were deleted, for what was once appended to them.
    deleted: BTreeMap<String, Vec<Topic>>,
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

    /// A copy of everything but the logs.
    pub(crate) fn without_logs(&self) -> Self {
        let bare = |partition: &Partition| Partition {
            leader: partition.leader,
            epoch: partition.epoch,
            replicas: partition.replicas.clone(),
            without_leader: partition.without_leader,
            lagging: partition.lagging.clone(),
            log: Log::default(),
        };
        let topics = self.by_name.iter().map(|(name, topic)| {
            let partitions = topic.partitions.iter().map(bare).collect();
            (name.clone(), Topic { partitions, ..*topic })
        });
        Self { by_name: topics.collect(), names: self.names.clone(), deleted: BTreeMap::new() }
    }

    /// Every topic that ever had this name, the oldest first.
    pub(crate) fn incarnations(&self, name: &str) -> impl Iterator<Item = &Topic> {
        self.deleted.get(name).into_iter().flatten().chain(self.by_name.get(name))
    }

    pub(crate) fn name_of(&self, id: Uuid) -> Option<&str> {
        self.names.get(&id).map(String::as_str)
    }

    pub(crate) fn insert(&mut self, name: &str, topic: Topic) {
        self.names.insert(topic.id, name.to_owned());
        self.by_name.insert(name.to_owned(), topic);
    }

    pub(crate) fn remove(&mut self, name: &str) -> bool {
        let Some(mut topic) = self.by_name.remove(name) else { return false };
        self.names.remove(&topic.id);
        topic.partitions.iter_mut().for_each(|partition| partition.log.delete());
        self.deleted.entry(name.to_owned()).or_default().push(topic);
        true
    }
}

/// Whether Kafka takes this for a topic's name.
pub(crate) fn is_legal_name(name: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
    !name.is_empty() && name.len() <= 249 && name != "." && name != ".." && name.bytes().all(legal)
}
