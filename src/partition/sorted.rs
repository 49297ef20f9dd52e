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
    /// was not answered.
    pub(super) fn sort(
        &mut self,
        response: FetchResponse,
        asked: &mut Asked,
        manner: Manner,
        on_data_loss: OnDataLoss,
        broker: &str,
    ) -> Result<(), NotAsked> {
        for topic in response.topics {
            let name = name(&topic, asked);
            for mut fetched in topic.partitions {
                let topic_partition = TopicPartition::new(Arc::clone(&name), fetched.partition);
                let Some((mut range, first)) = asked.take(&topic_partition) else {
                    let error =
                        Error::because(ErrorKind::Protocol, "the broker returns what was not asked for");
                    return Err(NotAsked(error.at_partition(&topic_partition).at_broker(broker)));
                };
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
