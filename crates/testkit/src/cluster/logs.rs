//! Topics and their logs, as a test writes, ages and damages them.

use bytes::Bytes;

use super::Cluster;
use crate::clock::Now;
use crate::log::{Batch, Writer, encode_batch, marker};
use crate::state::{Partition, State};
use crate::{Error, Record};

/// Where a log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogOffsets {
    /// The first offset.
    pub start: i64,
    /// The offset up to which no transaction is open.
    pub last_stable: i64,
    /// The offset after the last record: the high watermark.
    pub end: i64,
    /// The leader epoch.
    pub leader_epoch: i32,
}

/// A record as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedRecord {
    /// Its offset.
    pub offset: i64,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// The key, if any.
    pub key: Option<Bytes>,
    /// The value, if any.
    pub value: Option<Bytes>,
}

impl Cluster {
    /// Makes a topic; its replicas go round the brokers.
    ///
    /// # Errors
    /// [`Error::TopicExists`].
    pub fn create_topic(&self, name: &str, partitions: i32, replicas: usize) -> Result<(), Error> {
        let (mut state, _) = self.shared.lock();
        if state.topics.by_name(name).is_some() {
            return Err(Error::TopicExists(name.to_owned()));
        }
        let replicas = replicas.clamp(1, state.nodes.len());
        state.create_topic(name, partitions, replicas);
        Ok(())
    }

    /// Gives a topic more partitions, up to `partitions`; one that has as many stays as it is.
    ///
    /// # Errors
    /// [`Error::UnknownPartition`] with partition -1.
    pub fn grow_topic(&self, name: &str, partitions: usize) -> Result<(), Error> {
        let grown = self.shared.lock().0.grow_topic(name, partitions);
        let unknown = || Error::UnknownPartition { topic: name.to_owned(), partition: -1 };
        grown.then_some(()).ok_or_else(unknown)
    }

    /// Deletes a topic with its records. Made again it has another id and starts at offset 0.
    ///
    /// # Errors
    /// [`Error::UnknownPartition`] with partition -1.
    pub fn delete_topic(&self, name: &str) -> Result<(), Error> {
        let removed = self.shared.lock().0.topics.remove(name);
        self.shared.changed.notify_waiters();
        let unknown = || Error::UnknownPartition { topic: name.to_owned(), partition: -1 };
        removed.then_some(()).ok_or_else(unknown)
    }

    /// Gives a topic `cleanup.policy=compact`, or takes it away: such a topic refuses records without a
    /// key. Nothing is compacted but by [`compact`](Self::compact).
    ///
    /// # Errors
    /// [`Error::UnknownPartition`] with partition -1.
    pub fn set_compacted(&self, name: &str, compacted: bool) -> Result<(), Error> {
        let unknown = || Error::UnknownPartition { topic: name.to_owned(), partition: -1 };
        let (mut state, _) = self.shared.lock();
        state.topics.by_name_mut(name).ok_or_else(unknown)?.compacted = compacted;
        Ok(())
    }

    /// Changes a partition under the lock, and wakes the fetches that wait.
    pub(super) fn change<T>(
        &self,
        topic: &str,
        partition: i32,
        change: impl FnOnce(&mut Partition, Now) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let changed = {
            let (mut state, now) = self.shared.lock();
            change(find(&mut state, topic, partition)?, now)
        };
        self.shared.changed.notify_waiters();
        changed
    }

    /// Writes records as one uncompressed batch, and gives the first offset.
    ///
    /// # Errors
    /// [`Error::UnknownPartition`]; [`Error::InvalidBatch`] without records.
    pub fn write(&self, topic: &str, partition: i32, records: &[Record]) -> Result<i64, Error> {
        self.write_as(topic, partition, records, Writer::PLAIN)
    }

    fn write_as(
        &self,
        topic: &str,
        partition: i32,
        records: &[Record],
        writer: Writer,
    ) -> Result<i64, Error> {
        if records.is_empty() {
            return Err(Error::InvalidBatch);
        }
        self.change(topic, partition, |partition, now| {
            let batch = encode_batch(records, writer, now.millis);
            Ok(partition.append(&batch, None, now))
        })
    }

    /// Appends record batches of format 2 as they are, compressed ones too; offsets and epochs are
    /// set. Gives the first offset.
    ///
    /// # Errors
    /// [`Error::UnknownPartition`]; [`Error::InvalidBatch`] if a checksum or a length is wrong; then
    /// nothing is written.
    pub fn write_batches(&self, topic: &str, partition: i32, batches: Bytes) -> Result<i64, Error> {
        let batches = Batch::parse_all(batches).map_err(|_| Error::InvalidBatch)?;
        self.change(topic, partition, |partition, now| {
            let first = partition.log.end();
            for batch in &batches {
                partition.append(batch, None, now);
            }
            Ok(first)
        })
    }

