//! The fixed head of a record batch.

use std::fmt;

use super::error::Error;
use crate::ids::LeaderEpoch;
use crate::time::Timestamp;

/// The length of a batch's head, base offset and batch length included.
pub(super) const HEADER: usize = 61;

/// Where the bytes begin that `batch_length` counts.
pub(super) const AFTER_LENGTH: usize = 12;

/// Where the magic stands, in every format that Kafka ever had.
pub(super) const MAGIC_AT: usize = 16;

/// Where the bytes begin that the CRC covers: all that follow it.
pub(super) const AFTER_CRC: usize = 21;

const CODEC: i16 = 0b111;
const LOG_APPEND_TIME: i16 = 1 << 3;
const TRANSACTIONAL: i16 = 1 << 4;
const CONTROL: i16 = 1 << 5;

/// The head of a record batch, as Kafka's format 2 has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchHeader {
    /// The first offset that the batch covers. Compaction may have removed its record.
    pub(crate) base_offset: i64,
    pub(super) batch_length: i32,
    partition_leader_epoch: i32,
    pub(super) crc: u32,
    attributes: i16,
    pub(super) last_offset_delta: i32,
    /// The creation time of the first record as it was produced.
    pub(crate) base_timestamp: Timestamp,
    /// The latest creation time in the batch, or the time at which the broker appended it:
    /// [`timestamp_type`](Self::timestamp_type) tells which.
    pub(crate) max_timestamp: Timestamp,
    /// The id of the idempotent or transactional producer, -1 without one.
    pub(crate) producer_id: i64,
    /// The epoch of that producer, -1 without one.
    pub(crate) producer_epoch: i16,
    /// The producer's sequence number of the first record, -1 without one.
    pub(crate) base_sequence: i32,
    pub(super) record_count: i32,
}

impl BatchHeader {
    /// Reads the fields; `None` if they are cut short. Judges none of them.
    #[inline]
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes.get(..HEADER)?);
        let base_offset = i64::from_be_bytes(fields.take()?);
        let batch_length = i32::from_be_bytes(fields.take()?);
        let partition_leader_epoch = i32::from_be_bytes(fields.take()?);
        let [_magic] = fields.take()?;
        Some(Self {
            base_offset,
            batch_length,
            partition_leader_epoch,
            crc: u32::from_be_bytes(fields.take()?),
            attributes: i16::from_be_bytes(fields.take()?),
            last_offset_delta: i32::from_be_bytes(fields.take()?),
            base_timestamp: Timestamp::from_millis(i64::from_be_bytes(fields.take()?)),
            max_timestamp: Timestamp::from_millis(i64::from_be_bytes(fields.take()?)),
            producer_id: i64::from_be_bytes(fields.take()?),
            producer_epoch: i16::from_be_bytes(fields.take()?),
            base_sequence: i32::from_be_bytes(fields.take()?),
            record_count: i32::from_be_bytes(fields.take()?),
        })
    }

    /// The last offset that the batch covers, taken from the head: compaction may have removed
    /// the record, and the offset after this one is still the next to fetch.
    #[inline]
    pub(crate) fn last_offset(&self) -> i64 {
        self.base_offset.saturating_add(self.last_offset_delta.into())
    }

    /// The number of records as the head states it. Compaction makes it less than the number of
    /// offsets covered; it may be 0. The CRC covers it, but a writer may have lied: do not size
    /// memory by it.
    pub(crate) fn record_count(&self) -> u32 {
        u32::try_from(self.record_count).unwrap_or(0)
    }

    /// The epoch of the leader that appended the batch, if it is known.
    pub(crate) fn leader_epoch(&self) -> Option<LeaderEpoch> {
        (self.partition_leader_epoch >= 0).then_some(LeaderEpoch(self.partition_leader_epoch))
    }

    /// How the records are packed.
    ///
    /// # Errors
    /// [`Error::UnknownCodec`].
    #[inline]
    pub(crate) fn codec(&self) -> Result<Codec, Error> {
        match self.attributes & CODEC {
            0 => Ok(Codec::Uncompressed),
            1 => Ok(Codec::Gzip),
            2 => Ok(Codec::Snappy),
            3 => Ok(Codec::Lz4),
            4 => Ok(Codec::Zstd),
            got => Err(Error::UnknownCodec { got }),
        }
    }

    /// What the timestamps of the records mean.
    #[inline]
    pub(crate) fn timestamp_type(&self) -> TimestampType {
        if self.attributes & LOG_APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the batch is part of a transaction.
    pub(crate) fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// Whether the batch was written by Kafka itself, to mark the end of a transaction for
    /// example. Such records are not for applications.
    pub(crate) fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    #[inline]
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }
}

/// How the records of a batch are packed (`compression.type`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Codec {
    /// `none`.
    #[default]
    Uncompressed,
    /// `gzip`.
    Gzip,
    /// `snappy`; written in the framing of snappy-java, read raw too.
    Snappy,
    /// `lz4`, in LZ4 frames.
    Lz4,
    /// `zstd`.
    Zstd,
}

impl Codec {
    /// Its number among a batch's attributes.
    pub(super) fn attribute(self) -> i16 {
        match self {
            Self::Uncompressed => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uncompressed => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        })
    }
}

/// What the timestamp of a record means (`message.timestamp.type` of its topic).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// When the producer made the record.
    CreateTime,
    /// When the broker appended the batch: the same for all of its records.
    LogAppendTime,
}
