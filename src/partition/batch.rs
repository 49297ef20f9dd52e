//! The batches of a chunk, and the records of a batch as far as they were asked for.

use std::fmt;
use std::ops;

use super::chunk::Chunk;
use super::decoder::Decoder;
use crate::error::{Error, ErrorKind};
use crate::ids::{LeaderEpoch, TopicPartition};
use crate::time::Timestamp;
use crate::wire::records::{
    self, AbortedTransactions, CheckedBatch, CheckedBatchIter, Decompressor, Record, TimestampType,
};

/// The most that a control batch may unpack to: Kafka never packs one.
const MAX_CONTROL: usize = 64 << 10;

/// Says what is wrong with the records of a partition.
pub(super) fn records_error(error: records::Error, topic_partition: &TopicPartition) -> Error {
    use records::Error as Records;
    let kind = match error {
        Records::Magic { .. } | Records::DecompressedLength { .. } => ErrorKind::Unsupported,
        _ => ErrorKind::Protocol,
    };
    Error::because(kind, error.to_string()).caused_by(error).at_partition(topic_partition)
}

impl From<records::MalformedHeader> for Error {
    fn from(malformed: records::MalformedHeader) -> Self {
        Self::because(ErrorKind::Protocol, malformed.to_string()).caused_by(malformed)
    }
}

/// Iterates over the batches of a [`Chunk`] that have records for this reader.
pub struct Batches<'a> {
    chunk: &'a Chunk,
    batches: CheckedBatchIter<'a>,
    aborted: Option<AbortedTransactions>,
    control: Decompressor,
}

impl<'a> Batches<'a> {
    pub(super) fn new(chunk: &'a Chunk) -> Self {
        let aborted = chunk.aborted.as_ref().map(|list| {
            AbortedTransactions::new(list.iter().map(|aborted| (aborted.producer_id, aborted.first_offset)))
        });
        Self { chunk, batches: chunk.batches.iter(), aborted, control: Decompressor::new(MAX_CONTROL) }
    }

    fn admits(&mut self, batch: &CheckedBatch<'_>) -> Result<bool, records::Error> {
        match &mut self.aborted {
            Some(aborted) => aborted.admits(batch, &mut self.control),
            None => Ok(!batch.header().is_control()),
        }
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<Batch<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let batch = self.batches.next()?;
            match self.admits(&batch) {
                Ok(true) => return Some(Ok(Batch { checked: batch, chunk: self.chunk })),
                Ok(false) => {}
                Err(error) => {
                    self.batches.stop();
                    return Some(Err(records_error(error, &self.chunk.topic_partition)));
                }
            }
        }
    }
}

impl fmt::Debug for Batches<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").field("chunk", &self.chunk).finish_non_exhaustive()
    }
}

/// One record batch of a [`Chunk`]: what a producer sent at a time.
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    checked: CheckedBatch<'a>,
    chunk: &'a Chunk,
}

impl<'a> Batch<'a> {
    /// The partition.
    pub fn topic_partition(&self) -> &'a TopicPartition {
        &self.chunk.topic_partition
    }

    /// The first offset that the batch covers, also if it lies before the range that was asked
    /// for. Compaction may have removed its record.
    pub fn base_offset(&self) -> i64 {
        self.checked.header().base_offset
    }

    /// The last offset that the batch covers, also if it lies beyond the range that was asked for.
    pub fn last_offset(&self) -> i64 {
        self.checked.header().last_offset()
    }

    /// How many records the batch states to have, those outside of the range among them. Its
    /// writer may have lied: do not size memory by it.
    pub fn record_count(&self) -> u32 {
        self.checked.header().record_count()
    }

    /// What the timestamps of the records mean.
    pub fn timestamp_type(&self) -> TimestampType {
        self.checked.header().timestamp_type()
    }

    /// The latest timestamp in the batch.
    pub fn max_timestamp(&self) -> Timestamp {
        self.checked.header().max_timestamp
    }

    /// The epoch of the leader that appended the batch.
    pub fn leader_epoch(&self) -> Option<LeaderEpoch> {
        self.checked.header().leader_epoch()
    }

    /// The id of the idempotent or transactional producer.
    pub fn producer_id(&self) -> Option<i64> {
        Some(self.checked.header().producer_id).filter(|id| *id >= 0)
    }

    /// Whether the batch is part of a transaction.
    pub fn is_transactional(&self) -> bool {
        self.checked.header().is_transactional()
    }

    /// Iterates over the records that lie in the range that was asked for. A compressed batch is
    /// unpacked into `decoder` first, as a whole. The first error ends the iteration.
    ///
    /// # Errors
    /// `Unsupported` for a batch beyond the decoder's limit;
    /// `Protocol` for a malformed batch, and as an item for a malformed record.
    pub fn records<'b>(&self, decoder: &'b mut Decoder) -> Result<Records<'b>, Error>
    where
        'a: 'b,
    {
        let topic_partition = &self.chunk.topic_partition;
        let records = self.checked.records(&mut decoder.0);
        let records = records.map_err(|error| records_error(error, topic_partition))?;
        Ok(Records { records, offsets: self.chunk.offsets.clone(), topic_partition })
    }
}

impl fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("header", self.checked.header()).finish_non_exhaustive()
    }
}

/// Iterates over the records of a [`Batch`] that lie in the range that was asked for.
pub struct Records<'a> {
    records: records::Records<'a>,
    offsets: ops::Range<i64>,
    topic_partition: &'a TopicPartition,
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.records.next()? {
                Ok(record) if record.offset < self.offsets.start => {}
                Ok(record) if record.offset >= self.offsets.end => return None,
                Ok(record) => return Some(Ok(record)),
                Err(error) => return Some(Err(records_error(error, self.topic_partition))),
            }
        }
    }
}

impl fmt::Debug for Records<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").field("offsets", &self.offsets).finish_non_exhaustive()
    }
}
