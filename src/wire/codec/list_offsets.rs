//! ListOffsets: the first and the last offset of a partition, or the one at a point in time.

use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::{
    TopicName, list_offsets_request as request, list_offsets_response as response,
};

use super::fetch::IsolationLevel;
use super::{Request, present, read, text, write};
use crate::ids::LeaderEpoch;
use crate::time::Timestamp;
use crate::wire::Error;
use crate::wire::api::ApiKey;
use crate::wire::error_code::ErrorCode;

/// Which offset is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetAt {
    /// The first that the log still has.
    Earliest,
    /// The one after the last record; with read-committed isolation the last stable offset.
    Latest,
    /// That of the first record which is not older. A time before 1970 is that of 1970, since
    /// Kafka has other meanings for negative times.
    Time(Timestamp),
}

/// Asks the leader of partitions for offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListOffsetsRequest {
    pub(crate) isolation_level: IsolationLevel,
    pub(crate) topics: Vec<ListOffsetsTopic>,
}

/// The partitions of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListOffsetsTopic {
    pub(crate) topic: Arc<str>,
    pub(crate) partitions: Vec<ListOffsetsPartition>,
}

/// One partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListOffsetsPartition {
    pub(crate) partition: i32,
    pub(crate) current_leader_epoch: Option<LeaderEpoch>,
    pub(crate) at: OffsetAt,
}

/// The offsets, by topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListOffsetsResponse {
    pub(crate) topics: Vec<ListedTopic>,
}

/// The offsets of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedTopic {
    pub(crate) topic: Arc<str>,
    pub(crate) partitions: Vec<ListedOffset>,
}

/// The offset of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListedOffset {
    pub(crate) partition: i32,
    pub(crate) error: ErrorCode,
    /// -1 on an error, and when no record is as young as the time that was asked for.
    pub(crate) offset: i64,
    /// The time of the record at `offset`; -1 for the earliest and the latest.
    pub(crate) timestamp: Timestamp,
    pub(crate) leader_epoch: Option<LeaderEpoch>,
}

impl Request for ListOffsetsRequest {
    type Response = ListOffsetsResponse;

    const API: ApiKey = ApiKey::ListOffsets;
    /// Version 4 brought the leader's epoch, without which an old leader's answer is believed.
    const VERSIONS: RangeInclusive<i16> = 4..=7;

    fn encode(&self, version: i16, body: &mut Vec<u8>) -> Result<(), Error> {
        let partition = |asked: &ListOffsetsPartition| {
            request::ListOffsetsPartition::default()
                .with_partition_index(asked.partition)
                .with_current_leader_epoch(asked.current_leader_epoch.map_or(-1, |epoch| epoch.0))
                .with_timestamp(match asked.at {
                    OffsetAt::Earliest => -2,
                    OffsetAt::Latest => -1,
                    OffsetAt::Time(time) => time.as_millis().max(0),
                })
        };
        let topic = |asked: &ListOffsetsTopic| {
            request::ListOffsetsTopic::default()
                .with_name(TopicName(text(&asked.topic)))
                .with_partitions(asked.partitions.iter().map(partition).collect())
        };
        let message = request::ListOffsetsRequest::default()
            .with_replica_id((-1).into())
            .with_isolation_level(self.isolation_level as i8)
            .with_topics(self.topics.iter().map(topic).collect());
        write(Self::API, version, &message, body)
    }

    fn decode(version: i16, body: Bytes) -> Result<ListOffsetsResponse, Error> {
        let message: response::ListOffsetsResponse = read(Self::API, version, body)?;
        let partition = |listed: &response::ListOffsetsPartitionResponse| ListedOffset {
            partition: listed.partition_index,
            error: ErrorCode(listed.error_code),
            offset: listed.offset,
            timestamp: Timestamp::from_millis(listed.timestamp),
            leader_epoch: present(listed.leader_epoch).map(LeaderEpoch),
        };
        let topic = |listed: response::ListOffsetsTopicResponse| ListedTopic {
            topic: Arc::from(listed.name.as_str()),
            partitions: listed.partitions.iter().map(partition).collect(),
        };
        Ok(ListOffsetsResponse { topics: message.topics.into_iter().map(topic).collect() })
    }
}
