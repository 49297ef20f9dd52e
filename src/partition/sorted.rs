//! What an answer means for each of the ranges that were asked for.

use std::sync::Arc;

use super::batch::records_error;
use super::plan::Asked;
use super::progress::{Fault, Progress, Taken};
use super::range::{OnDataLoss, ReadOptions};
use crate::error::{Error, ErrorKind};
use crate::ids::TopicPartition;
use crate::wire::codec::Request;
use crate::wire::codec::fetch::{FetchRequest, FetchResponse, FetchedPartition};

/// What became of the ranges of one answer.
#[derive(Default)]
pub(super) struct Sorted {
    /// Read on after the others had their turn.
    pub(super) had_turn: Vec<Progress>,
    /// Not reached: the response was full.
    pub(super) no_room: Vec<Progress>,
    /// Nothing more is there at present.
    pub(super) moved: Vec<Progress>,
    pub(super) out_of_range: Vec<Progress>,
    pub(super) refused: Vec<(Progress, Error)>,
    /// What no other attempt can help.
    pub(super) fatal: Option<Error>,
    /// How many are read to their end.
    pub(super) finished: usize,
    /// What is handed over.
    pub(super) found: Vec<(TopicPartition, FetchedPartition, Taken)>,
}

impl Sorted {
    /// Gives every range of `asked` that the response answers its place; what is left in `asked`
    /// was not answered.
    pub(super) fn sort(
        &mut self,
        response: FetchResponse,
        asked: &mut Asked,
        options: &ReadOptions,
        broker: &str,
    ) {
        for topic in response.topics {
            for mut fetched in topic.partitions {
                let topic_partition = TopicPartition::new(Arc::clone(&topic.topic), fetched.partition);
                let Some(mut range) = asked.take(&topic_partition) else {
                    let error =
                        Error::because(ErrorKind::Protocol, "the broker returns what was not asked for");
                    self.fatal = Some(error.at_partition(&topic_partition).at_broker(broker));
                    return;
                };
                match range.take(&mut fetched, options.isolation_level) {
                    Ok(taken) => self.place(range, fetched, taken, options.on_data_loss),
                    Err(Fault::OutOfRange) => self.out_of_range.push(range),
                    Err(Fault::Records(error)) => {
                        let error = records_error(error, &range.topic_partition);
                        self.fatal = Some(error.at_broker(broker));
                    }
                    Err(Fault::Broker(code)) => {
                        let error = Error::broker(code).in_api(FetchRequest::API).at_broker(broker);
                        let error = error.at_partition(&range.topic_partition);
                        self.refused.push((range, error));
                    }
                }
            }
        }
    }

    fn place(&mut self, range: Progress, fetched: FetchedPartition, taken: Taken, on_data_loss: OnDataLoss) {
        if let (Some(loss), OnDataLoss::Fail) = (&taken.lost, on_data_loss) {
            self.fatal = Some(loss.clone().into_error());
            return;
        }
        let topic_partition = range.topic_partition.clone();
        let got = taken.batches.count() > 0;
        match () {
            () if range.is_finished() => self.finished += 1,
            () if taken.at_end => self.moved.push(range),
            () if got => self.had_turn.push(range),
            () => self.no_room.push(range),
        }
        if got || taken.lost.is_some() {
            self.found.push((topic_partition, fetched, taken));
        }
    }

    /// Whether ranges wait for records and the answer did nothing for anybody.
    pub(super) fn is_stuck(&self) -> bool {
        let nothing = self.found.is_empty() && self.moved.is_empty() && self.out_of_range.is_empty();
        nothing && self.refused.is_empty() && self.finished == 0 && !self.no_room.is_empty()
    }
}
