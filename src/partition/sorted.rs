//! What an answer means for each of the ranges that were asked for.

use std::sync::Arc;

use super::batch::records_error;
use super::plan::Asked;
use super::progress::{Fault, Manner, Progress, Taken};
use super::range::OnDataLoss;
use crate::error::{Error, ErrorKind};
use crate::ids::TopicPartition;
use crate::wire::codec::Request;
use crate::wire::codec::fetch::{
    EpochEnd, FetchRequest, FetchResponse, FetchedPartition, FetchedTopic, IsolationLevel,
};

/// What became of the ranges of one answer.
#[derive(Default)]
pub(super) struct Sorted {
    /// Read on after the others had their turn.
    pub(super) had_turn: Vec<Progress>,
    /// Not reached: the response was full.
    pub(super) no_room: Vec<Progress>,
    /// Nothing more is there at present; each with where that is.
    pub(super) moved: Vec<(Progress, i64)>,
    pub(super) out_of_range: Vec<Progress>,
    pub(super) diverged: Vec<(Progress, EpochEnd)>,
    /// The broker returns none of the records that it has.
    pub(super) stuck: Vec<Progress>,
    pub(super) refused: Vec<(Progress, Error)>,
    /// What no other attempt can help.
    pub(super) fatal: Option<Error>,
    /// How many are read to their end.
    pub(super) finished: usize,
    /// Those of which somebody had been told that nothing comes.
    pub(super) came_back: Vec<TopicPartition>,
    /// What is handed over.
    pub(super) found: Vec<(TopicPartition, FetchedPartition, Taken)>,
}

/// An answer names what was not asked for.
#[derive(Debug)]
pub(super) struct NotAsked(pub(super) Error);

impl Sorted {
    /// Gives every range of `asked` that the response answers its place; what is left in `asked`
    /// was not answered. No checksum covers the number of a partition: if it names one that was not asked for,
    /// or one twice, nothing of it counts, for the records of one would be given as those of another.
    pub(super) fn sort(
        &mut self,
        response: FetchResponse,
        asked: &mut Asked,
        manner: Manner,
        on_data_loss: OnDataLoss,
        broker: &str,
    ) -> Result<(), NotAsked> {
        for Answer { mut range, first, mut fetched } in pair(response, asked, broker)? {
            match range.take(&mut fetched, manner) {
                // Some of the first partition comes whatever its size, if there is any (KIP-74).
                // But none of it, where all that is committed was compacted away.
                Ok(taken) if first && waits_for_transaction(&fetched, &taken, manner) => {
                    range.excuse();
                    self.moved.push((range, taken.end));
                }
                Ok(taken) if first && !manner.throttled && brought_nothing(&taken) => {
                    self.stuck.push(range);
                }
                Ok(taken) => self.place(range, fetched, taken, on_data_loss),
                Err(fault) => self.set_aside(range, fault, broker),
            }
        }
        Ok(())
    }

    fn set_aside(&mut self, range: Progress, fault: Fault, broker: &str) {
        match fault {
            Fault::OutOfRange => self.out_of_range.push(range),
            Fault::Diverged(end) => self.diverged.push((range, end)),
            Fault::Records(error) => {
                let error = records_error(error, &range.topic_partition);
                self.fatal = Some(error.at_broker(broker));
            }
            Fault::Broker(code) => {
                let error = Error::broker(code).in_api(FetchRequest::API).at_broker(broker);
                let error = error.at_partition(&range.topic_partition);
                self.refused.push((range, error));
            }
        }
    }

    fn place(&mut self, range: Progress, fetched: FetchedPartition, taken: Taken, on_data_loss: OnDataLoss) {
        if let (Some(loss), OnDataLoss::Fail) = (&taken.lost, on_data_loss) {
            self.fatal = Some(loss.clone().into_error());
            return;
        }
        let topic_partition = range.topic_partition.clone();
        if taken.came_back {
            self.came_back.push(topic_partition.clone());
        }
        let got = taken.batches.count() > 0;
        match () {
            () if range.is_finished() => self.finished += 1,
            () if taken.at_end => self.moved.push((range, taken.end)),
            () if got => self.had_turn.push(range),
            () => self.no_room.push(range),
        }
        if got || taken.lost.is_some() {
            self.found.push((topic_partition, fetched, taken));
        }
    }

