//! Fetch: record batches of the partitions that a broker leads.
//!
//! Topics go by id from version 13 on (KIP-516), else by name. Every request is whole, without a fetch
//! session (KIP-227).

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::{TopicName, fetch_request as request, fetch_response as response};
use uuid::Uuid;

use super::throttle::LONGEST;
use super::{Request, duration, millis, read, text, write};
use crate::ids::{LeaderEpoch, TopicId};
use crate::wire::Error;
use crate::wire::api::ApiKey;
use crate::wire::error_code::ErrorCode;

/// The first version that names topics by their ids.
const FIRST_BY_ID: i16 = 13;

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
    /// Without the id of every topic all of them are asked for by name.
    pub(crate) id: Option<TopicId>,
    pub(crate) partitions: Vec<FetchPartition>,
}

/// Where to read one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FetchPartition {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// What the broker compares with its own epoch (KIP-320), from version 9 on.
    pub(crate) current_leader_epoch: Option<LeaderEpoch>,
    /// That of the record before, which the broker looks for in its log, from version 12 on (KIP-595).
    pub(crate) last_fetched_epoch: Option<LeaderEpoch>,
    pub(crate) max_bytes: i32,
}

/// What the broker read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FetchResponse {
    /// From version 8 on: before that, the broker itself has held the answer back (KIP-219). At most 5 minutes.
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
    /// Empty where topics go by id.
    pub(crate) topic: Arc<str>,
    pub(crate) id: Option<TopicId>,
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
    /// The broker's log has not the record that was fetched before.
    pub(crate) diverging: Option<EpochEnd>,
    /// A slice of the frame, not a copy. The last batch may be cut off anywhere, and the first may
    /// begin before the offset that was asked for.
    pub(crate) records: Bytes,
}

/// Where a log ends in the greatest leader epoch that it has up to the one that was asked for. -1 and
/// -1 if it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EpochEnd {
    pub(crate) epoch: LeaderEpoch,
    pub(crate) end_offset: i64,
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
    const VERSIONS: RangeInclusive<i16> = 4..=17;

    fn highest_version(&self) -> i16 {
        let by_id = self.topics.iter().all(|topic| topic.id.is_some());
        if by_id { *Self::VERSIONS.end() } else { FIRST_BY_ID - 1 }
    }

    fn encode(&self, version: i16, body: &mut Vec<u8>) -> Result<(), Error> {
        let topic = |asked: &FetchTopic| {
            let partitions = asked.partitions.iter().map(|partition| asked_partition(version, partition));
            let topic = request::FetchTopic::default().with_partitions(partitions.collect());
            match asked.id.filter(|_| version >= FIRST_BY_ID) {
                Some(id) => topic.with_topic_id(Uuid::from_u128(id.as_u128())),
                None => topic.with_topic(TopicName(text(&asked.topic))),
            }
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
            throttle_time: duration(if version < 8 { 0 } else { message.throttle_time_ms.into() })
                .min(LONGEST),
            error: ErrorCode(message.error_code),
            topics: message.responses.into_iter().map(fetched_topic).collect(),
        })
    }
}

fn asked_partition(version: i16, asked: &FetchPartition) -> request::FetchPartition {
    let epoch = asked.current_leader_epoch.filter(|_| version >= 9);
    let last_epoch = asked.last_fetched_epoch.filter(|_| version >= 12);
    request::FetchPartition::default()
        .with_partition(asked.partition)
        .with_fetch_offset(asked.offset)
        .with_current_leader_epoch(epoch.map_or(-1, |epoch| epoch.0))
        .with_last_fetched_epoch(last_epoch.map_or(-1, |epoch| epoch.0))
        .with_partition_max_bytes(asked.max_bytes)
}

fn fetched_topic(topic: response::FetchableTopicResponse) -> FetchedTopic {
    FetchedTopic {
        topic: Arc::from(topic.topic.as_str()),
        id: TopicId::new(topic.topic_id.as_u128()),
        partitions: topic.partitions.into_iter().map(fetched_partition).collect(),
    }
}

fn fetched_partition(partition: response::PartitionData) -> FetchedPartition {
    let aborted = |transaction: response::AbortedTransaction| AbortedTransaction {
        producer_id: transaction.producer_id.0,
        first_offset: transaction.first_offset,
    };
    let diverging = Some(partition.diverging_epoch)
        .filter(|diverging| *diverging != response::EpochEndOffset::default())
        .map(|end| EpochEnd { epoch: LeaderEpoch(end.epoch), end_offset: end.end_offset });
    FetchedPartition {
        diverging,
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
