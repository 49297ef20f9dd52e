//! Metadata, versions 0 to 13.
//!
//! - Null topics are all of them; an empty list is none, but in version 0 all. From version 10 on
//!   topics can be asked for by id.
//! - 3 for an unknown name, unless the cluster makes topics on demand and the request allows it;
//!   100 for an unknown id; 17 for a name that no topic can have; 5 for a partition without leader.
//! - A topic that may not be seen gets 29, without an id and partitions.
//! - Brokers that are down are not listed, and their replicas are neither in sync nor online.
//! - A broker that lags behind tells what it knows. From version 13 on the whole request can be refused,
//!   with 129 for a client that is to start from its bootstrap list anew (KIP-1102): then the answer has
//!   no brokers and no topics.
//! - The controller is the lowest running broker: with KRaft any broker stands in for it.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{BrokerId as WireId, MetadataRequest, MetadataResponse};

use super::{Answer, Api, Call};
use crate::BrokerId;
use crate::shape::{BYTE, Shape, TEXT, UUID, list, shape};
use crate::state::{Partition, Seen, is_legal_name};

/// READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS and ALTER_CONFIGS as bits.
const ALL_TOPIC_OPERATIONS: i32 = 3576;
const NOT_ASKED: i32 = i32::MIN;

pub(super) struct Metadata;

impl Api for Metadata {
    type Request = MetadataRequest;
    const SHAPE: Shape =
        shape(9, &[list(&[UUID.since(10), TEXT]), BYTE.since(4), BYTE.since(8).until(10), BYTE.since(8)]);

    fn answer(request: MetadataRequest, call: &mut Call<'_>) -> Answer<MetadataResponse> {
        let response = MetadataResponse::default()
            .with_throttle_time_ms(call.throttle())
            .with_cluster_authorized_operations(NOT_ASKED);
        if call.version >= 13 && call.refusal() == Some(ResponseError::RebootstrapRequired.code()) {
            call.note("", None, -1, (ResponseError::RebootstrapRequired.code(), 0));
            return Answer::Reply(response.with_error_code(ResponseError::RebootstrapRequired.code()));
        }
        let asked = request.topics.filter(|topics| call.version > 0 || !topics.is_empty());
        if request.allow_auto_topic_creation || call.version < 4 {
            create_missing(asked.as_deref().unwrap_or_default(), call);
        }
        let seen = call.state.seen_by(call.broker);
        let mut topics: Vec<MetadataResponseTopic> = match asked {
            Some(topics) => topics.iter().map(|asked| describe_asked(asked, &seen, call)).collect(),
            None => seen.topics.iter().map(|(name, _)| describe(name, &seen, call)).collect(),
        };
        topics.retain(|topic| !topic.name.as_deref().is_some_and(|name| call.leaves_out(name, -1)));
        let operations =
            if request.include_topic_authorized_operations { ALL_TOPIC_OPERATIONS } else { NOT_ASKED };
        let brokers = seen.running.iter().map(|&id| {
            let (host, port) = call.address(id);
            MetadataResponseBroker::default().with_node_id(id.wire()).with_host(host.into()).with_port(port)
        });
        let response = response
            .with_error_code(call.refusal().filter(|_| call.version >= 13).unwrap_or(0))
            .with_brokers(brokers.collect())
            .with_cluster_id(Some(call.state.settings.cluster_id.clone().into()))
            .with_controller_id(seen.running.first().map_or(WireId(-1), |id| id.wire()));
        for topic in &topics {
            let name = topic.name.as_ref().map_or("", |name| name.as_str());
            call.note(name, None, -1, (topic.error_code, 0));
        }
        let topics = topics.into_iter().map(|topic| topic.with_topic_authorized_operations(operations));
        Answer::Reply(response.with_topics(topics.collect()))
    }
}

/// Makes the topics that are asked for by a legal name and are not there, if the cluster does so.
fn create_missing(asked: &[MetadataRequestTopic], call: &mut Call<'_>) {
    let Some(partitions) = call.state.settings.auto_create else { return };
    for name in asked.iter().filter_map(|asked| asked.name.as_deref()) {
        if is_legal_name(name) && call.state.topics.by_name(name).is_none() {
            call.state.create_topic(name, partitions, 1);
        }
    }
}

fn describe_asked(asked: &MetadataRequestTopic, seen: &Seen<'_>, call: &Call<'_>) -> MetadataResponseTopic {
    let unknown = MetadataResponseTopic::default().with_topic_id(asked.topic_id);
    let Some(name) = &asked.name else {
        return match seen.topics.name_of(asked.topic_id) {
            Some(name) => describe(name, seen, call),
            None => unknown.with_error_code(ResponseError::UnknownTopicId.code()),
        };
    };
    if !is_legal_name(name) {
        return unknown
            .with_name(Some(name.clone()))
            .with_error_code(ResponseError::InvalidTopicException.code());
    }
    describe(name, seen, call)
}

fn describe(name: &str, seen: &Seen<'_>, call: &Call<'_>) -> MetadataResponseTopic {
    let answer = MetadataResponseTopic::default().with_name(Some(super::topic(name.to_owned())));
    if let Err(code) = call.may_describe(name) {
        return answer.with_error_code(code);
    }
    let Some(topic) = seen.topics.by_name(name) else {
        return answer.with_error_code(ResponseError::UnknownTopicOrPartition.code());
    };
    let partitions = (0..).zip(&topic.partitions).filter(|(index, _)| !call.leaves_out(name, *index));
    let partitions = partitions.map(|(index, p)| describe_partition(name, index, p, &seen.running, call));
    answer
        .with_topic_id(topic.id)
        .with_is_internal(name.starts_with("__"))
        .with_partitions(partitions.collect())
}

fn describe_partition(
    topic: &str,
    index: i32,
    partition: &Partition,
    running: &[BrokerId],
    call: &Call<'_>,
) -> MetadataResponsePartition {
    let is_up = |id: &&BrokerId| running.contains(*id);
    let wire = |ids: Vec<&BrokerId>| ids.into_iter().map(|id| id.wire()).collect::<Vec<_>>();
    let without_leader = ResponseError::LeaderNotAvailable.code();
    let code = if partition.leader.is_none() { without_leader } else { 0 };
    MetadataResponsePartition::default()
        .with_error_code(call.partition_refusal(topic, index).unwrap_or(code))
        .with_partition_index(index)
        .with_leader_id(partition.leader.map_or(WireId(-1), BrokerId::wire))
        .with_leader_epoch(partition.epoch)
        .with_replica_nodes(wire(partition.replicas.iter().collect()))
        .with_isr_nodes(wire(partition.in_sync(running).collect()))
        .with_offline_replicas(wire(partition.replicas.iter().filter(|id| !is_up(id)).collect()))
}
