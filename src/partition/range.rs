//! What to read, and how.

use std::ops;

use crate::ids::TopicPartition;
use crate::wire::codec::fetch::IsolationLevel;

/// Offsets of one partition that are to be read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OffsetRange {
    /// The partition.
    pub topic_partition: TopicPartition,
    /// The first offset.
    pub from: i64,
    /// The offset after the last one. It may lie beyond the present end of the partition: then
    /// the records that are missing are waited for.
    pub until: i64,
}

impl OffsetRange {
    /// Names the offsets from `from` up to, not including, `until`. A range whose `until` is not
    /// above its `from` is empty and costs nothing.
    pub fn new(topic_partition: TopicPartition, from: i64, until: i64) -> Self {
        Self { topic_partition, from, until }
    }
}

/// Says what to do when records that are to be read are no longer there: retention, a deletion or
/// an unclean election took them.
///
/// Offsets without records inside of what a partition still has (compaction, markers of
/// transactions) are no data loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDataLoss {
    /// Reading ends with [`ErrorKind::DataLoss`](crate::ErrorKind::DataLoss).
    #[default]
    Fail,
    /// Reading goes on after what is lost, and [`Reader::losses`](crate::Reader::losses) tells of it.
    Skip,
}

/// Offsets that were to be read and are no longer there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The partition.
    pub topic_partition: TopicPartition,
    /// The offsets, as far as they lie in the range that was to be read.
    pub offsets: ops::Range<i64>,
}

/// Says how to read. The default suits most.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    pub(super) isolation_level: IsolationLevel,
    pub(super) on_data_loss: OnDataLoss,
    pub(super) byte_budget: usize,
    pub(super) response_bytes: usize,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            isolation_level: IsolationLevel::ReadUncommitted,
            on_data_loss: OnDataLoss::Fail,
            byte_budget: 64 << 20,
            response_bytes: 1 << 20,
        }
    }
}

impl ReadOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets which records are seen. Default [`IsolationLevel::ReadUncommitted`].
    #[must_use]
    pub fn with_isolation_level(mut self, isolation_level: IsolationLevel) -> Self {
        self.isolation_level = isolation_level;
        self
    }

    /// Sets what to do about records that are lost. Default [`OnDataLoss::Fail`].
    #[must_use]
    pub fn with_data_loss(mut self, on_data_loss: OnDataLoss) -> Self {
        self.on_data_loss = on_data_loss;
        self
    }

    /// Sets how many bytes of fetched batches may exist at a time, those of all brokers, those
    /// under way and the chunks that the application still holds together. Default 64 MiB; from
    /// 64 KiB to 3 GiB, others are moved to the nearest.
    ///
    /// A record batch that is larger than what is asked for comes whole and can exceed this by its
    /// own length, once for each request in flight.
    #[must_use]
    pub fn with_byte_budget(mut self, bytes: usize) -> Self {
        self.byte_budget = bytes.clamp(64 << 10, 3 << 30);
        self
    }

    /// Sets about how many bytes of batches to ask for in one request. Default 1 MiB, which fits
    /// the caches of present processors: less costs round trips, more costs memory traffic. From
    /// 16 KiB to 64 MiB, others are moved to the nearest.
    ///
    /// Large batches change what is asked for, so that brokers send few of them cut off.
    #[must_use]
    pub fn with_response_bytes(mut self, bytes: usize) -> Self {
        self.response_bytes = bytes.clamp(16 << 10, 64 << 20);
        self
    }
}
