//! Metadata: which brokers there are and which of them leads which partition.

use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::{TopicName, metadata_request as request, metadata_response as response};

use super::{Request, present, read, text, write};
use crate::ids::{BrokerId, LeaderEpoch, TopicId};
use crate::wire::Error;
use crate::wire::api::ApiKey;
use crate::wire::error_code::ErrorCode;

/// Asks for the brokers and for topics by name. Never creates a topic, whatever the broker's
/// `auto.create.topics.enable` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MetadataRequest {
    /// The topics; `None` is all of them, an empty list none.
    pub(crate) topics: Option<Vec<Arc<str>>>,
}

/// A picture of the cluster, as old as the broker's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MetadataResponse {
    /// An error of the whole request, from version 13 on (KIP-1102).
    pub(crate) error: ErrorCode,
    pub(crate) brokers: Vec<Broker>,
    pub(crate) controller: Option<BrokerId>,
    pub(crate) topics: Vec<Topic>,
}

/// Where a broker listens, on the listener that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broker {
    pub(crate) id: BrokerId,
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// A topic, or why it cannot be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Topic {
    pub(crate) error: ErrorCode,
    pub(crate) name: Arc<str>,
    /// From version 10 on, of a topic that exists.
    pub(crate) id: Option<TopicId>,
    /// Kafka's own, such as `__consumer_offsets`.
    pub(crate) internal: bool,
    pub(crate) partitions: Vec<Partition>,
}

/// A partition and its leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    pub(crate) error: ErrorCode,
    pub(crate) partition: i32,
    /// `None` while an election is under way.
    pub(crate) leader: Option<BrokerId>,
    /// `None` below version 7.
    pub(crate) leader_epoch: Option<LeaderEpoch>,
    /// How many brokers are to have it, and how many of them are up to date.
    pub(crate) replicas: usize,
    pub(crate) in_sync: usize,
}

impl Request for MetadataRequest {
    type Response = MetadataResponse;

    const API: ApiKey = ApiKey::Metadata;
    /// Below version 4 a broker that may create topics would create those that are asked for.
    const VERSIONS: RangeInclusive<i16> = 4..=13;

    fn encode(&self, version: i16, body: &mut Vec<u8>) -> Result<(), Error> {
        let topic =
            |name: &Arc<str>| request::MetadataRequestTopic::default().with_name(Some(TopicName(text(name))));
        let topics = self.topics.as_ref().map(|names| names.iter().map(topic).collect());
        let message =
            request::MetadataRequest::default().with_topics(topics).with_allow_auto_topic_creation(false);
        write(Self::API, version, &message, body)
    }

    fn decode(version: i16, body: Bytes) -> Result<MetadataResponse, Error> {
        let malformed = || Error::Malformed { api: Self::API, version };
        let message: response::MetadataResponse = read(Self::API, version, body)?;
        let mut brokers = Vec::with_capacity(message.brokers.len());
        for listed in &message.brokers {
            brokers.push(broker(listed).ok_or_else(malformed)?);
        }
        let mut topics = Vec::with_capacity(message.topics.len());
        for listed in message.topics {
            topics.push(topic(listed).ok_or_else(malformed)?);
        }
        Ok(MetadataResponse {
            error: ErrorCode(message.error_code),
            brokers,
            controller: present(message.controller_id.0).map(BrokerId),
            topics,
        })
    }
}

fn broker(listed: &response::MetadataResponseBroker) -> Option<Broker> {
    Some(Broker {
        id: BrokerId(listed.node_id.0),
        host: listed.host.to_string(),
        port: u16::try_from(listed.port).ok()?,
    })
}

fn topic(listed: response::MetadataResponseTopic) -> Option<Topic> {
    Some(Topic {
        error: ErrorCode(listed.error_code),
        name: Arc::from(listed.name?.as_str()),
        id: TopicId::new(listed.topic_id.as_u128()),
        internal: listed.is_internal,
        partitions: listed.partitions.iter().map(partition).collect(),
    })
}

fn partition(listed: &response::MetadataResponsePartition) -> Partition {
    Partition {
        error: ErrorCode(listed.error_code),
        partition: listed.partition_index,
        leader: present(listed.leader_id.0).map(BrokerId),
        leader_epoch: present(listed.leader_epoch).map(LeaderEpoch),
        replicas: listed.replica_nodes.len(),
        in_sync: listed.isr_nodes.len(),
    }
}