    /// Whether the answer brought something for anybody.
    pub(super) fn brought_anything(&self) -> bool {
        !self.found.is_empty() || self.finished > 0
    }
}

/// What an answer has for a range.
struct Answer {
    range: Progress,
    /// Whether it was the first of the request.
    first: bool,
    fetched: FetchedPartition,
}

/// Takes every range that a response answers out of `asked`; none, if it answers one that is not there.
fn pair(response: FetchResponse, asked: &mut Asked, broker: &str) -> Result<Vec<Answer>, NotAsked> {
    let mut answers = Vec::with_capacity(asked.len());
    for topic in response.topics {
        let name = name(&topic, asked);
        for fetched in topic.partitions {
            let topic_partition = TopicPartition::new(Arc::clone(&name), fetched.partition);
            let Some((range, first)) = asked.take(&topic_partition) else {
                asked.put_back(answers.into_iter().map(|answer: Answer| answer.range));
                let text = "the broker returns what was not asked for, or twice";
                let error = Error::because(ErrorKind::Protocol, text).at_partition(&topic_partition);
                return Err(NotAsked(error.at_broker(broker)));
            };
            answers.push(Answer { range, first, fetched });
        }
    }
    Ok(answers)
}

fn brought_nothing(taken: &Taken) -> bool {
    taken.batches.count() == 0 && !taken.at_end && taken.lost.is_none() && !taken.moved
}

/// Whether an open transaction is the next thing in the log.
fn waits_for_transaction(fetched: &FetchedPartition, taken: &Taken, manner: Manner) -> bool {
    let committed = manner.isolation_level == IsolationLevel::ReadCommitted;
    let is_open = (0..fetched.high_watermark).contains(&fetched.last_stable_offset);
    committed && is_open && !manner.throttled && brought_nothing(taken)
}

/// The name of an answered topic; from version 13 on answers have only its id.
fn name(topic: &FetchedTopic, asked: &Asked) -> Arc<str> {
    let by_id = topic.id.and_then(|id| asked.name_of(id));
    by_id.unwrap_or_else(|| Arc::clone(&topic.topic))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::partition::plan::Plan;
    use crate::partition::range::OffsetRange;
    use crate::wire::error_code::ErrorCode;

    /// What becomes of an answer to a request for partitions 0 to 3, of which each has come to its end.
    fn sorted(partitions: &[i32]) -> (bool, Sorted, Vec<i32>) {
        let range = |partition| Progress::new(OffsetRange::new(TopicPartition::new("t", partition), 0, 9));
        let mut plan = Plan::new(1 << 20);
        plan.push_back((0..4).map(range));
        let mut asked = plan.next_long_poll().unwrap();
        let fetched = |partition: &i32| FetchedPartition {
            partition: *partition,
            error: ErrorCode::NONE,
            high_watermark: 0,
            last_stable_offset: 0,
            log_start_offset: 0,
            aborted_transactions: Vec::new(),
            diverging: None,
            records: Bytes::new(),
        };
        let partitions = partitions.iter().map(fetched).collect();
        let topics = vec![FetchedTopic { topic: "t".into(), id: None, partitions }];
        let response =
            FetchResponse { throttle_time: std::time::Duration::ZERO, error: ErrorCode::NONE, topics };
        let mut sorted = Sorted::default();
        let counts = sorted.sort(response, &mut asked, Manner::default(), OnDataLoss::Fail, "b").is_ok();
        let mut rest: Vec<_> = asked.rest().iter().map(|range| range.topic_partition.partition).collect();
        rest.sort_unstable();
        (counts, sorted, rest)
    }

    #[test]
    fn what_an_answer_leaves_out_stays() {
        let (counts, sorted, rest) = sorted(&[2, 0]);
        assert_eq!((counts, sorted.moved.len(), rest), (true, 2, vec![1, 3]));
    }

    #[test]
    fn of_an_answer_that_names_a_partition_twice_or_unasked_nothing_counts() {
        for wrong in [&[0, 1, 3, 3], &[0, 1, 2, 4], &[3, 1, 2, 3]] {
            let (counts, sorted, rest) = sorted(wrong);
            assert_eq!((counts, sorted.moved.len(), rest), (false, 0, vec![0, 1, 2, 3]), "{wrong:?}");
        }
    }
}
