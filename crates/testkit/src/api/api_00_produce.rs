//! Produce, versions 3 to 13.
//!
//! - acks other than -1, 0 and 1: 21 for every partition. With acks 0 there is no reply, and an
//!   error closes the connection.
//! - Exactly one batch of format 2 per partition, with a record at every offset, else 87; a wrong
//!   checksum: 2; larger than `max.message.bytes` (1,048,588): 10.
//! - With acks -1 and fewer replicas in sync than `min.insync.replicas`: 19, and nothing is written.
//! - 29 for a topic that may not be written to.
//! - A compacted topic takes no records without a key: 87, which names each of them from version 8 on,
//!   and nothing is written. Compressed batches are not looked into.
//! - Idempotent producers (KIP-98): one of the last five batches again is answered with its first
//!   offset; a gap in the sequence: 45; an older epoch: 47. A producer that the partition does not
//!   know may start anywhere.
//! - Transactions are written by tests, not by clients: transactional batches get 48.
//! - From version 10 on, 6 tells the leader (KIP-951); from 13 on topics go by id.
//! - A client that exceeds its quota is throttled after the append.
//! - An error after the append, as of a DelayedProduce, comes with the offsets of the append.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_request::PartitionProduceData;
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};

use super::held::{Held, Outcome, Refusal, TopicOutcome, Written};
use super::{Answer, Api, Call};
use crate::BrokerId;
use crate::fault::Action;
use crate::log::{BadBatch, Batch, Sequence};
use crate::shape::{BLOB, INT16, INT32, Shape, TEXT, UUID, list, shape};
use crate::state::{Quota, TopicOperation};

pub(super) struct Produce;

impl Api for Produce {
    type Request = ProduceRequest;
    const SHAPE: Shape =
        shape(9, &[TEXT, INT16, INT32, list(&[TEXT.until(12), UUID.since(13), list(&[INT32, BLOB])])]);

    fn answer(request: ProduceRequest, call: &mut Call<'_>) -> Answer<ProduceResponse> {
        let (held, written) = match call.session.held.take() {
            Some(held) => (Some(held), Vec::new()),
            None => {
                let outcomes = write_all(&request, call);
                (hold(&request, &outcomes, call), outcomes)
            }
        };
        let outcomes = match held {
            Some(held) => {
                if let Some(until) = held.waits_until(call) {
                    call.session.held = Some(held);
                    return Answer::Later(until);
                }
                held.finish(call)
            }
            None => written,
        };
        let failed = outcomes.iter().flat_map(|topic| &topic.partitions).any(|it| it.refusal.is_some());
        let response = respond(outcomes, call);
        match (request.acks, failed) {
            (0, false) => Answer::Silence,
            (0, true) => Answer::Close(Duration::ZERO),
            _ => Answer::Reply(response),
        }
    }
}

fn write_all(request: &ProduceRequest, call: &mut Call<'_>) -> Vec<TopicOutcome> {
    let mut outcomes = Vec::with_capacity(request.topic_data.len());
    for topic in &request.topic_data {
        let name = call.topic_name(&topic.name, topic.topic_id);
        let mut partitions = Vec::with_capacity(topic.partition_data.len());
        for data in &topic.partition_data {
            let written = match &name {
                _ if !(-1..=1).contains(&request.acks) => {
                    Err(ResponseError::InvalidRequiredAcks.code().into())
                }
                Ok(name) => write(name, data, request.acks, call),
                Err(code) => Err((*code).into()),
            };
            let (written, refusal) = match written {
                Ok(written) => (Some(written), None),
                Err(refusal) => (None, Some(refusal)),
            };
            let size = data.records.as_ref().map_or(0, Bytes::len);
            partitions.push(Outcome { index: data.index, size, written, refusal });
        }
        outcomes.push(TopicOutcome::new(topic, name.ok(), partitions));
    }
    outcomes
}

/// Has what is written wait for its followers, if a fault says so.
fn hold(request: &ProduceRequest, outcomes: &[TopicOutcome], call: &Call<'_>) -> Option<Held> {
    let Some(&Action::HoldProduce(time)) = call.fault else { return None };
    let written = outcomes.iter().flat_map(|topic| &topic.partitions).any(|it| it.written.is_some());
    if request.acks != -1 || !written {
        return None;
    }
    let now = call.now.instant;
    let timeout = now + crate::clock::period(request.timeout_ms.into());
    Some(Held { until: now + time, timeout, outcomes: outcomes.to_vec() })
}

