//! Metadata, versions 0 to 13.
//!
//! - Null topics are all of them; an empty list is none, but in version 0 all. From version 10 on
//!   topics can be asked for by id.
//! - 3 for an unknown name, unless the cluster makes topics on demand and the request allows it;
//!   100 for an unknown id; 17 for a name that no topic can have; 5 for a partition without leader.
//! - Brokers that are down are not listed, and their replicas are neither in sync nor online.
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
use crate::state::{Partition, is_legal_name};

/// READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS and ALTER_CONFIGS as bits.
const ALL_TOPIC_OPERATIONS: i32 = 3576;
const NOT_ASKED: i32 = i32::MIN;

pub(super) struct Metadata;

impl Api for Metadata {
    type Request = MetadataRequest;
    const SHAPE: Shape =
        shape(9, &[list(&[UUID.since(10), TEXT]), BYTE.since(4), BYTE.since(8).until(10), BYTE.since(8)]);

    fn answer(request: MetadataRequest, call: &mut Call<'_>) -> Answer<MetadataResponse> {
        let running = call.state.running();
        let operations =
            if request.include_topic_authorized_operations { ALL_TOPIC_OPERATIONS } else { NOT_ASKED };
        let may_create = request.allow_auto_topic_creation || call.version < 4;
        let topics = match request.topics {
            Some(topics) if call.version > 0 || !topics.is_empty() => topics
                .iter()
                .map(|asked| describe_asked(asked, may_create, &running, call))
                .collect::<Vec<_>>(),
            _ => {
                let names: Vec<String> = call.state.topics.iter().map(|(name, _)| name.clone()).collect();
                names.iter().map(|name| describe(name, &running, call)).collect()
            }
        };
        for topic in &topics {
            call.note(topic.name.as_ref().map_or("", |name| name.as_str()), None, -1, (topic.error_code, 0));
        }
        let topics =
            topics.into_iter().map(|topic| topic.with_topic_authorized_operations(operations)).collect();
        let brokers = running.iter().map(|&id| {
            let (host, port) = call.address(id);
            MetadataResponseBroker::default().with_node_id(id.wire()).with_host(host.into()).with_port(port)
        });
        let brokers = brokers.collect();
        Answer::Reply(
            MetadataResponse::default()
                .with_throttle_time_ms(call.throttle())
                .with_error_code(call.refusal().unwrap_or(0))
                .with_brokers(brokers)
                .with_cluster_id(Some(call.state.settings.cluster_id.clone().into()))
                .with_controller_id(running.first().map_or(WireId(-1), |id| id.wire()))
                .with_topics(topics)
                .with_cluster_authorized_operations(NOT_ASKED),
        )
    }
}

fn describe_asked(
    asked: &MetadataRequestTopic,
    may_create: bool,
    running: &[BrokerId],
    call: &mut Call<'_>,
) -> MetadataResponseTopic {
    let unknown = MetadataResponseTopic::default().with_topic_id(asked.topic_id);
    let Some(name) = &asked.name else {
        return match call.state.topics.name_of(asked.topic_id).map(str::to_owned) {
            Some(name) => describe(&name, running, call),
            None => unknown.with_error_code(ResponseError::UnknownTopicId.code()),
        };
    };
    if !is_legal_name(name) {
        return unknown
            .with_name(Some(name.clone()))
            .with_error_code(ResponseError::InvalidTopicException.code());
    }
    if call.state.topics.by_name(name).is_none()
        && let Some(partitions) = call.state.settings.auto_create.filter(|_| may_create)
    {
        call.state.create_topic(name, partitions, 1);
    }
    describe(name, running, call)
}

fn describe(name: &str, running: &[BrokerId], call: &Call<'_>) -> MetadataResponseTopic {
    let answer = MetadataResponseTopic::default().with_name(Some(super::topic(name.to_owned())));
    let Some(topic) = call.state.topics.by_name(name) else {
        return answer.with_error_code(ResponseError::UnknownTopicOrPartition.code());
    };
    let partitions =
        (0..).zip(&topic.partitions).map(|(index, p)| describe_partition(name, index, p, running, call));
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
