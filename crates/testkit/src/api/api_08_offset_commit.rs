//! OffsetCommit, versions 2 to 9, for groups without members (readers that assign themselves).
//!
//! - 16 from any broker but the group's coordinator; 24 for an empty group id.
//! - A member id gets 25, a generation without one 22: there are no members here.
//! - 3 for an unknown partition.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};

use super::{Answer, Api, Call};
use crate::shape::{INT32, INT64, Shape, TEXT, list, shape};
use crate::state::Committed;

pub(super) struct OffsetCommit;

impl Api for OffsetCommit {
    type Request = OffsetCommitRequest;
    const SHAPE: Shape = shape(
        8,
        &[
            TEXT,
            INT32,
            TEXT,
            TEXT.since(7),
            INT64.until(4),
            list(&[TEXT, list(&[INT32, INT64, INT32.since(6), TEXT])]),
        ],
    );

    fn answer(request: OffsetCommitRequest, call: &mut Call<'_>) -> Answer<OffsetCommitResponse> {
        let refusal = refuse(&request, call).err();
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in request.topics {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for partition in topic.partitions {
                let index = partition.partition_index;
                let known = call.state.topics.by_name(&topic.name).and_then(|t| t.partition(index)).is_some();
                let unknown = (!known).then_some(ResponseError::UnknownTopicOrPartition.code());
                let code = call.partition_refusal(&topic.name, index).or(refusal).or(unknown);
                if code.is_none() {
                    let committed = Committed {
                        offset: partition.committed_offset,
                        leader_epoch: partition.committed_leader_epoch,
                        metadata: partition.committed_metadata.unwrap_or_default().to_string(),
                    };
                    let offsets = call.state.groups.offsets.entry(request.group_id.to_string()).or_default();
                    offsets.insert((topic.name.to_string(), index), committed);
                }
                partitions.push(
                    OffsetCommitResponsePartition::default()
                        .with_partition_index(index)
                        .with_error_code(code.unwrap_or(0)),
                );
            }
            topics
                .push(OffsetCommitResponseTopic::default().with_name(topic.name).with_partitions(partitions));
        }
        Answer::Reply(
            OffsetCommitResponse::default().with_throttle_time_ms(call.throttle()).with_topics(topics),
        )
    }
}

fn refuse(request: &OffsetCommitRequest, call: &Call<'_>) -> Result<(), i16> {
    coordinates(&request.group_id, call)?;
    if !request.member_id.is_empty() {
        return Err(ResponseError::UnknownMemberId.code());
    }
    if request.generation_id_or_member_epoch >= 0 {
        return Err(ResponseError::IllegalGeneration.code());
    }
    Ok(())
}

/// Whether this broker keeps the offsets of a group.
pub(super) fn coordinates(group: &str, call: &Call<'_>) -> Result<(), i16> {
    if group.is_empty() {
        return Err(ResponseError::InvalidGroupId.code());
    }
    if call.state.coordinator(group) == Some(call.broker) {
        Ok(())
    } else {
        Err(ResponseError::NotCoordinator.code())
    }
}
