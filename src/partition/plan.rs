//! Whom to ask for next, and for how much.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::progress::Progress;
use crate::ids::{TopicId, TopicPartition};
use crate::wire::codec::fetch::{FetchPartition, FetchRequest, FetchTopic, IsolationLevel};

/// How many partitions are asked for at a time: enough to fill a response with the rests of
/// several, few enough not to be read for nothing.
const LISTED: usize = 24;

/// How many ranges are looked at for them: others may be of partitions that are listed already.
const LOOKED_AT: usize = 4 * LISTED;

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
    ranges: Vec<Option<Progress>>,
    /// Answers come in the order of the request: the range to be looked for next.
    next: usize,
    /// Where each partition is, once an answer came in another order.
    places: HashMap<TopicPartition, usize>,
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

    /// Gives up the ranges of which `leave` says so.
    pub(super) fn take_if(&mut self, leave: impl Fn(&Progress) -> bool) -> Vec<Progress> {
        if !self.waiting.iter().any(&leave) {
            return Vec::new();
        }
        let (gone, stay): (Vec<_>, Vec<_>) = self.waiting.drain(..).partition(leave);
        self.waiting = stay.into();
        gone
    }

    /// All ranges that wait.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Progress> {
        self.waiting.iter_mut()
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
        Some(self.ask(most, LOOKED_AT, size))
    }

    /// A request for all ranges.
    pub(super) fn next_long_poll(&mut self) -> Option<Asked> {
        let all = self.waiting.len();
        (all > 0).then(|| self.ask(all, all, Size::Bytes(self.response_bytes)))
    }

    /// Takes ranges from the front, at most so many of those that are looked at. A request names a
    /// partition once, and its topics all by name or all by id: other ranges wait, in their order.
    fn ask(&mut self, most: usize, looked_at: usize, size: Size) -> Asked {
        let mut ranges: Vec<Option<Progress>> = Vec::with_capacity(most);
        let mut listed = HashSet::with_capacity(most);
        let mut left = Vec::new();
        let by_id = self.waiting.front().is_some_and(|range| range.topic_id.is_some());
        for _ in 0..looked_at {
            if ranges.len() == most {
                break;
            }
            let Some(range) = self.waiting.pop_front() else { break };
            let fits = range.topic_id.is_some() == by_id;
            if fits && listed.insert(range.topic_partition.clone()) {
                ranges.push(Some(range));
            } else {
                left.push(range);
            }
        }
        self.push_front(left);
        let (max_bytes, expected_bytes) = match size {
            Size::Bytes(bytes) => (bytes, bytes),
            Size::OneBatch { expected } => (1, expected),
        };
        Asked { ranges, next: 0, places: HashMap::new(), max_bytes, expected_bytes }
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
        let mut places: HashMap<&Arc<str>, usize> = HashMap::new();
        for range in self.iter() {
            let partition = FetchPartition {
                partition: range.topic_partition.partition,
                offset: range.next(),
                current_leader_epoch: range.leader_epoch,
                last_fetched_epoch: range.last_epoch(),
                max_bytes,
            };
            let topic = &range.topic_partition.topic;
            let place = *places.entry(topic).or_insert(topics.len());
            match topics.get_mut(place) {
                Some(listed) => listed.partitions.push(partition),
                None => {
                    let (topic, id) = (Arc::clone(topic), range.topic_id);
                    topics.push(FetchTopic { topic, id, partitions: vec![partition] });
                }
            }
        }
        FetchRequest { max_wait, min_bytes: 1, max_bytes, isolation_level, topics }
    }

    /// How many ranges are not taken out yet.
    pub(super) fn len(&self) -> usize {
        self.iter().count()
    }

    /// The ranges that are not taken out yet.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Progress> {
        self.ranges.iter().flatten()
    }

    /// The ranges that are not taken out yet.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Progress> {
        self.ranges.iter_mut().flatten()
    }

    /// The ranges that are not taken out yet, in their order.
    pub(super) fn rest(self) -> Vec<Progress> {
        self.ranges.into_iter().flatten().collect()
    }

    /// The name of a topic that was asked for by its id, while one of its ranges is not taken out.
    pub(super) fn name_of(&self, id: TopicId) -> Option<Arc<str>> {
        let is_it = |range: &&Progress| range.topic_id == Some(id);
        let rest = self.ranges.get(self.next..).unwrap_or_default();
        let found = rest.iter().flatten().find(is_it).or_else(|| self.iter().find(is_it));
        found.map(|range| Arc::clone(&range.topic_partition.topic))
    }

    /// Takes a range out, if it was asked for and not taken before. Says whether it was the first.
    pub(super) fn take(&mut self, topic_partition: &TopicPartition) -> Option<(Progress, bool)> {
        let is_next = |range: &Progress| range.topic_partition == *topic_partition;
        let place = match self.ranges.get(self.next) {
            Some(Some(range)) if is_next(range) => self.next,
            _ => self.place_of(topic_partition)?,
        };
        let range = self.ranges.get_mut(place)?.take()?;
        self.next = place + 1;
        Some((range, place == 0))
    }

    /// Takes back what was taken out, for an answer that does not count.
    pub(super) fn put_back(&mut self, ranges: impl IntoIterator<Item = Progress>) {
        self.ranges.extend(ranges.into_iter().map(Some));
    }

    fn place_of(&mut self, topic_partition: &TopicPartition) -> Option<usize> {
        if self.places.is_empty() {
            let left = (0..).zip(&self.ranges);
            let left =
                left.filter_map(|(place, range)| Some((range.as_ref()?.topic_partition.clone(), place)));
            self.places = left.collect();
        }
        self.places.get(topic_partition).copied()
    }
}

