//! Whom to ask for next, and for how much.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::progress::Progress;
use crate::ids::TopicPartition;
use crate::wire::codec::fetch::{FetchPartition, FetchRequest, FetchTopic, IsolationLevel};

/// How many partitions are asked for at a time: enough to fill a response with the rests of
/// several, few enough not to be read for nothing.
const LISTED: usize = 24;

/// Brokers cut off the last batch of a response. With as many batches in one as this, at most
/// about 1.6 % of the bytes are sent twice.
const MIN_BATCHES: usize = 32;

/// How far a response may grow for [`MIN_BATCHES`]. For larger batches one is asked for at a time,
/// which comes whole.
const MAX_GROWTH: usize = 4;

/// The ranges of one broker that wait for their turn.
#[derive(Debug)]
pub(super) struct Plan {
    waiting: VecDeque<Progress>,
    response_bytes: usize,
}

/// The ranges of one request, in its order.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) ranges: VecDeque<Progress>,
    max_bytes: usize,
    /// How much is likely to come at most.
    pub(super) expected_bytes: usize,
}

impl Plan {
    pub(super) fn new(response_bytes: usize) -> Self {
        Self { waiting: VecDeque::new(), response_bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Ranges that had their turn go to the end.
    pub(super) fn push_back(&mut self, ranges: impl IntoIterator<Item = Progress>) {
        self.waiting.extend(ranges);
    }

    /// Ranges that a response had no room for stay in front, in their order.
    pub(super) fn push_front(&mut self, ranges: Vec<Progress>) {
        for range in ranges.into_iter().rev() {
            self.waiting.push_front(range);
        }
    }

    /// Gives up all ranges.
    pub(super) fn take_all(&mut self) -> Vec<Progress> {
        self.waiting.drain(..).collect()
    }

    /// The next request, if anybody waits: a part of the ranges, so that what is `in_flight`
    /// beside it has others.
    pub(super) fn next_prompt(&mut self, in_flight: usize) -> Option<Asked> {
        let front = self.waiting.front()?;
        let size = Size::of(front.batch_bytes(), self.response_bytes);
        let most = match size {
            Size::OneBatch { .. } => 1,
            Size::Bytes(_) => (self.waiting.len() + in_flight).div_ceil(2).min(LISTED),
        };
        Some(self.ask(most, size))
    }

    /// A request for all ranges.
    pub(super) fn next_long_poll(&mut self) -> Option<Asked> {
        let all = self.waiting.len();
        (all > 0).then(|| self.ask(all, Size::Bytes(self.response_bytes)))
    }

    fn ask(&mut self, most: usize, size: Size) -> Asked {
        let mut ranges: VecDeque<Progress> = VecDeque::with_capacity(most);
        let mut left = VecDeque::new();
        while ranges.len() < most
            && let Some(range) = self.waiting.pop_front()
        {
            // A request names a partition once; its other ranges wait.
            match ranges.iter().any(|asked| asked.topic_partition == range.topic_partition) {
                true => left.push_back(range),
                false => ranges.push_back(range),
            }
        }
        left.append(&mut self.waiting);
        self.waiting = left;
        let (max_bytes, expected_bytes) = match size {
            Size::Bytes(bytes) => (bytes, bytes),
            Size::OneBatch { expected } => (1, expected),
        };
        Asked { ranges, max_bytes, expected_bytes }
    }
}

/// How much to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Bytes(usize),
    OneBatch { expected: usize },
}

impl Size {
    fn of(batch_bytes: usize, response_bytes: usize) -> Self {
        match batch_bytes.saturating_mul(MIN_BATCHES) {
            bytes if bytes <= response_bytes => Self::Bytes(response_bytes),
            bytes if bytes <= response_bytes.saturating_mul(MAX_GROWTH) => Self::Bytes(bytes),
            _ => Self::OneBatch { expected: batch_bytes },
        }
    }
}

impl Asked {
    /// The request. Brokers fill the response in its order.
    pub(super) fn request(&self, max_wait: Duration, isolation_level: IsolationLevel) -> FetchRequest {
        let max_bytes = i32::try_from(self.max_bytes).unwrap_or(i32::MAX);
        let mut topics: Vec<FetchTopic> = Vec::new();
        for range in &self.ranges {
            let partition = FetchPartition {
                partition: range.topic_partition.partition,
                offset: range.next(),
                current_leader_epoch: range.leader_epoch,
                max_bytes,
            };
            let topic = &range.topic_partition.topic;
            match topics.iter_mut().find(|listed| listed.topic == *topic) {
                Some(listed) => listed.partitions.push(partition),
                None => {
                    topics.push(FetchTopic { topic: Arc::clone(topic), partitions: vec![partition] });
                }
            }
        }
        FetchRequest { max_wait, min_bytes: 1, max_bytes, isolation_level, topics }
    }

    /// Takes a range out, if it was asked for and not taken before.
    pub(super) fn take(&mut self, topic_partition: &TopicPartition) -> Option<Progress> {
        let place = self.ranges.iter().position(|range| range.topic_partition == *topic_partition)?;
        self.ranges.remove(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partition::range::OffsetRange;

    const MIB: usize = 1 << 20;

    fn range(topic: &str, partition: i32) -> Progress {
        Progress::new(OffsetRange::new(TopicPartition::new(topic, partition), 0, 100))
    }

    fn plan(partitions: i32) -> Plan {
        let mut plan = Plan::new(MIB);
        plan.push_back((0..partitions).map(|partition| range("t", partition)));
        plan
    }

    fn numbers(asked: &Asked) -> Vec<i32> {
        asked.ranges.iter().map(|range| range.topic_partition.partition).collect()
    }

    #[test]
    fn two_requests_share_few_partitions_and_many_wait_for_their_turn() {
        let mut few = plan(5);
        let first = few.next_prompt(0).unwrap();
        let second = few.next_prompt(first.ranges.len()).unwrap();
        assert_eq!((numbers(&first), numbers(&second)), (vec![0, 1, 2], vec![3, 4]));
        assert!(few.next_prompt(5).is_none());
        assert_eq!(plan(1000).next_prompt(0).unwrap().ranges.len(), LISTED);
    }

    #[test]
    fn a_request_names_a_partition_once() {
        let mut plan = Plan::new(MIB);
        plan.push_back([range("t", 1), range("t", 1), range("u", 1), range("t", 2)]);
        let asked = plan.next_long_poll().unwrap();
        let request = asked.request(Duration::ZERO, IsolationLevel::ReadUncommitted);
        assert_eq!(request.topics.len(), 2);
        assert_eq!(request.topics.iter().map(|topic| topic.partitions.len()).sum::<usize>(), 3);
        assert_eq!(numbers(&plan.next_long_poll().unwrap()), [1]);
    }

    #[test]
    fn large_batches_are_asked_for_in_numbers_or_one_by_one() {
        assert_eq!(Size::of(0, MIB), Size::Bytes(MIB));
        assert_eq!(Size::of(16 << 10, MIB), Size::Bytes(MIB));
        assert_eq!(Size::of(100 << 10, MIB), Size::Bytes(3200 << 10));
        assert_eq!(Size::of(MIB, MIB), Size::OneBatch { expected: MIB });
    }

    #[test]
    fn what_a_response_had_no_room_for_comes_first_again() {
        let mut plan = plan(4);
        let mut asked = plan.next_prompt(0).unwrap();
        let served = asked.take(&TopicPartition::new("t", 0));
        plan.push_front(asked.ranges.into());
        plan.push_back(served);
        assert_eq!(numbers(&plan.next_long_poll().unwrap()), [1, 2, 3, 0]);
    }
}
