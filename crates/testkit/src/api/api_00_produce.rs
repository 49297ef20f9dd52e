//! Produce, versions 3 to 13.
//!
//! - acks other than -1, 0 and 1: 21 for every partition. With acks 0 there is no reply, and an
//!   error closes the connection.
//! - Exactly one batch of format 2 per partition, with a record at every offset, else 87; a wrong
//!   checksum: 2; larger than `max.message.bytes` (1,048,588): 10.
//! - Idempotent producers (KIP-98): one of the last five batches again is answered with its first
//!   offset; a gap in the sequence: 45; an older epoch: 47. A producer that the partition does not
//!   know may start anywhere.
//! - Transactions are written by tests, not by clients: transactional batches get 48.
//! - From version 10 on, 6 tells the leader (KIP-951); from 13 on topics go by id.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{
    LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};

use super::{Answer, Api, Call};
use crate::BrokerId;
use crate::log::{BadBatch, Batch, Sequence};
use crate::shape::{BLOB, INT16, INT32, Shape, TEXT, UUID, list, shape};

pub(super) struct Produce;

impl Api for Produce {
    type Request = ProduceRequest;
    const SHAPE: Shape =
        shape(9, &[TEXT, INT16, INT32, list(&[TEXT.until(12), UUID.since(13), list(&[INT32, BLOB])])]);

    fn answer(request: ProduceRequest, call: &mut Call<'_>) -> Answer<ProduceResponse> {
        let acks_are_valid = (-1..=1).contains(&request.acks);
        let mut response = ProduceResponse::default().with_throttle_time_ms(call.throttle());
        let mut failed = false;
        for topic in request.topic_data {
            let mut answers = Vec::with_capacity(topic.partition_data.len());
            for data in &topic.partition_data {
                let written = if acks_are_valid {
                    write(&topic, data, call)
                } else {
                    Err(ResponseError::InvalidRequiredAcks.code())
                };
                failed |= written.is_err();
                answers.push(partition_answer(&topic, data.index, written, call, &mut response));
            }
            response.responses.push(
                TopicProduceResponse::default()
                    .with_name(topic.name)
                    .with_topic_id(topic.topic_id)
                    .with_partition_responses(answers),
            );
        }
        match (request.acks, failed) {
            (0, false) => Answer::Silence,
            (0, true) => Answer::Close(Duration::ZERO),
            _ => Answer::Reply(response),
        }
    }
}

/// Where a batch was written.
struct Written {
    base_offset: i64,
    log_start: i64,
}

fn write(topic: &TopicProduceData, data: &PartitionProduceData, call: &mut Call<'_>) -> Result<Written, i16> {
    let name = call.topic_name(&topic.name, topic.topic_id)?;
    let bytes = data.records.clone().unwrap_or_default();
    let batch = parse(bytes, call.state.settings.max_message_bytes)?;
    let partition = call.led(&name, data.index, -1)?;
    let log_start = partition.log.start();
    let base_offset = match partition.log.judge(&batch) {
        Sequence::Append => partition.log.append(&batch, partition.epoch),
        Sequence::Duplicate(offset) => offset,
        Sequence::OutOfOrder => return Err(ResponseError::OutOfOrderSequenceNumber.code()),
        Sequence::Fenced => return Err(ResponseError::InvalidProducerEpoch.code()),
    };
    Ok(Written { base_offset, log_start })
}

fn parse(bytes: Bytes, max_bytes: usize) -> Result<Batch, i16> {
    let size = bytes.len();
    let batch = Batch::parse(bytes).map_err(|bad| match bad {
        BadBatch::Invalid => ResponseError::InvalidRecord.code(),
        BadBatch::Corrupt => ResponseError::CorruptMessage.code(),
    })?;
    if size > max_bytes {
        return Err(ResponseError::MessageTooLarge.code());
    }
    if batch.is_control() || !batch.is_dense() {
        return Err(ResponseError::InvalidRecord.code());
    }
    if batch.is_transactional() {
        return Err(ResponseError::InvalidTxnState.code());
    }
    Ok(batch)
}

fn partition_answer(
    topic: &TopicProduceData,
    index: i32,
    written: Result<Written, i16>,
    call: &Call<'_>,
    response: &mut ProduceResponse,
) -> PartitionProduceResponse {
    let answer = PartitionProduceResponse::default().with_index(index).with_log_append_time_ms(-1);
    let code = match written {
        Ok(Written { base_offset, log_start }) => {
            return answer.with_base_offset(base_offset).with_log_start_offset(log_start);
        }
        Err(code) => code,
    };
    let answer = answer.with_error_code(code).with_base_offset(-1).with_log_start_offset(-1);
    if code != ResponseError::NotLeaderOrFollower.code() || call.version < 10 {
        return answer;
    }
    let name = call.topic_name(&topic.name, topic.topic_id).unwrap_or_default();
    let (leader, epoch) = call.leader_of(&name, index);
    if leader >= 0 && response.node_endpoints.iter().all(|node| node.node_id.0 != leader) {
        let (host, port) = call.address(BrokerId(leader));
        response
            .node_endpoints
            .push(NodeEndpoint::default().with_node_id(leader.into()).with_host(host.into()).with_port(port));
    }
    answer.with_current_leader(
        LeaderIdAndEpoch::default().with_leader_id(leader.into()).with_leader_epoch(epoch),
    )
}
