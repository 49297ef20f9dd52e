//! What one response holds of one partition, and the borrowed walk over its records.

use std::fmt;
use std::ops;
use std::sync::Arc;

use super::batch::Batches;
use super::budget::Hold;
use super::decoder::Decoder;
use crate::error::Error;
use crate::ids::TopicPartition;
use crate::wire::codec::fetch::AbortedTransaction;
use crate::wire::records::{CheckedBatches, Record};

/// Record batches of one partition, as they came from the broker: not copied, not unpacked, their
/// CRCs checked.
///
/// It holds a part of the [byte budget](crate::ReadOptions::with_byte_budget) and of a pooled
/// buffer until it is dropped. It can be sent to a thread of the application's own.
///
/// # Examples
/// ```
/// # use ottla::{Chunk, Decoder, Error};
/// fn count(chunk: &Chunk, decoder: &mut Decoder) -> Result<usize, Error> {
///     let mut bytes = 0;
///     for batch in chunk.batches() {
///         for record in batch?.records(decoder)? {
///             bytes += record?.value.map_or(0, <[u8]>::len);
///         }
///     }
///     Ok(bytes)
/// }
/// ```
pub struct Chunk {
    pub(super) topic_partition: TopicPartition,
    pub(super) offsets: ops::Range<i64>,
    pub(super) batches: CheckedBatches,
    /// The aborted transactions, for a reader of committed records.
    pub(super) aborted: Option<Vec<AbortedTransaction>>,
    pub(super) high_watermark: i64,
    pub(super) last_stable_offset: i64,
    pub(super) log_start_offset: i64,
    pub(super) _hold: Arc<Hold>,
}

impl Chunk {
    /// The partition.
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// The offsets that this chunk settles, as far as they lie in the range that was asked for.
    /// The chunks of a range follow each other without a gap but for [losses](crate::Reader::losses).
    /// There may be fewer records than offsets, down to none: compaction and transactions leave holes.
    pub fn offsets(&self) -> ops::Range<i64> {
        self.offsets.clone()
    }

    /// The offset at which reading goes on after this chunk.
    pub fn next_offset(&self) -> i64 {
        self.offsets.end
    }

    /// The offset after the last one that all in-sync replicas had when the broker answered.
    pub fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    /// The first offset of the oldest open transaction then; the high watermark if there is none.
    /// `None` if the broker does not tell.
    pub fn last_stable_offset(&self) -> Option<i64> {
        (self.last_stable_offset >= 0).then_some(self.last_stable_offset)
    }

    /// The first offset that the partition still had then. `None` if the broker does not tell.
    pub fn log_start_offset(&self) -> Option<i64> {
        (self.log_start_offset >= 0).then_some(self.log_start_offset)
    }

    /// The length of the batches in bytes, as they came.
    pub fn len_bytes(&self) -> usize {
        self.batches.len()
    }

    /// Iterates over the batches that have records for this reader: no control batches and, for a
    /// reader of committed records, none of aborted transactions. The first error ends the
    /// iteration.
    ///
    /// # Errors
    /// Each item: `Protocol` for a malformed control batch.
    pub fn batches(&self) -> Batches<'_> {
        Batches::new(self)
    }

    /// Calls `each` with every record, in the order of their offsets, up to the first error.
    ///
    /// # Errors
    /// What `each` returns; `Protocol` for malformed records; `Unsupported` for a
    /// batch beyond the limit of the decoder. Records before the one in error have been given.
    pub fn for_each_record<E: From<Error>>(
        &self,
        decoder: &mut Decoder,
        mut each: impl FnMut(Record<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for batch in self.batches() {
            for record in batch?.records(decoder)? {
                each(record?)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Chunk");
        shown.field("topic_partition", &self.topic_partition).field("offsets", &self.offsets);
        shown.field("batches", &self.batches.count()).finish_non_exhaustive()
    }
}
