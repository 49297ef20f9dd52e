//! What to read, and how.

use std::fmt;
use std::ops;

use crate::cluster::config::InvalidProperties;
use crate::cluster::config::java::{Fault, bytes, with_keys};
use crate::error::{Error, ErrorKind};
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

/// Says what to do when records that are to be read, or were read, are no longer there:
/// [`LossReason`] says why.
///
/// Offsets without records inside of what a partition still has (compaction, markers of
/// transactions) are no data loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDataLoss {
    /// Reading ends with [`ErrorKind::DataLoss`](crate::ErrorKind::DataLoss).
    #[default]
    Fail,
    /// Reading goes on after what is lost, and [`Reader::losses`](crate::Reader::losses) tells of it.
    /// After [`LossReason::Truncated`] it goes on where the logs part: then other records come with
    /// offsets that came before.
    Skip,
}

/// Offsets that were to be read, or were read, and are no longer there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loss {
    /// The partition.
    pub topic_partition: TopicPartition,
    /// The offsets, as far as they lie in the range that was to be read.
    pub offsets: ops::Range<i64>,
    /// What took them.
    pub reason: LossReason,
}

/// What takes records away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LossReason {
    /// The log begins after them: by retention, or since somebody deleted records. None of them was
    /// given.
    Deleted,
    /// The log was cut off, by an unclean election (KIP-320). All of them were given, and are in the
    /// log no longer.
    Truncated,
    /// The topic was deleted and made again under its name (KIP-516). None of them was given: the rest
    /// of a range that has an end; of one without an end what the old log is known to have had, which
    /// may be nothing.
    Recreated,
}

impl fmt::Display for LossReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deleted => "the log begins after them",
            Self::Truncated => "the log was cut off",
            Self::Recreated => "the topic was deleted and made again",
        })
    }
}

impl Loss {
    /// The error of a reader that must not lose anything.
    pub(super) fn into_error(self) -> Error {
        let Self { topic_partition, offsets: ops::Range { start, end }, reason } = self;
        let text = match end.saturating_sub(1) {
            last if last < start => format!("offset {start} is no longer there: {reason}"),
            last => format!("offsets {start} to {last} are no longer there: {reason}"),
        };
        Error::because(ErrorKind::DataLoss, text).at_partition(&topic_partition)
    }
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

    /// Reads the keys of a Java `client.properties` that say how to read: `isolation.level` and
    /// `fetch.max.bytes` (see [`with_response_bytes`](Self::with_response_bytes)). All others are
    /// left to [`Config::from_properties`](crate::Config::from_properties).
    ///
    /// # Errors
    /// [`InvalidProperties`](crate::InvalidProperties) names the line and the key, never the value.
    pub fn from_properties(text: &[u8]) -> Result<Self, InvalidProperties> {
        with_keys(text, |keys| {
            let mut options = Self::default();
            if let Some(level) = keys.read("isolation.level", isolation_level)? {
                options.isolation_level = level;
            }
            Ok(match keys.read("fetch.max.bytes", bytes)? {
                Some(bytes) => options.with_response_bytes(bytes),
                None => options,
            })
        })
    }

    /// Sets which records are seen. Default [`IsolationLevel::ReadUncommitted`].
    #[must_use]
    pub fn with_isolation_level(mut self, isolation_level: IsolationLevel) -> Self {
        self.isolation_level = isolation_level;
        self
    }

    /// Which records are seen.
    pub fn isolation_level(&self) -> IsolationLevel {
        self.isolation_level
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

fn isolation_level(name: &str) -> Result<IsolationLevel, Fault> {
    match name.to_ascii_lowercase().as_str() {
        "read_uncommitted" => Ok(IsolationLevel::ReadUncommitted),
        "read_committed" => Ok(IsolationLevel::ReadCommitted),
        _ => Err(Fault::NotOneOf { allowed: "read_uncommitted and read_committed" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_javas_keys_of_consumers() {
        let options =
            ReadOptions::from_properties(b"isolation.level=read_committed\nfetch.max.bytes=2097152\n")
                .unwrap();
        assert_eq!(
            (options.isolation_level, options.response_bytes),
            (IsolationLevel::ReadCommitted, 2 << 20)
        );
        let defaults = ReadOptions::from_properties(b"bootstrap.servers=\n").unwrap();
        assert_eq!(defaults.response_bytes, ReadOptions::default().response_bytes);
        let error = |text: &[u8]| ReadOptions::from_properties(text).unwrap_err().to_string();
        assert_eq!(
            error(b"\nisolation.level=dirty"),
            "line 2, isolation.level: it is one of read_uncommitted and read_committed"
        );
        assert_eq!(error(b"fetch.max.bytes=1m"), "line 1, fetch.max.bytes: it is a number of bytes");
    }
}
