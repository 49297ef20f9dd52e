//! OffsetForLeaderEpoch, versions 2 to 4 (KIP-101, KIP-320).
//!
//! - The greatest epoch up to the one asked for, and the offset at which it ended; -1 and -1 for an
//!   epoch newer than all. 3, 6, 74, 75 as elsewhere.

use kafka_protocol::messages::offset_for_leader_epoch_request::OffsetForLeaderPartition;
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};

use super::{Answer, Api, Call};
use crate::shape::{INT32, Shape, TEXT, list, shape};

pub(super) struct OffsetForLeaderEpoch;

impl Api for OffsetForLeaderEpoch {
    type Request = OffsetForLeaderEpochRequest;
    const SHAPE: Shape = shape(4, &[INT32.since(3), list(&[TEXT, list(&[INT32, INT32, INT32])])]);

    fn answer(
        request: OffsetForLeaderEpochRequest,
        call: &mut Call<'_>,
    ) -> Answer<OffsetForLeaderEpochResponse> {
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in request.topics {
            let partitions = topic.partitions.iter().map(|asked| find(&topic.topic, asked, call)).collect();
            topics.push(
                OffsetForLeaderTopicResult::default().with_topic(topic.topic).with_partitions(partitions),
            );
        }
        Answer::Reply(
            OffsetForLeaderEpochResponse::default()
                .with_throttle_time_ms(call.throttle())
                .with_topics(topics),
        )
    }
}

fn find(topic: &str, asked: &OffsetForLeaderPartition, call: &mut Call<'_>) -> EpochEndOffset {
    let answer =
        EpochEndOffset::default().with_partition(asked.partition).with_leader_epoch(-1).with_end_offset(-1);
    let led =
        call.may_describe(topic).and_then(|()| call.led(topic, asked.partition, asked.current_leader_epoch));
    let answer = match led.map(|partition| partition.log.end_of_epoch(asked.leader_epoch)) {
        Err(code) => answer.with_error_code(code),
        Ok(Some((epoch, end))) => answer.with_leader_epoch(epoch).with_end_offset(end),
        Ok(None) => answer,
    };
    call.note(topic, Some(asked.partition), answer.end_offset, (answer.error_code, 0));
    answer
}
