//! OffsetForLeaderEpoch: where a leader's log ends in an epoch (KIP-101, KIP-320).
//!
//! It is how a reader finds out whether what it read is still in the log, where Fetch does not tell.

use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::{
    TopicName, offset_for_leader_epoch_request as request, offset_for_leader_epoch_response as response,
};

use super::fetch::EpochEnd;
use super::{Request, read, text, write};
use crate::ids::LeaderEpoch;
use crate::wire::Error;
use crate::wire::api::ApiKey;
use crate::wire::error_code::ErrorCode;

/// Asks the leader of partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OffsetForLeaderEpochRequest {
    pub(crate) topics: Vec<EpochTopic>,
}

/// The partitions of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EpochTopic {
    pub(crate) topic: Arc<str>,
    pub(crate) partitions: Vec<EpochPartition>,
}

/// One partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EpochPartition {
    pub(crate) partition: i32,
    /// What the broker compares with its own epoch.
    pub(crate) current_leader_epoch: Option<LeaderEpoch>,
    /// The epoch whose end is asked for.
    pub(crate) epoch: LeaderEpoch,
}

/// The ends, by topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OffsetForLeaderEpochResponse {
    pub(crate) topics: Vec<EpochEnds>,
}

/// The ends of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EpochEnds {
    pub(crate) topic: Arc<str>,
    pub(crate) partitions: Vec<PartitionEnd>,
}

/// The end of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartitionEnd {
    pub(crate) partition: i32,
    pub(crate) error: ErrorCode,
    pub(crate) end: EpochEnd,
}

impl OffsetForLeaderEpochRequest {
    /// Asks for more partitions of a topic.
    pub(crate) fn add(&mut self, more: EpochTopic) {
        match self.topics.last_mut().filter(|topic| topic.topic == more.topic) {
            Some(topic) => topic.partitions.extend(more.partitions),
            None => self.topics.push(more),
        }
    }
}

impl Request for OffsetForLeaderEpochRequest {
    type Response = OffsetForLeaderEpochResponse;

    const API: ApiKey = ApiKey::OffsetForLeaderEpoch;
    /// Version 2 brought the leader's epoch, without which an old leader's answer is believed.
    const VERSIONS: RangeInclusive<i16> = 2..=4;

    fn encode(&self, version: i16, body: &mut Vec<u8>) -> Result<(), Error> {
        let partition = |asked: &EpochPartition| {
            request::OffsetForLeaderPartition::default()
                .with_partition(asked.partition)
                .with_current_leader_epoch(asked.current_leader_epoch.map_or(-1, |epoch| epoch.0))
                .with_leader_epoch(asked.epoch.0)
        };
        let topic = |asked: &EpochTopic| {
            request::OffsetForLeaderTopic::default()
                .with_topic(TopicName(text(&asked.topic)))
                .with_partitions(asked.partitions.iter().map(partition).collect())
        };
        let message = request::OffsetForLeaderEpochRequest::default()
            .with_replica_id((-1).into())
            .with_topics(self.topics.iter().map(topic).collect());
        write(Self::API, version, &message, body)
    }

    fn decode(version: i16, body: Bytes) -> Result<OffsetForLeaderEpochResponse, Error> {
        let message: response::OffsetForLeaderEpochResponse = read(Self::API, version, body)?;
        let partition = |told: &response::EpochEndOffset| PartitionEnd {
            partition: told.partition,
            error: ErrorCode(told.error_code),
            end: EpochEnd { epoch: LeaderEpoch(told.leader_epoch), end_offset: told.end_offset },
        };
        let topic = |told: response::OffsetForLeaderTopicResult| EpochEnds {
            topic: Arc::from(told.topic.as_str()),
            partitions: told.partitions.iter().map(partition).collect(),
        };
        Ok(OffsetForLeaderEpochResponse { topics: message.topics.into_iter().map(topic).collect() })
    }
}