fn write(
    name: &str,
    data: &PartitionProduceData,
    acks: i16,
    call: &mut Call<'_>,
) -> Result<Written, Refusal> {
    let bytes = data.records.clone().unwrap_or_default();
    let batch = parse(bytes, call.state.settings.max_message_bytes)?;
    if let Some(code) = call.partition_refusal_before(name, data.index) {
        return Err(code.into());
    }
    if call.state.access.is_denied(name, TopicOperation::Write) {
        return Err(ResponseError::TopicAuthorizationFailed.code().into());
    }
    let (now, broker) = (call.now, call.broker);
    let running = call.state.running();
    let topic = call.state.topics.by_name(name);
    let (compacted, min_in_sync) = topic.map_or((false, 0), |topic| (topic.compacted, topic.min_in_sync));
    let partition = call.leads(name, data.index, -1)?;
    if acks == -1 && partition.has_too_few(&running, min_in_sync) {
        return Err(ResponseError::NotEnoughReplicas.code().into());
    }
    if compacted {
        without_key(&batch, name, data.index)?;
    }
    let log_start = partition.log.start();
    let base_offset = match partition.log.judge(&batch) {
        Sequence::Append => partition.append(&batch, Some(broker), now),
        Sequence::Duplicate(offset) => offset,
        Sequence::OutOfOrder => return Err(ResponseError::OutOfOrderSequenceNumber.code().into()),
        Sequence::Fenced => return Err(ResponseError::InvalidProducerEpoch.code().into()),
    };
    Ok(Written { base_offset, log_start, leader_epoch: partition.epoch })
}

/// Refuses a batch with records that have no key, and names them.
fn without_key(batch: &Batch, topic: &str, index: i32) -> Result<(), Refusal> {
    let keyless = |record: &crate::log::StoredRecord<'_>| matches!(record.key_and_value(), Some([None, _]));
    let reason =
        format!("Compacted topic cannot accept message without key in topic partition {topic}-{index}");
    let records: Vec<(i32, String)> = (0..)
        .zip(batch.records())
        .filter(|(_, record)| keyless(record))
        .map(|(at, _)| (at, reason.clone()))
        .collect();
    if records.is_empty() {
        return Ok(());
    }
    let count = records.len();
    let message = format!("{count} of the records were rejected, the first of them: {reason}");
    Err(Refusal { code: ResponseError::InvalidRecord.code(), message: Some(message), records })
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

fn respond(outcomes: Vec<TopicOutcome>, call: &mut Call<'_>) -> ProduceResponse {
    let sizes = outcomes.iter().flat_map(|topic| &topic.partitions).map(|outcome| outcome.size);
    call.charge(Quota::ProducerByteRate, sizes.sum());
    let mut response = ProduceResponse::default().with_throttle_time_ms(call.throttle());
    for topic in outcomes {
        let name = topic.name.as_deref().unwrap_or_default();
        let mut answers = Vec::with_capacity(topic.partitions.len());
        for mut outcome in topic.partitions {
            let after = call.partition_refusal_after(name, outcome.index);
            if let Some(code) = after.filter(|_| outcome.written.is_some()) {
                outcome.refusal = Some(code.into());
            }
            let offset = outcome.written.map_or(-1, |written| written.base_offset);
            let code = outcome.refusal.as_ref().map_or(0, |refusal| refusal.code);
            call.note(name, Some(outcome.index), offset, (code, outcome.size));
            answers.push(partition_answer(name, outcome, call, &mut response.node_endpoints));
        }
        let answer =
            TopicProduceResponse::default().with_name(topic.asked_name).with_topic_id(topic.asked_id);
        response.responses.push(answer.with_partition_responses(answers));
    }
    response
}

fn partition_answer(
    topic: &str,
    outcome: Outcome,
    call: &Call<'_>,
    endpoints: &mut Vec<NodeEndpoint>,
) -> PartitionProduceResponse {
    let (base_offset, log_start) = outcome.written.map_or((-1, -1), |it| (it.base_offset, it.log_start));
    let answer = PartitionProduceResponse::default()
        .with_index(outcome.index)
        .with_log_append_time_ms(-1)
        .with_base_offset(base_offset)
        .with_log_start_offset(log_start);
    let Some(refusal) = outcome.refusal else { return answer };
    let mut answer = answer.with_error_code(refusal.code);
    if call.version >= 8 {
        let named = refusal.records.into_iter().map(|(index, reason)| {
            BatchIndexAndErrorMessage::default()
                .with_batch_index(index)
                .with_batch_index_error_message(Some(reason.into()))
        });
        answer =
            answer.with_record_errors(named.collect()).with_error_message(refusal.message.map(Into::into));
    }
    if refusal.code != ResponseError::NotLeaderOrFollower.code() || call.version < 10 {
        return answer;
    }
    let (leader, epoch) = call.leader_of(topic, outcome.index);
    if leader >= 0 && endpoints.iter().all(|node| node.node_id.0 != leader) {
        let (host, port) = call.address(BrokerId(leader));
        let node = NodeEndpoint::default().with_node_id(leader.into()).with_host(host.into());
        endpoints.push(node.with_port(port));
    }
    answer.with_current_leader(
        LeaderIdAndEpoch::default().with_leader_id(leader.into()).with_leader_epoch(epoch),
    )
}
