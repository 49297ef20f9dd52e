//! What became of the partitions of a Produce, now or after it has waited for its followers.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::produce_request::TopicProduceData;
use tokio::time::Instant;
use uuid::Uuid;

use super::Call;

/// Where a batch was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    pub(super) base_offset: i64,
    pub(super) log_start: i64,
    pub(super) leader_epoch: i32,
}

/// Why a partition is refused.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) code: i16,
    pub(super) message: Option<String>,
    /// Records of the batch that are to blame, and why.
    pub(super) records: Vec<(i32, String)>,
}

impl From<i16> for Refusal {
    fn from(code: i16) -> Self {
        Self { code, message: None, records: Vec::new() }
    }
}

/// What became of one partition's batch. It may be written and refused.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) index: i32,
    /// Bytes of the batch.
    pub(super) size: usize,
    pub(super) written: Option<Written>,
    pub(super) refusal: Option<Refusal>,
}

/// What became of the partitions of a topic.
#[derive(Clone, Debug)]
pub(super) struct TopicOutcome {
    /// As the request has them.
    pub(super) asked_name: TopicName,
    pub(super) asked_id: Uuid,
    /// None for an id that no topic has.
    pub(super) name: Option<String>,
    pub(super) partitions: Vec<Outcome>,
}

impl TopicOutcome {
    pub(super) fn new(topic: &TopicProduceData, name: Option<String>, partitions: Vec<Outcome>) -> Self {
        Self { asked_name: topic.name.clone(), asked_id: topic.topic_id, name, partitions }
    }
}

/// A Produce that is written and waits for its followers.
#[derive(Debug)]
pub(crate) struct Held {
    pub(super) until: Instant,
    /// The request's own timeout comes first.
    pub(super) timed_out: bool,
    pub(super) outcomes: Vec<TopicOutcome>,
}

impl Held {
    /// Looks at the partitions again.
    pub(super) fn finish(mut self, call: &mut Call<'_>) -> Vec<TopicOutcome> {
        for topic in &mut self.outcomes {
            let name = topic.name.as_deref().unwrap_or_default();
            for outcome in &mut topic.partitions {
                let Some(written) = outcome.written else { continue };
                let code = look_again(name, outcome.index, written, call);
                let timed_out = self.timed_out.then(|| ResponseError::RequestTimedOut.code());
                outcome.refusal = code.or(timed_out).map(Into::into);
            }
        }
        self.outcomes
    }
}

/// The error code for a batch that was written, if the world has changed.
fn look_again(topic: &str, index: i32, written: Written, call: &mut Call<'_>) -> Option<i16> {
    let running = call.state.running();
    let min_in_sync = call.state.topics.by_name(topic).map_or(0, |topic| topic.min_in_sync);
    let partition = match call.leads(topic, index, -1) {
        Ok(partition) => partition,
        Err(code) => return Some(code),
    };
    if partition.epoch != written.leader_epoch {
        return Some(ResponseError::NotLeaderOrFollower.code());
    }
    let too_few = partition.has_too_few(&running, min_in_sync);
    too_few.then(|| ResponseError::NotEnoughReplicasAfterAppend.code())
}
