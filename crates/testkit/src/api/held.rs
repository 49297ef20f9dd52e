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
    /// When the request's own timeout ends it.
    pub(super) timeout: Instant,
    pub(super) outcomes: Vec<TopicOutcome>,
}

/// What a broker finds when it looks again at what was written.
enum Found {
    Committed,
    /// Fewer replicas are in sync than have to be: nothing more is committed.
    TooFew,
    Refused(i16),
}

impl Held {
    /// When it is to be looked at again, unless it can be answered now.
    pub(super) fn waits_until(&self, call: &mut Call<'_>) -> Option<Instant> {
        let now = call.now.instant;
        if now < self.until.min(self.timeout) {
            return Some(self.until.min(self.timeout));
        }
        let written = self.outcomes.iter().flat_map(|topic| {
            let name = topic.name.as_deref().unwrap_or_default();
            topic.partitions.iter().filter_map(move |it| Some((name, it.index, it.written?)))
        });
        let waits = now < self.timeout
            && written.into_iter().any(|(name, index, written)| {
                matches!(look_again(name, index, written, call), Found::TooFew)
            });
        waits.then_some(self.timeout)
    }

    /// Looks at the partitions again.
    pub(super) fn finish(mut self, call: &mut Call<'_>) -> Vec<TopicOutcome> {
        let timed_out = self.timeout < self.until;
        for topic in &mut self.outcomes {
            let name = topic.name.as_deref().unwrap_or_default();
            for outcome in &mut topic.partitions {
                let Some(written) = outcome.written else { continue };
                let code = match look_again(name, outcome.index, written, call) {
                    Found::Refused(code) => Some(code),
                    Found::Committed if !timed_out => None,
                    _ => Some(ResponseError::RequestTimedOut.code()),
                };
                outcome.refusal = code.map(Into::into);
            }
        }
        self.outcomes
    }
}

fn look_again(topic: &str, index: i32, written: Written, call: &mut Call<'_>) -> Found {
    let running = call.state.running();
    let min_in_sync = call.state.topics.by_name(topic).map_or(0, |topic| topic.min_in_sync);
    match call.leads(topic, index, -1) {
        Err(code) => Found::Refused(code),
        Ok(partition) if partition.epoch != written.leader_epoch => {
            Found::Refused(ResponseError::NotLeaderOrFollower.code())
        }
        Ok(partition) if partition.has_too_few(&running, min_in_sync) => Found::TooFew,
        Ok(_) => Found::Committed,
    }
}