    /// Writes records of a transaction: of a new producer, or one whose id this gave before. The
    /// transaction stays open until [`Cluster::end_transaction`]. Gives the producer's id.
    ///
    /// # Errors
    /// As [`Cluster::write`].
    pub fn write_in_transaction(
        &self,
        topic: &str,
        partition: i32,
        producer_id: Option<i64>,
        records: &[Record],
    ) -> Result<i64, Error> {
        let producer_id = producer_id.unwrap_or_else(|| self.shared.lock().0.producer_ids.allot());
        let writer = Writer { producer_id, producer_epoch: 0, base_sequence: 0, transactional: true };
        self.write_as(topic, partition, records, writer)?;
        Ok(producer_id)
    }

    /// Ends a transaction in a partition by a marker.
    ///
    /// # Errors
    /// [`Error::UnknownPartition`], [`Error::NoTransaction`].
    pub fn end_transaction(
        &self,
        topic: &str,
        partition: i32,
        producer_id: i64,
        committed: bool,
    ) -> Result<(), Error> {
        self.change(topic, partition, |partition, now| {
            if !partition.log.has_open(producer_id) {
                return Err(Error::NoTransaction);
            }
            let writer = Writer { producer_id, producer_epoch: 0, base_sequence: -1, transactional: true };
            partition.append(&marker(writer, committed, now.millis), None, now);
            Ok(())
        })
    }

    /// Where a log starts and ends.
    ///
    /// # Errors
    /// [`Error::UnknownPartition`].
    pub fn offsets(&self, topic: &str, partition: i32) -> Result<LogOffsets, Error> {
        let (mut state, _) = self.shared.lock();
        let partition = find(&mut state, topic, partition)?;
        Ok(LogOffsets {
            start: partition.log.start(),
            last_stable: partition.log.last_stable(),
            end: partition.log.end(),
            leader_epoch: partition.epoch,
        })
    }

    /// All records from the log start on, markers left out, aborted ones not.
    ///
    /// # Errors
    /// [`Error::UnknownPartition`]; [`Error::Compressed`] if a batch is compressed.
    pub fn read(&self, topic: &str, partition: i32) -> Result<Vec<LoggedRecord>, Error> {
        let (mut state, _) = self.shared.lock();
        let log = &find(&mut state, topic, partition)?.log;
        let mut records = Vec::new();
        for batch in log.batches().iter().filter(|batch| !batch.is_control()) {
            records.extend(decode(batch)?.into_iter().filter(|record| record.offset >= log.start()));
        }
        Ok(records)
    }

    /// Moves the log start, as retention does.
    ///
    /// # Errors
    /// [`Error::UnknownPartition`].
    pub fn delete_records_before(&self, topic: &str, partition: i32, offset: i64) -> Result<(), Error> {
        self.change(topic, partition, |partition, _| {
            partition.log.delete_before(offset);
            Ok(())
        })
    }

    /// Takes out the records whose offset `keep` refuses, as compaction does: the others keep their
    /// offsets. Batches that are left empty go, but the last of an idempotent producer and the last of
    /// the log stay as headers without records, as Kafka's cleaner leaves them. Markers stay. A
    /// compressed batch goes whole if none of its offsets is kept, else it stays whole.
    ///
    /// # Errors
    /// [`Error::UnknownPartition`].
    pub fn compact(
        &self,
        topic: &str,
        partition: i32,
        mut keep: impl FnMut(i64) -> bool,
    ) -> Result<(), Error> {
        self.change(topic, partition, |partition, _| {
            partition.log.compact(&mut keep);
            Ok(())
        })
    }

    /// Compacts a log as Kafka's cleaner does when the last batch is the active segment, which stays as
    /// it is: of every key the last record before it stays. Records without a key and those of aborted
    /// transactions go, nothing at or after an open transaction is touched, and compressed batches stay.
    /// Headers are left as by [`compact`](Self::compact).
    ///
    /// # Errors
    /// [`Error::UnknownPartition`].
    pub fn clean(&self, topic: &str, partition: i32) -> Result<(), Error> {
        self.change(topic, partition, |partition, _| {
            partition.log.clean();
            Ok(())
        })
    }
}

pub(super) fn find<'a>(
    state: &'a mut State,
    topic: &str,
    partition: i32,
) -> Result<&'a mut Partition, Error> {
    state
        .topics
        .by_name_mut(topic)
        .and_then(|topic| topic.partition_mut(partition))
        .ok_or_else(|| Error::UnknownPartition { topic: topic.to_owned(), partition })
}

/// The records of an uncompressed batch.
pub(super) fn decode(batch: &Batch) -> Result<Vec<LoggedRecord>, Error> {
    if batch.is_compressed() {
        return Err(Error::Compressed);
    }
    let logged = batch.records().map(|record| {
        let [key, value] = record.key_and_value()?;
        Some(LoggedRecord {
            offset: record.offset,
            timestamp: record.timestamp,
            key: key.map(Bytes::copy_from_slice),
            value: value.map(Bytes::copy_from_slice),
        })
    });
    logged.collect::<Option<_>>().ok_or(Error::InvalidBatch)
}
