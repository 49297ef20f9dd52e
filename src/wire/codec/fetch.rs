//! Fetch: record batches of the partitions that a broker leads.
//!
//! Topics go by name, so the versions end at 12; every request is whole, without a fetch session
//! (KIP-227).

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::{TopicName, fetch_request as request, fetch_response as response};

use super::{Request, duration, millis, read, text, write};
use crate::ids::LeaderEpoch;
use crate::wire::Error;
use crate::wire::api::ApiKey;
use crate::wire::error_code::ErrorCode;

/// Which records a reader may see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IsolationLevel {
    /// All records, those of open and of aborted transactions among them.
    #[default]
    ReadUncommitted = 0,
    /// Nothing beyond the last stable offset. The records of aborted transactions still arrive;
    /// the response lists them, for the reader to leave out.
    ReadCommitted = 1,
}

/// Asks for record batches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FetchRequest {
    /// How long the broker may wait for `min_bytes`.
    pub(crate) max_wait: Duration,
    pub(crate) min_bytes: i32,
    /// A bound over all partitions; the first batch comes whole even if it is larger.
    pub(crate) max_bytes: i32,
    pub(crate) isolation_level: IsolationLevel,
    pub(crate) topics: Vec<FetchTopic>,
}

/// The partitions of one topic to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FetchTopic {
    pub(crate) topic: Arc<str>,
    pub(crate) partitions: Vec<FetchPartition>,
}

/// Where to read one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FetchPartition {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// What the broker compares with its own epoch (KIP-320), from version 9 on.
    pub(crate) current_leader_epoch: Option<LeaderEpoch>,
    pub(crate) max_bytes: i32,
}

/// What the broker read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FetchResponse {
    pub(crate) throttle_time: Duration,
    pub(crate) error: ErrorCode,
    pub(crate) topics: Vec<FetchedTopic>,
}

impl FetchResponse {
    /// The length of all records, those of batches that are cut off included.
    pub(crate) fn records_len(&self) -> usize {
        let partitions = self.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|partition| partition.records.len()).sum()
    }
}

/// The partitions of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FetchedTopic {
    pub(crate) topic: Arc<str>,
    pub(crate) partitions: Vec<FetchedPartition>,
}

/// The batches of one partition. An offset of -1 is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FetchedPartition {
    pub(crate) partition: i32,
    pub(crate) error: ErrorCode,
    pub(crate) high_watermark: i64,
    pub(crate) last_stable_offset: i64,
    /// From version 5 on.
    pub(crate) log_start_offset: i64,
    pub(crate) aborted_transactions: Vec<AbortedTransaction>,
    /// A slice of the frame, not a copy. The last batch may be cut off anywhere, and the first may
    /// begin before the offset that was asked for.
    pub(crate) records: Bytes,
}

/// A transaction whose records are to be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AbortedTransaction {
    pub(crate) producer_id: i64,
    pub(crate) first_offset: i64,
}

impl Request for FetchRequest {
    type Response = FetchResponse;

    const API: ApiKey = ApiKey::Fetch;
    const VERSIONS: RangeInclusive<i16> = 4..=12;

    fn encode(&self, version: i16, body: &mut Vec<u8>) -> Result<(), Error> {
        let topic = |asked: &FetchTopic| {
            let partitions = asked.partitions.iter().map(|partition| asked_partition(version, partition));
            request::FetchTopic::default()
                .with_topic(TopicName(text(&asked.topic)))
                .with_partitions(partitions.collect())
        };
        let message = request::FetchRequest::default()
            .with_max_wait_ms(millis(self.max_wait))
            .with_min_bytes(self.min_bytes)
            .with_max_bytes(self.max_bytes)
            .with_isolation_level(self.isolation_level as i8)
            .with_session_id(0)
            .with_session_epoch(-1)
            .with_topics(self.topics.iter().map(topic).collect());
        write(Self::API, version, &message, body)
    }

    fn decode(version: i16, body: Bytes) -> Result<FetchResponse, Error> {
        let message: response::FetchResponse = read(Self::API, version, body)?;
        Ok(FetchResponse {
            throttle_time: duration(message.throttle_time_ms.into()),
            error: ErrorCode(message.error_code),
            topics: message.responses.into_iter().map(fetched_topic).collect(),
        })
    }
}

fn asked_partition(version: i16, asked: &FetchPartition) -> request::FetchPartition {
    let epoch = asked.current_leader_epoch.filter(|_| version >= 9);
    request::FetchPartition::default()
        .with_partition(asked.partition)
        .with_fetch_offset(asked.offset)
        .with_current_leader_epoch(epoch.map_or(-1, |epoch| epoch.0))
        .with_partition_max_bytes(asked.max_bytes)
}

fn fetched_topic(topic: response::FetchableTopicResponse) -> FetchedTopic {
    FetchedTopic {
        topic: Arc::from(topic.topic.as_str()),
        partitions: topic.partitions.into_iter().map(fetched_partition).collect(),
    }
}

fn fetched_partition(partition: response::PartitionData) -> FetchedPartition {
    let aborted = |transaction: response::AbortedTransaction| AbortedTransaction {
        producer_id: transaction.producer_id.0,
        first_offset: transaction.first_offset,
    };
    FetchedPartition {
        partition: partition.partition_index,
        error: ErrorCode(partition.error_code),
        high_watermark: partition.high_watermark,
        last_stable_offset: partition.last_stable_offset,
        log_start_offset: partition.log_start_offset,
        aborted_transactions: partition
            .aborted_transactions
            .map_or_else(Vec::new, |list| list.into_iter().map(aborted).collect()),
        records: partition.records.unwrap_or_default(),
    }
}
