//! One Produce request of the batches of many partitions, and its answer taken apart again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::batch::Place;
use crate::error::{Error, ErrorKind};
use crate::ids::{TopicId, TopicPartition};
use crate::wire::api::ApiKey;
use crate::wire::codec::produce::{
    ProducePartition, ProduceRequest, ProduceResponse, ProduceTopic, ProducedPartition,
};

/// A batch of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) place: Place,
    pub(super) serial: u64,
    pub(super) attempt: u64,
    pub(super) topic: Arc<str>,
    /// The topic's id, if it is known.
    pub(super) id: Option<TopicId>,
    pub(super) partition: i32,
}

impl Item {
    pub(super) fn topic_partition(&self) -> TopicPartition {
        TopicPartition { topic: Arc::clone(&self.topic), partition: self.partition }
    }
}

/// Makes the request. No partition may be named twice.
pub(super) fn request(batches: &[(Item, Bytes)], timeout: Duration) -> ProduceRequest {
    let mut topics: Vec<ProduceTopic> = Vec::new();
    for (item, batch) in batches {
        let partition = ProducePartition { partition: item.partition, batch: batch.clone() };
        match topics.iter_mut().rfind(|listed| Arc::ptr_eq(&listed.topic, &item.topic)) {
            Some(listed) => listed.partitions.push(partition),
            None => {
                let (topic, id) = (Arc::clone(&item.topic), item.id);
                topics.push(ProduceTopic { topic, id, partitions: vec![partition] });
            }
        }
    }
    ProduceRequest { timeout, topics }
}

/// Pairs an answer with what was asked: one answer for each partition, in the order of `items`.
///
/// # Errors
/// `Protocol` for an answer about a partition that was not asked for, twice about one, or none.
pub(super) fn answers(items: &[Item], response: ProduceResponse) -> Result<Vec<ProducedPartition>, Error> {
    let mut answers: Vec<Option<ProducedPartition>> = items.iter().map(|_| None).collect();
    let mut hint = 0;
    for topic in response.topics {
        for produced in topic.partitions {
            let is_topic = |item: &Item| match topic.id {
                Some(id) => item.id == Some(id),
                None => item.topic == topic.topic,
            };
            let is = |item: &Item| item.partition == produced.partition && is_topic(item);
            let here = items.get(hint).is_some_and(is).then_some(hint);
            let at = here.or_else(|| items.iter().position(is));
            match at.and_then(|at| answers.get_mut(at)) {
                Some(place @ None) => {
                    *place = Some(produced);
                    hint = at.map_or(0, |at| at + 1);
                }
                _ => {
                    let name =
                        items.iter().find(|item| is_topic(item)).map_or(&topic.topic, |item| &item.topic);
                    let stranger = TopicPartition::new(Arc::clone(name), produced.partition);
                    return Err(protocol("an answer about a partition that was not written to", &stranger));
                }
            }
        }
    }
    let answered = answers.into_iter().zip(items).map(|(answer, item)| {
        answer.ok_or_else(|| protocol("no answer about a partition", &item.topic_partition()))
    });
    answered.collect()
}

fn protocol(what: &'static str, topic_partition: &TopicPartition) -> Error {
    let error = Error::because(ErrorKind::Protocol, what).in_api(ApiKey::Produce);
    error.at_partition(topic_partition).possibly_written_if(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::codec::produce::ProducedTopic;
    use crate::wire::error_code::ErrorCode;

    fn items(partitions: &[(&str, i32)]) -> Vec<Item> {
        let item = |(topic, partition): &(&str, i32)| Item {
            place: Place { topic: 0, partition: 0 },
            serial: 0,
            attempt: 0,
            topic: Arc::from(*topic),
            id: TopicId::new(topic.len() as u128),
            partition: *partition,
        };
        partitions.iter().map(item).collect()
    }

    fn response(partitions: &[(&str, i32)]) -> ProduceResponse {
        let topic = |(topic, partition): &(&str, i32)| ProducedTopic {
            topic: Arc::from(*topic),
            id: None,
            partitions: vec![ProducedPartition {
                partition: *partition,
                error: ErrorCode::NONE,
                base_offset: 10 + i64::from(*partition),
                append_time: None,
                message: None,
                refused: Vec::new(),
                leader: None,
            }],
        };
        ProduceResponse { topics: partitions.iter().map(topic).collect() }
    }

    #[test]
    fn answers_in_any_order_are_paired() {
        let asked = items(&[("a", 0), ("a", 1), ("b", 0)]);
        let got = answers(&asked, response(&[("b", 0), ("a", 1), ("a", 0)])).unwrap();
        assert_eq!(got.iter().map(|answer| answer.base_offset).collect::<Vec<_>>(), [10, 11, 10]);
    }

    #[test]
    fn answers_by_id_are_paired_by_id() {
        let asked = items(&[("a", 0), ("bb", 0)]);
        let mut response = response(&[("", 0), ("", 0)]);
        for (topic, id) in response.topics.iter_mut().zip([2, 1]) {
            topic.id = TopicId::new(id);
            topic.partitions[0].base_offset = i64::try_from(id).unwrap();
        }
        let got = answers(&asked, response).unwrap();
        assert_eq!(got.iter().map(|answer| answer.base_offset).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn an_answer_about_another_partition_breaks_the_protocol() {
        let asked = items(&[("a", 0)]);
        for wrong in [&[("a", 1)][..], &[("b", 0)], &[], &[("a", 0), ("a", 0)], &[("a", 0), ("c", 7)]] {
            let error = answers(&asked, response(wrong)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol, "{wrong:?}");
            assert!(error.possibly_written() && error.topic_partition().is_some());
        }
    }
}
