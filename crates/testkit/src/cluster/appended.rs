//! What was ever appended, for a test that checks what brokers promised.

use bytes::Bytes;

use super::{Cluster, LoggedRecord};
use crate::log::{Batch, Entry, Lost};
use crate::{BrokerId, Error};

/// What became of a record after it was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// It is in the log.
    Kept,
    /// A leader that did not have it was elected.
    Truncated,
    /// Retention or DeleteRecords moved the log start past it.
    Deleted,
    /// Compaction took it out.
    Compacted,
    /// Its topic was deleted.
    TopicDeleted,
}

/// A batch as it was appended once, whatever became of it.
#[derive(Clone, Debug)]
pub struct Appended {
    /// The id of the topic, which tells topics of one name apart that were made one after the other.
    pub topic_id: [u8; 16],
    /// Which topic of this name it was, from 0.
    pub incarnation: usize,
    /// The leader epoch that wrote it.
    pub leader_epoch: i32,
    /// The leader that a client wrote it to; none if the test wrote it.
    pub broker: Option<BrokerId>,
    /// When, by the brokers' wall clock: milliseconds since the Unix epoch.
    pub timestamp: i64,
    entry: Entry,
}

impl Appended {
    fn batch(&self) -> &Batch {
        &self.entry.batch
    }

    /// The first offset.
    #[must_use]
    pub fn base_offset(&self) -> i64 {
        self.batch().base_offset()
    }

    /// The last offset.
    #[must_use]
    pub fn last_offset(&self) -> i64 {
        self.batch().last_offset()
    }

    /// The producer's id; -1 for a producer that is not idempotent.
    #[must_use]
    pub fn producer_id(&self) -> i64 {
        self.batch().producer_id()
    }

    /// The producer's epoch; -1 if it has none.
    #[must_use]
    pub fn producer_epoch(&self) -> i16 {
        self.batch().producer_epoch()
    }

    /// The first record's sequence number; -1 if it has none.
    #[must_use]
    pub fn base_sequence(&self) -> i32 {
        self.batch().base_sequence()
    }

    /// Whether it is a transaction's marker.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.batch().is_control()
    }

    /// Whether it belongs to a transaction.
    #[must_use]
    pub fn is_transactional(&self) -> bool {
        self.batch().is_transactional()
    }

    /// What became of the record at an offset of this batch.
    #[must_use]
    pub fn fate(&self, offset: i64) -> Fate {
        let entry = &self.entry;
        match entry.lost {
            _ if offset < entry.deleted_before => Fate::Deleted,
            _ if entry.compacted.contains(&offset) => Fate::Compacted,
            Some(Lost::Truncated) => Fate::Truncated,
            Some(Lost::TopicDeleted) => Fate::TopicDeleted,
            None => Fate::Kept,
        }
    }

    /// The records as they were appended.
    ///
    /// # Errors
    /// [`Error::Compressed`] if the batch is compressed.
    pub fn records(&self) -> Result<Vec<LoggedRecord>, Error> {
        super::logs::decode(self.batch())
    }

    /// The batch as it was appended.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        self.batch().bytes().clone()
    }
}

impl Cluster {
    /// Every batch that was ever appended to a partition, in order, over all topics that ever had
    /// this name: what was truncated, compacted or deleted since is among them. Nothing for a
    /// partition that never was.
    #[must_use]
    pub fn appended(&self, topic: &str, partition: i32) -> Vec<Appended> {
        let (state, _) = self.shared.lock();
        let incarnations = state.topics.incarnations(topic).enumerate();
        let logs = incarnations.filter_map(|(at, topic)| Some((at, topic.id, topic.partition(partition)?)));
        logs.flat_map(|(incarnation, id, partition)| {
            partition.log.journal().iter().map(move |entry| Appended {
                topic_id: id.into_bytes(),
                incarnation,
                leader_epoch: entry.append.leader_epoch,
                broker: entry.append.broker,
                timestamp: entry.append.millis,
                entry: entry.clone(),
            })
        })
        .collect()
    }

    /// The id of a topic.
    ///
    /// # Errors
    /// [`Error::UnknownPartition`] with partition -1.
    pub fn topic_id(&self, name: &str) -> Result<[u8; 16], Error> {
        let (state, _) = self.shared.lock();
        let unknown = || Error::UnknownPartition { topic: name.to_owned(), partition: -1 };
        state.topics.by_name(name).map(|topic| topic.id.into_bytes()).ok_or_else(unknown)
    }
}
