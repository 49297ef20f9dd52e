//! Metadata: which brokers there are and which of them leads which partition.

use std::collections::HashSet;
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

impl MetadataRequest {
    /// Whether an answer is about topics that were asked for, and tells each of them and each partition once. One
    /// may be left out.
    pub(crate) fn is_answered_by(&self, response: &MetadataResponse) -> bool {
        let asked: Option<HashSet<_>> = self.topics.as_ref().map(|topics| topics.iter().collect());
        let mut told = HashSet::with_capacity(response.topics.len());
        response.topics.iter().all(|topic| {
            let mut partitions = HashSet::with_capacity(topic.partitions.len());
            asked.as_ref().is_none_or(|asked| asked.contains(&topic.name))
                && told.insert(&topic.name)
                && topic.partitions.iter().all(|partition| partitions.insert(partition.partition))
        })
    }
}

impl Topic {
    /// Whether it has partitions, and all from 0 on, in whatever order.
    pub(crate) fn is_whole(&self) -> bool {
        let mut numbers: Vec<_> = self.partitions.iter().map(|partition| partition.partition).collect();
        numbers.sort_unstable();
        is_whole(&numbers)
    }
}

/// Whether these are the partitions of a topic, in ascending order, and none of them is left out.
pub(crate) fn is_whole(numbers: &[i32]) -> bool {
    !numbers.is_empty() && numbers.iter().copied().eq((0..).take(numbers.len()))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str, partitions: &[i32]) -> Topic {
        let partition = |partition: &i32| Partition {
            error: ErrorCode::NONE,
            partition: *partition,
            leader: None,
            leader_epoch: None,
            replicas: 1,
            in_sync: 1,
        };
        let partitions = partitions.iter().map(partition).collect();
        Topic { error: ErrorCode::NONE, name: name.into(), id: None, internal: false, partitions }
    }

    #[test]
    fn an_answer_about_other_topics_or_one_twice_answers_nothing() {
        let request = MetadataRequest { topics: Some(vec!["a".into(), "b".into()]) };
        let is_answer = |request: &MetadataRequest, topics: Vec<Topic>| {
            let (brokers, controller) = (Vec::new(), None);
            request.is_answered_by(&MetadataResponse { error: ErrorCode::NONE, brokers, controller, topics })
        };
        assert!(is_answer(&request, vec![topic("b", &[1, 0]), topic("a", &[])]));
        assert!(is_answer(&request, vec![topic("b", &[0])]), "one that is left out is asked for again");
        assert!(!is_answer(&request, vec![topic("a", &[0]), topic("a", &[0])]));
        assert!(!is_answer(&request, vec![topic("a", &[0]), topic("c", &[0])]));
        assert!(!is_answer(&request, vec![topic("a", &[0, 1, 1])]));
        let all = MetadataRequest { topics: None };
        assert!(is_answer(&all, vec![topic("c", &[0])]));
        assert!(!is_answer(&all, vec![topic("c", &[0]), topic("c", &[0])]));
    }

    #[test]
    fn a_topic_with_a_hole_among_its_partitions_is_not_whole() {
        assert!(topic("a", &[2, 0, 1]).is_whole() && topic("a", &[0]).is_whole());
        for wrong in [&[][..], &[1], &[0, 2], &[0, 0, 1], &[-1, 0]] {
            assert!(!topic("a", wrong).is_whole(), "{wrong:?}");
        }
    }
}