/// Plans a turn of so many partitions, by prompt requests or by a long poll, and gives how many requests those
/// are: for the test that counts what it costs.
#[cfg(feature = "unstable-internals")]
pub fn plan_turn(partitions: i32, prompt: bool) -> usize {
    use crate::partition::range::OffsetRange;
    let mut plan = Plan::new(1 << 20);
    let range = |number| Progress::new(OffsetRange::new(TopicPartition::new("t", number), 0, i64::MAX));
    plan.push_back((0..partitions).map(range));
    let next = || if prompt { plan.next_prompt(0) } else { plan.next_long_poll() };
    std::iter::from_fn(next)
        .inspect(|asked| drop(asked.request(Duration::ZERO, IsolationLevel::ReadUncommitted)))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partition::range::OffsetRange;
    use crate::time;

    const MIB: usize = 1 << 20;

    fn range(topic: &str, partition: i32) -> Progress {
        Progress::new(OffsetRange::new(TopicPartition::new(topic, partition), 0, 100))
    }

    fn plan(partitions: i32) -> Plan {
        let mut plan = Plan::new(MIB);
        plan.push_back((0..partitions).map(|partition| range("t", partition)));
        plan
    }

    fn request(asked: Asked) -> FetchRequest {
        asked.request(Duration::ZERO, IsolationLevel::ReadUncommitted)
    }

    fn numbers(asked: &Asked) -> Vec<i32> {
        asked.iter().map(|range| range.topic_partition.partition).collect()
    }

    #[test]
    fn two_requests_share_few_partitions_and_many_wait_for_their_turn() {
        let mut few = plan(5);
        let first = few.next_prompt(0).unwrap();
        let second = few.next_prompt(first.len()).unwrap();
        assert_eq!((numbers(&first), numbers(&second)), (vec![0, 1, 2], vec![3, 4]));
        assert!(few.next_prompt(5).is_none());
        assert_eq!(plan(1000).next_prompt(0).unwrap().len(), LISTED);
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
        plan.push_front(asked.rest());
        plan.push_back(served.map(|(range, _)| range));
        assert_eq!(numbers(&plan.next_long_poll().unwrap()), [1, 2, 3, 0]);
    }

    #[test]
    fn answers_may_come_in_any_order() {
        let mut plan = plan(5);
        let mut asked = plan.next_long_poll().unwrap();
        let mut take = |partition| {
            let taken = asked.take(&TopicPartition::new("t", partition));
            taken.map(|(range, first)| (range.topic_partition.partition, first))
        };
        assert_eq!(
            [3, 0, 4, 0, 9].map(&mut take),
            [Some((3, false)), Some((0, true)), Some((4, false)), None, None]
        );
        assert_eq!(asked.len(), 2);
    }

    #[test]
    fn answers_in_the_order_of_the_request_are_looked_for_nowhere_else() {
        let mut plan = plan(3);
        let mut asked = plan.next_long_poll().unwrap();
        for partition in [0, 1, 2] {
            assert!(asked.take(&TopicPartition::new("t", partition)).is_some());
        }
        assert!(asked.places.is_empty());
    }

    #[test]
    fn many_ranges_of_one_partition_keep_their_order_and_are_not_all_looked_at() {
        let mut plan = Plan::new(MIB);
        plan.push_back(
            (0..1000).map(|first| Progress::new(OffsetRange::new(TopicPartition::new("t", 1), first, 2000))),
        );
        plan.push_back([range("t", 2)]);
        for first in 0..10 {
            let asked = plan.next_prompt(0).unwrap();
            assert_eq!(asked.iter().map(Progress::next).collect::<Vec<_>>(), [first]);
        }
    }

    #[test]
    fn ten_times_the_partitions_are_not_planned_in_the_square_of_the_time() {
        let fastest = |partitions, plan_all: fn(&mut Plan)| {
            let run = |_| {
                let (mut plan, began) = (plan(partitions), time::now());
                plan_all(&mut plan);
                assert!(plan.is_empty());
                began.elapsed()
            };
            (0..10).map(run).min().unwrap()
        };
        let poll: fn(&mut Plan) = |plan| drop(plan.next_long_poll().map(request));
        let prompt: fn(&mut Plan) = |plan| while plan.next_prompt(0).map(request).is_some() {};
        for plan_all in [poll, prompt] {
            let (few, many) = (fastest(1_000, plan_all), fastest(10_000, plan_all));
            // What it takes is counted by `tests/soak_instructions.rs`.
            assert!(many < 40 * few, "{few:?} for a thousand, {many:?} for ten thousand");
        }
    }

    #[test]
    fn topics_with_and_without_an_id_are_not_asked_for_together() {
        let mut plan = plan(2);
        plan.iter_mut().next().unwrap().topic_id = TopicId::new(7);
        let asked = plan.next_long_poll().unwrap();
        assert_eq!(
            (numbers(&asked), asked.name_of(TopicId::new(7).unwrap()).as_deref()),
            (vec![0], Some("t"))
        );
        let request = plan.next_long_poll().unwrap().request(Duration::ZERO, IsolationLevel::ReadUncommitted);
        assert_eq!(request.topics[0].id, None);
    }
}
