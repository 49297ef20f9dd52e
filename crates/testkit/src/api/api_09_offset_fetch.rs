//! OffsetFetch, versions 1 to 9.
//!
//! - 16 from any broker but the group's coordinator: from version 8 on per group, from 2 on for the
//!   whole request, in version 1 for each partition.
//! - Null topics (version 2) are all that the group committed. What it did not commit is offset -1
//!   without an error.

use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{OffsetFetchRequest, OffsetFetchResponse};

use super::api_08_offset_commit::coordinates;
use super::{Answer, Api, Call};
use crate::shape::{BYTE, INT32, INT32S, Shape, TEXT, list, shape};
use crate::state::Committed;

pub(super) struct OffsetFetch;

impl Api for OffsetFetch {
    type Request = OffsetFetchRequest;
    const SHAPE: Shape = shape(
        6,
        &[
            TEXT.until(7),
            list(&[TEXT, INT32S]).until(7),
            list(&[TEXT, TEXT.since(9), INT32.since(9), list(&[TEXT, INT32S])]).since(8),
            BYTE.since(7),
        ],
    );

    fn answer(request: OffsetFetchRequest, call: &mut Call<'_>) -> Answer<OffsetFetchResponse> {
        let response = OffsetFetchResponse::default().with_throttle_time_ms(call.throttle());
        if call.version >= 8 {
            let groups = request.groups.into_iter().map(|group| {
                let wanted = group.topics.map(|topics| {
                    topics.into_iter().map(|t| (t.name.to_string(), t.partition_indexes)).collect()
                });
                let code = coordinates(&group.group_id, call).err().or(call.refusal());
                let found = if code.is_some() { Vec::new() } else { find(&group.group_id, wanted, call) };
                OffsetFetchResponseGroup::default()
                    .with_group_id(group.group_id)
                    .with_error_code(code.unwrap_or(0))
                    .with_topics(found.into_iter().map(grouped).collect())
            });
            return Answer::Reply(response.with_groups(groups.collect()));
        }
        let wanted: Option<Vec<_>> = request
            .topics
            .map(|topics| topics.into_iter().map(|t| (t.name.to_string(), t.partition_indexes)).collect());
        let code = coordinates(&request.group_id, call).err().or(call.refusal()).unwrap_or(0);
        let group = if code == 0 { request.group_id.as_str() } else { "" };
        let topics = find(group, wanted, call).into_iter().map(|topic| single(topic, code)).collect();
        Answer::Reply(response.with_error_code(code).with_topics(topics))
    }
}

type Found = (String, Vec<(i32, Option<Committed>)>);

fn find(group: &str, wanted: Option<Vec<(String, Vec<i32>)>>, call: &Call<'_>) -> Vec<Found> {
    let offsets = call.state.groups.offsets.get(group);
    if let Some(wanted) = wanted {
        let look = |topic: &String, index| offsets.and_then(|o| o.get(&(topic.clone(), index))).cloned();
        return wanted
            .into_iter()
            .map(|(topic, indexes)| {
                let found = indexes.into_iter().map(|index| (index, look(&topic, index))).collect();
                (topic, found)
            })
            .collect();
    }
    let mut all: Vec<Found> = Vec::new();
    for ((topic, index), committed) in offsets.into_iter().flatten() {
        let entry = (*index, Some(committed.clone()));
        match all.last_mut().filter(|(last, _)| last == topic) {
            Some((_, partitions)) => partitions.push(entry),
            None => all.push((topic.clone(), vec![entry])),
        }
    }
    all
}

fn none() -> Committed {
    Committed { offset: -1, leader_epoch: -1, metadata: String::new() }
}

fn grouped((name, partitions): Found) -> OffsetFetchResponseTopics {
    let partitions = partitions.into_iter().map(|(index, committed)| {
        let committed = committed.unwrap_or_else(none);
        OffsetFetchResponsePartitions::default()
            .with_partition_index(index)
            .with_committed_offset(committed.offset)
            .with_committed_leader_epoch(committed.leader_epoch)
            .with_metadata(Some(committed.metadata.into()))
    });
    OffsetFetchResponseTopics::default().with_name(super::topic(name)).with_partitions(partitions.collect())
}

fn single((name, partitions): Found, code: i16) -> OffsetFetchResponseTopic {
    let partitions = partitions.into_iter().map(|(index, committed)| {
        let committed = committed.unwrap_or_else(none);
        OffsetFetchResponsePartition::default()
            .with_partition_index(index)
            .with_committed_offset(committed.offset)
            .with_committed_leader_epoch(committed.leader_epoch)
            .with_metadata(Some(committed.metadata.into()))
            .with_error_code(code)
    });
    OffsetFetchResponseTopic::default().with_name(super::topic(name)).with_partitions(partitions.collect())
}
