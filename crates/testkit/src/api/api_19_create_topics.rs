//! CreateTopics, versions 2 to 7. Any broker takes it, as with KRaft.
//!
//! - 36 for a name that is taken, 17 for one that no topic can have, 42 for one asked for twice.
//! - -1 partitions or replicas are 1 each; 0 or less: 37; more replicas than brokers: 38; an
//!   assignment that is not 0, 1, 2, .. or names an unknown broker: 39.
//! - `cleanup.policy` and `min.insync.replicas` have their effect on Produce; other settings are taken
//!   and have none.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse};

use super::{Answer, Api, Call};
use crate::BrokerId;
use crate::shape::{BYTE, INT16, INT32, INT32S, Shape, TEXT, list, shape};
use crate::state::is_legal_name;

/// The number of partitions above which the testkit takes a request for a mistake.
const MAX_PARTITIONS: i32 = 100_000;

pub(super) struct CreateTopics;

impl Api for CreateTopics {
    type Request = CreateTopicsRequest;
    const SHAPE: Shape =
        shape(5, &[list(&[TEXT, INT32, INT16, list(&[INT32, INT32S]), list(&[TEXT, TEXT])]), INT32, BYTE]);

    fn answer(request: CreateTopicsRequest, call: &mut Call<'_>) -> Answer<CreateTopicsResponse> {
        let mut seen = std::collections::BTreeSet::new();
        let twice: Vec<String> =
            request.topics.iter().map(|t| t.name.to_string()).filter(|n| !seen.insert(n.clone())).collect();
        let mut results = Vec::with_capacity(request.topics.len());
        for topic in request.topics {
            let result = CreatableTopicResult::default()
                .with_name(topic.name.clone())
                .with_num_partitions(-1)
                .with_replication_factor(-1)
                .with_configs(Some(Vec::new()));
            let placed = if twice.contains(&topic.name.to_string()) {
                Err(ResponseError::InvalidRequest.code())
            } else {
                place(&topic, call)
            };
            results.push(match placed {
                Err(code) => result.with_error_code(code),
                Ok(replicas) => {
                    let partitions = i32::try_from(replicas.len()).unwrap_or(-1);
                    let factor = replicas.first().and_then(|r| i16::try_from(r.len()).ok()).unwrap_or(-1);
                    if !request.validate_only {
                        call.state.place_topic(&topic.name, replicas);
                        configure(&topic, call);
                    }
                    let id = call.state.topics.by_name(&topic.name).map(|topic| topic.id).unwrap_or_default();
                    match call.refusal_after() {
                        Some(code) => result.with_error_code(code),
                        None => result
                            .with_num_partitions(partitions)
                            .with_replication_factor(factor)
                            .with_topic_id(id),
                    }
                }
            });
        }
        Answer::Reply(
            CreateTopicsResponse::default().with_throttle_time_ms(call.throttle()).with_topics(results),
        )
    }
}

/// Heeds `cleanup.policy` and `min.insync.replicas`.
fn configure(asked: &CreatableTopic, call: &mut Call<'_>) {
    let Some(topic) = call.state.topics.by_name_mut(&asked.name) else { return };
    for config in &asked.configs {
        let value = config.value.as_deref().unwrap_or_default();
        match config.name.as_str() {
            "cleanup.policy" => topic.compacted = value.split(',').any(|policy| policy.trim() == "compact"),
            "min.insync.replicas" => topic.min_in_sync = value.parse().unwrap_or(topic.min_in_sync),
            _ => {}
        }
    }
}

/// The replicas of each partition.
fn place(topic: &CreatableTopic, call: &Call<'_>) -> Result<Vec<Vec<BrokerId>>, i16> {
    if let Some(code) = call.refusal_before() {
        return Err(code);
    }
    if !is_legal_name(&topic.name) {
        return Err(ResponseError::InvalidTopicException.code());
    }
    if call.state.topics.by_name(&topic.name).is_some() {
        return Err(ResponseError::TopicAlreadyExists.code());
    }
    let brokers: Vec<BrokerId> = call.state.nodes.keys().copied().collect();
    if !topic.assignments.is_empty() {
        return assigned(topic, &brokers);
    }
    let partitions = if topic.num_partitions == -1 { 1 } else { topic.num_partitions };
    if !(1..=MAX_PARTITIONS).contains(&partitions) {
        return Err(ResponseError::InvalidPartitions.code());
    }
    let factor = if topic.replication_factor == -1 { 1 } else { topic.replication_factor };
    let factor = usize::try_from(factor).unwrap_or(0);
    if factor == 0 || factor > brokers.len() {
        return Err(ResponseError::InvalidReplicationFactor.code());
    }
    let count = usize::try_from(partitions).unwrap_or(0);
    Ok((0..count)
        .map(|index| brokers.iter().cycle().skip(index % brokers.len()).take(factor).copied().collect())
        .collect())
}

fn assigned(topic: &CreatableTopic, brokers: &[BrokerId]) -> Result<Vec<Vec<BrokerId>>, i16> {
    let mut assignments: Vec<_> = topic.assignments.iter().collect();
    assignments.sort_by_key(|assignment| assignment.partition_index);
    let in_order = (0..).zip(&assignments).all(|(index, a)| a.partition_index == index);
    let replicas: Vec<Vec<BrokerId>> =
        assignments.iter().map(|a| a.broker_ids.iter().map(|id| BrokerId(id.0)).collect()).collect();
    let known = replicas.iter().all(|ids| !ids.is_empty() && ids.iter().all(|id| brokers.contains(id)));
    if in_order && known { Ok(replicas) } else { Err(ResponseError::InvalidReplicaAssignment.code()) }
}
