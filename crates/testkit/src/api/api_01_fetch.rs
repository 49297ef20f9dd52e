//! Fetch, versions 4 to 18.
//!
//! - Bytes as KIP-74 has it: at most `max_bytes` (and 55 MiB) in all and `partition_max_bytes` each,
//!   in the order of the request; only the first partition that has anything gives its first batch
//!   whole however large. What fits is cut at the limit, so a last batch may be incomplete; a
//!   partition whose first batch does not fit is answered empty.
//! - Reading starts at the batch that holds the offset, so earlier records may come with it.
//! - Isolation 0 reads to the high watermark (here the log end); 1 to the last stable offset, with
//!   the aborted transactions in between.
//! - With less than `min_bytes` and no error the answer waits for writes, up to `max_wait_ms`.
//! - 29 for a topic that may not be read.
//! - 1 for an offset outside of log start and log end, 3 or 100 for an unknown topic, 6, 74, 75. An
//!   error comes without offsets: high watermark, last stable offset and log start are -1.
//! - From version 12 on a `last_fetched_epoch` that has diverged is told so, and one newer than all
//!   gets 1; from 16 on 6 and 74 tell the leader (KIP-951).
//! - A client that exceeds its quota gets an empty answer without any topic, and the time for which it is
//!   throttled (KIP-219); with a byte rate no answer is larger than ten seconds of it.
//! - Sessions (KIP-227) are refused as by a broker whose cache is full: every answer has session 0,
//!   and a request inside a session gets 70.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::{
    AbortedTransaction, EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData,
};
use kafka_protocol::messages::{FetchRequest, FetchResponse};

use super::{Answer, Api, Call};
use crate::BrokerId;
use crate::clock::period;
use crate::log::Log;
use crate::shape::{BYTE, INT32, INT32S, INT64, Shape, TEXT, UUID, list, shape};
use crate::state::{Quota, TopicOperation};

/// The broker's own limit, `fetch.max.bytes`.
const MAX_BYTES: usize = 55 * 1024 * 1024;

/// About what an answer weighs without records, for quotas.
const OVERHEAD: usize = 100;

pub(super) struct Fetch;

impl Api for Fetch {
    type Request = FetchRequest;
    const SHAPE: Shape = Shape {
        brokers_tags: 2,
        ..shape(
            12,
            &[
                INT32.until(14),
                INT32,
                INT32,
                INT32,
                BYTE,
                INT32.since(7),
                INT32.since(7),
                list(&[
                    TEXT.until(12),
                    UUID.since(13),
                    list(&[INT32, INT32.since(9), INT64, INT32.since(12), INT64.since(5), INT32]),
                ]),
                list(&[TEXT.until(12), UUID.since(13), INT32S]).since(7),
                TEXT.since(11),
            ],
        )
    };

    fn answer(request: FetchRequest, call: &mut Call<'_>) -> Answer<FetchResponse> {
        let response = FetchResponse::default().with_throttle_time_ms(call.throttle());
        if let Some(code) = call.refusal() {
            return Answer::Reply(response.with_error_code(code));
        }
        // 0 opens a session, -1 wants none; anything else is inside of one.
        if !matches!(request.session_epoch, -1 | 0) {
            return Answer::Reply(response.with_error_code(ResponseError::FetchSessionIdNotFound.code()));
        }
        let most = call.state.quotas.most_bytes(call.client_id).unwrap_or(usize::MAX);
        let mut reading = Reading {
            left: bytes(request.max_bytes).min(MAX_BYTES).min(most),
            nothing_yet: true,
            committed_only: request.isolation_level == 1,
            read: 0,
            failed: false,
            response,
        };
        for topic in &request.topics {
            let answer = reading.topic(topic, call);
            reading.response.responses.push(answer);
        }
        let since = call.waiting_since.unwrap_or(call.now);
        let until = since.instant + period(request.max_wait_ms.into());
        let enough = reading.read >= bytes(request.min_bytes) || reading.failed || request.topics.is_empty();
        if enough || until <= call.now.instant {
            return Answer::Reply(reading.within_quota(call));
        }
        Answer::Later(until.max(call.now.instant + Duration::from_millis(1)))
    }
}

fn bytes(number: i32) -> usize {
    usize::try_from(number).unwrap_or(0)
}

/// A fetch under way: what is left of its limits.
struct Reading {
    left: usize,
    nothing_yet: bool,
    committed_only: bool,
    read: usize,
    failed: bool,
    response: FetchResponse,
}

impl Reading {
    /// The answer, or an empty one if the client has exceeded a quota.
    fn within_quota(self, call: &mut Call<'_>) -> FetchResponse {
        let by_requests = call.throttled_by_requests;
        let by_bytes = call.charge(Quota::ConsumerByteRate, self.read.saturating_add(OVERHEAD));
        if by_bytes.max(by_requests) == Duration::ZERO {
            return self.response;
        }
        call.notes.clear();
        FetchResponse::default().with_throttle_time_ms(call.throttle())
    }

