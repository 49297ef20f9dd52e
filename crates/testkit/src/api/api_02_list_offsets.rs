//! ListOffsets, versions 1 to 10.
//!
//! - -1: the log end, or the last stable offset with isolation 1; -2: the log start; -3 (version 7):
//!   the record with the greatest timestamp; -4 (version 8): the log start; -5 (version 9): nothing.
//! - A timestamp: the first record at or after it, below the end that the isolation allows; none is
//!   offset -1 without an error. Inside a compressed batch the answer is the batch's first offset.
//! - Other negative timestamps, or those above before their version: 35. A partition named twice: 42.
//!   3, 6, 74, 75 as elsewhere.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};

use super::{Answer, Api, Call};
use crate::shape::{BYTE, INT32, INT64, Shape, TEXT, list, shape};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;

pub(super) struct ListOffsets;

impl Api for ListOffsets {
    type Request = ListOffsetsRequest;
    const SHAPE: Shape = shape(
        6,
        &[INT32, BYTE.since(2), list(&[TEXT, list(&[INT32, INT32.since(4), INT64])]), INT32.since(10)],
    );

    fn answer(request: ListOffsetsRequest, call: &mut Call<'_>) -> Answer<ListOffsetsResponse> {
        let committed_only = request.isolation_level == 1;
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in request.topics {
            let mut seen = std::collections::BTreeSet::new();
            let twice: Vec<i32> =
                topic.partitions.iter().map(|p| p.partition_index).filter(|&i| !seen.insert(i)).collect();
            let partitions = topic.partitions.iter().map(|asked| {
                let answer =
                    ListOffsetsPartitionResponse::default().with_partition_index(asked.partition_index);
                let found = if twice.contains(&asked.partition_index) {
                    Err(ResponseError::InvalidRequest.code())
                } else {
                    find(&topic.name, asked, committed_only, call)
                };
                let (offset, code) = found.map_or_else(|code| (-1, code), |(offset, ..)| (offset, 0));
                call.note(&topic.name, Some(asked.partition_index), offset, (code, 0));
                match found {
                    Ok((offset, timestamp, epoch)) => {
                        answer.with_offset(offset).with_timestamp(timestamp).with_leader_epoch(epoch)
                    }
                    Err(code) => answer.with_error_code(code).with_offset(-1).with_timestamp(-1),
                }
            });
            let partitions = partitions.collect();
            topics
                .push(ListOffsetsTopicResponse::default().with_name(topic.name).with_partitions(partitions));
        }
        Answer::Reply(
            ListOffsetsResponse::default().with_throttle_time_ms(call.throttle()).with_topics(topics),
        )
    }
}

/// Offset, timestamp and leader epoch.
fn find(
    topic: &str,
    asked: &ListOffsetsPartition,
    committed_only: bool,
    call: &mut Call<'_>,
) -> Result<(i64, i64, i32), i16> {
    let version = call.version;
    call.may_describe(topic)?;
    let partition = call.led(topic, asked.partition_index, asked.current_leader_epoch)?;
    let log = &partition.log;
    let end = if committed_only { log.last_stable() } else { log.end() };
    let found = match asked.timestamp {
        LATEST => Some((end, -1, partition.epoch)),
        EARLIEST => Some((log.start(), -1, log.epoch_at(log.start()).unwrap_or(-1))),
        EARLIEST_LOCAL if version >= 8 => Some((log.start(), -1, log.epoch_at(log.start()).unwrap_or(-1))),
        MAX_TIMESTAMP if version >= 7 => log.find_max_timestamp(),
        LATEST_TIERED if version >= 9 => None,
        timestamp if timestamp >= 0 => log.find_timestamp(timestamp, end),
        _ => return Err(ResponseError::UnsupportedVersion.code()),
    };
    Ok(found.unwrap_or((-1, -1, -1)))
}