    fn topic(&mut self, topic: &FetchTopic, call: &mut Call<'_>) -> FetchableTopicResponse {
        let name = call.topic_name(&topic.topic, topic.topic_id);
        let partitions = topic
            .partitions
            .iter()
            .filter_map(|asked| {
                if name.as_ref().is_ok_and(|name| call.leaves_out(name, asked.partition)) {
                    self.failed = true;
                    let name = name.as_deref().unwrap_or_default();
                    call.note(name, Some(asked.partition), asked.fetch_offset, (0, 0));
                    return None;
                }
                let found =
                    name.as_ref().map_err(|&code| code).and_then(|name| self.partition(name, asked, call));
                let name = name.as_deref().unwrap_or_default();
                let answer = found.unwrap_or_else(|code| {
                    self.failed = true;
                    refused(name, asked.partition, code, call, &mut self.response.node_endpoints)
                });
                let told = (answer.error_code, answer.records.as_ref().map_or(0, Bytes::len));
                call.note(name, Some(asked.partition), asked.fetch_offset, told);
                Some(answer)
            })
            .collect();
        FetchableTopicResponse::default()
            .with_topic(topic.topic.clone())
            .with_topic_id(topic.topic_id)
            .with_partitions(partitions)
    }

    fn partition(
        &mut self,
        topic: &str,
        asked: &FetchPartition,
        call: &mut Call<'_>,
    ) -> Result<PartitionData, i16> {
        let told = call.diverging(topic, asked.partition);
        if call.state.access.is_denied(topic, TopicOperation::Read) {
            return Err(ResponseError::TopicAuthorizationFailed.code());
        }
        let partition = call.led(topic, asked.partition, asked.current_leader_epoch)?;
        let log = &partition.log;
        let answer = PartitionData::default()
            .with_partition_index(asked.partition)
            .with_high_watermark(log.end())
            .with_last_stable_offset(log.last_stable())
            .with_log_start_offset(log.start())
            .with_preferred_read_replica((-1).into())
            .with_aborted_transactions(None)
            .with_records(Some(Bytes::new()));
        let diverging = match told {
            Some((epoch, end)) => Some(EpochEndOffset::default().with_epoch(epoch).with_end_offset(end)),
            None => diverging(log, asked)?,
        };
        if let Some(diverging) = diverging {
            self.failed = true;
            return Ok(answer.with_diverging_epoch(diverging));
        }
        if asked.fetch_offset < log.start() || asked.fetch_offset > log.end() {
            return Err(ResponseError::OffsetOutOfRange.code());
        }
        let until = if self.committed_only { log.last_stable() } else { log.end() };
        let limit = bytes(asked.partition_max_bytes).min(self.left);
        let records = log.read(asked.fetch_offset, until, limit, self.nothing_yet);
        self.left = self.left.saturating_sub(records.len());
        self.read = self.read.saturating_add(records.len());
        self.nothing_yet &= records.is_empty();
        let answer = answer.with_records(Some(records));
        if !self.committed_only {
            return Ok(answer);
        }
        let aborted = log.aborted(asked.fetch_offset, until).map(|aborted| {
            AbortedTransaction::default()
                .with_producer_id(aborted.producer_id.into())
                .with_first_offset(aborted.first_offset)
        });
        Ok(answer.with_aborted_transactions(Some(aborted.collect())))
    }
}

/// Where the log that the reader has seen parts from this one. 1 if no epoch that is known here can
/// tell, or the offset is deleted.
fn diverging(log: &Log, asked: &FetchPartition) -> Result<Option<EpochEndOffset>, i16> {
    if asked.last_fetched_epoch < 0 {
        return Ok(None);
    }
    let known = log.end_of_epoch(asked.last_fetched_epoch).filter(|_| asked.fetch_offset >= log.start());
    let (epoch, end) = known.ok_or(ResponseError::OffsetOutOfRange.code())?;
    let parted = epoch < asked.last_fetched_epoch || end < asked.fetch_offset;
    Ok(parted.then(|| EpochEndOffset::default().with_epoch(epoch).with_end_offset(end)))
}

fn refused(
    topic: &str,
    index: i32,
    code: i16,
    call: &Call<'_>,
    endpoints: &mut Vec<NodeEndpoint>,
) -> PartitionData {
    let answer = PartitionData::default()
        .with_partition_index(index)
        .with_error_code(code)
        .with_high_watermark(-1)
        .with_last_stable_offset(-1)
        .with_log_start_offset(-1)
        .with_preferred_read_replica((-1).into())
        .with_aborted_transactions(None)
        .with_records(Some(Bytes::new()));
    let moved = [ResponseError::NotLeaderOrFollower.code(), ResponseError::FencedLeaderEpoch.code()];
    if call.version < 16 || !moved.contains(&code) {
        return answer;
    }
    let (leader, epoch) = call.leader_of(topic, index);
    if leader >= 0 && endpoints.iter().all(|node| node.node_id.0 != leader) {
        let (host, port) = call.address(BrokerId(leader));
        endpoints
            .push(NodeEndpoint::default().with_node_id(leader.into()).with_host(host.into()).with_port(port));
    }
    answer.with_current_leader(
        LeaderIdAndEpoch::default().with_leader_id(leader.into()).with_leader_epoch(epoch),
    )
}
