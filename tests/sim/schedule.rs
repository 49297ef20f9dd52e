//! What a seed decides, as data: the shape of the world, what happens to it and when, and what the
//! application does. The shrinker takes parts away; nothing else is drawn while a world runs.

use std::fmt;
use std::time::Duration;

use ottla::Codec;
use ottla::ids::TopicPartition;
use ottla_testkit::{ApiKey, KafkaVersion};

use super::dice::Dice;
use super::event::Event;
use super::kind::Kind;

/// The topics of worlds: the first, or both.
const TOPICS: [&str; 2] = ["world", "moon"];

/// A partition of a topic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) topic: &'static str,
    pub(crate) partition: i32,
}

impl Place {
    pub(crate) fn of(told: &TopicPartition) -> Option<Self> {
        let topic = TOPICS.into_iter().find(|topic| *topic == &*told.topic)?;
        Some(Self { topic, partition: told.partition })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The client's own times, the same in all worlds: what heals within them has to be healed unseen.
pub(crate) const CONNECT: Duration = Duration::from_secs(3);
pub(crate) const REQUEST: Duration = Duration::from_secs(5);
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
pub(crate) const DELIVERY: Duration = Duration::from_secs(60);
/// Until then things begin to go wrong, in the longest of worlds; then it heals.
pub(crate) const TROUBLE: Duration = Duration::from_secs(100);

/// Brokers before an upgrade: the newest version of an API that they offer. Fetch of before version 13 and
/// Metadata of before 10 have no ids of topics, Fetch of before 12 does not say where logs part. Produce of before 8
/// names no records that it refuses.
const OLDER: &[(ApiKey, i16)] = &[
    (ApiKey::Fetch, 11),
    (ApiKey::Fetch, 12),
    (ApiKey::Fetch, 15),
    (ApiKey::Metadata, 9),
    (ApiKey::Metadata, 11),
    (ApiKey::Produce, 8),
    (ApiKey::Produce, 9),
    (ApiKey::ListOffsets, 5),
    (ApiKey::OffsetForLeaderEpoch, 3),
];

/// How clients come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entrance {
    Plaintext,
    Password,
    Tls,
}

/// What one task of the application reads.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    pub(crate) start: Duration,
    /// First offset and end of what is read of a partition; an open range ends at `i64::MAX`.
    pub(crate) ranges: Vec<(Place, i64, i64)>,
    pub(crate) committed: bool,
    pub(crate) skip: bool,
    pub(crate) small_budget: bool,
    /// After one in so many calls the reader is dropped, and another one goes on; 0: after none.
    pub(crate) dropped_one_in: u64,
    pub(crate) manners: Manners,
}

/// What one task of the application writes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Writing {
    pub(crate) start: Duration,
    pub(crate) records: u64,
    pub(crate) size: usize,
    pub(crate) batch_bytes: usize,
    pub(crate) codec: Codec,
    pub(crate) small_memory: bool,
    pub(crate) flush_every: u64,
    /// Records without a receipt, in percent.
    pub(crate) without_receipt: u64,
    pub(crate) ends: Ends,
    /// The listener panics at one in so many batches; 0: there is none.
    pub(crate) panics_one_in: u64,
    /// One in so many records has no key; 0: none.
    pub(crate) keyless_one_in: u64,
    /// Another task writes by a clone of the writer.
    pub(crate) is_shared: bool,
    pub(crate) manners: Manners,
}

/// How a writing task takes its leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    Close,
    Flush,
    /// The writer is dropped with records under way.
    Drop,
}

/// How patient a task is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Manners {
    pub(crate) seed: u64,
    /// One in so many calls is followed by a pause of up to so long.
    pub(crate) pause_one_in: u64,
    pub(crate) pause: Duration,
    /// One in so many calls is given up; 0: none is.
    pub(crate) cancel_one_in: u64,
}

/// Everything that a seed decides.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) brokers: i32,
    pub(crate) topics: &'static [&'static str],
    /// How many each topic has at first.
    pub(crate) partitions: i32,
    /// All tasks come in by one client.
    pub(crate) shares_client: bool,
    pub(crate) metadata_max_age: Duration,
    pub(crate) version: KafkaVersion,
    /// Versions above which an API is not offered.
    pub(crate) newest: Option<(ApiKey, i16)>,
    /// The topic takes no records without a key.
    pub(crate) compacted: bool,
    pub(crate) entrance: Entrance,
    /// How many replicas each partition has.
    pub(crate) replicas: usize,
    /// Records in each partition before anything happens.
    pub(crate) initial: i64,
    pub(crate) initial_size: usize,
    /// When the last event comes at the latest.
    pub(crate) trouble: Duration,
    pub(crate) events: Vec<Event>,
    pub(crate) readings: Vec<Reading>,
    pub(crate) writings: Vec<Writing>,
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x5eed);
        let brokers = dice.pick(&[1, 2, 3, 3]);
        let replicas = dice.pick(&[1, 3, 3]);
        let version = dice.pick(&[KafkaVersion::V3_9, KafkaVersion::V4_3, KafkaVersion::V4_3]);
        let newest = if dice.one_in(4) { Some(dice.pick(OLDER)) } else { None };
        let compacted = dice.one_in(4);
        let topics = if dice.one_in(5) { &TOPICS[..] } else { &TOPICS[..1] };
        let partitions = dice.pick(&[1, 1, 2, 3]).min(if topics.len() == 1 { 3 } else { 2 });
        let entrance = match dice.below(12) {
            0 => Entrance::Tls,
            1 => Entrance::Password,
            _ => Entrance::Plaintext,
        };
        let initial = dice.pick(&[0, 20, 60, 120]);
        let initial_size = dice.pick(&[5, 200, 2_000]);
        let trouble = dice.pick(&[Duration::from_secs(4), Duration::from_secs(30), TROUBLE]);
        let is_remade = false;
        let mut shape =
            Shape { brokers, topics, newest, partitions, compacted, initial, trouble, entrance, is_remade };
        let mut events: Vec<Event> = (0..dice.within(3, 14)).map(|_| shape.event(&mut dice)).collect();
        events.sort_by_key(|event| event.at);
        shape.is_remade = events.iter().any(|event| event.kind == Kind::TopicRemade);
        let shares_client = dice.one_in(3);
        let readers = if shares_client { [1, 2, 2] } else { [1, 1, 2] };
        Self {
            seed,
            brokers,
            replicas,
            topics,
            partitions,
            shares_client,
            metadata_max_age: Duration::from_secs(dice.pick(&[10, 300, 300])),
            version,
            newest,
            compacted,
            entrance,
            initial,
            initial_size,
            trouble,
            events,
            readings: (0..dice.pick(&readers)).map(|_| shape.reading(&mut dice)).collect(),
            writings: (0..dice.pick(&[0, 1, 1])).map(|_| shape.writing(&mut dice)).collect(),
        }
    }

    /// The partitions that there are at first.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> + use<> {
        places(self.topics, self.partitions)
    }
}

fn places(topics: &'static [&'static str], partitions: i32) -> impl Iterator<Item = Place> {
    topics.iter().flat_map(move |topic| (0..partitions).map(move |partition| Place { topic, partition }))
}

/// What events and tasks are drawn for.
pub(crate) struct Shape {
    pub(crate) brokers: i32,
    pub(crate) topics: &'static [&'static str],
    pub(crate) newest: Option<(ApiKey, i16)>,
    pub(crate) partitions: i32,
    pub(crate) compacted: bool,
    pub(crate) initial: i64,
    /// When the last event comes at the latest.
    pub(crate) trouble: Duration,
    pub(crate) entrance: Entrance,
    /// A topic is deleted and made again.
    is_remade: bool,
}

impl Shape {
    /// Whether a topic that is made anew can be told from the one before.
    pub(crate) fn tells_ids(&self) -> bool {
        !matches!(self.newest, Some((ApiKey::Fetch, ..13) | (ApiKey::Metadata, ..10)))
    }

    pub(crate) fn place(&self, dice: &mut Dice) -> Place {
        Place { topic: dice.pick(self.topics), partition: dice.int(self.partitions) }
    }

    fn event(&self, dice: &mut Dice) -> Event {
        let at = Duration::from_millis(dice.below(u64::try_from(self.trouble.as_millis()).unwrap()));
        let mut kinds: Vec<Kind> = Kind::ALL.iter().copied().filter(|kind| kind.fits(self)).collect();
        // Few worlds have TLS, and these hit nobody most of the time.
        let seldom = [(Kind::BitFlipped, 4), (Kind::HeldProduce, 1), (Kind::LeaderTaken, 1)];
        for (kind, more) in seldom {
            let more = if kinds.contains(&kind) { more } else { 0 };
            kinds.extend(std::iter::repeat_n(kind, more));
        }
        // Half of all that happens is that somebody writes.
        let kind = if dice.one_in(3) { Kind::Append } else { dice.pick(&kinds) };
        Event::draw(kind, at, self, dice)
    }

    fn reading(&self, dice: &mut Dice) -> Reading {
        let mut ranges: Vec<(Place, i64, i64)> = Vec::new();
        for place in places(self.topics, self.partitions) {
            if !ranges.is_empty() && dice.one_in(3) {
                continue;
            }
            self.ranges(place, &mut ranges, dice);
        }
        if dice.one_in(4) {
            ranges.reverse();
        }
        Reading {
            start: self.start(dice),
            ranges,
            committed: dice.one_in(2),
            skip: dice.one_in(2),
            small_budget: dice.one_in(3),
            dropped_one_in: dice.pick(&[0, 0, 0, 4]),
            manners: manners(dice),
        }
    }

    /// What is to be read of a partition: often in pieces. One without an end is the only one in a topic
    /// that is made anew: else nobody could tell which of them goes on in the new log.
    fn ranges(&self, place: Place, ranges: &mut Vec<(Place, i64, i64)>, dice: &mut Dice) {
        let mut from = if dice.one_in(3) { offset(dice, 0, self.initial) } else { 0 };
        let pieces = dice.pick(&[1, 1, 1, 2, 3]);
        for piece in 1..=pieces {
            let until = match dice.below(6) {
                0 if piece == pieces && (pieces == 1 || !self.is_remade) => i64::MAX,
                0 | 1 if piece == pieces => offset(dice, from + 1, self.initial.max(from) + 40),
                _ => offset(dice, from, self.initial.max(from)),
            };
            ranges.push((place, from, until));
            from = until.saturating_add(dice.pick(&[0, 0, 3])).min(self.initial.max(until));
        }
    }

    /// When a task begins: mostly at once or amid all that happens.
    fn start(&self, dice: &mut Dice) -> Duration {
        let part = u32::try_from(dice.pick(&[0, 0, 1, 3, 6, 9])).unwrap();
        self.trouble * part / 10
    }

    fn writing(&self, dice: &mut Dice) -> Writing {
        Writing {
            start: self.start(dice),
            records: dice.within(5, 60),
            size: dice.pick(&[10, 100, 1_000]),
            batch_bytes: dice.pick(&[1_024, 4_096, 65_536]),
            codec: dice.pick(&[
                Codec::Uncompressed,
                Codec::Uncompressed,
                Codec::Uncompressed,
                Codec::Uncompressed,
                Codec::Gzip,
                Codec::Snappy,
                Codec::Lz4,
                Codec::Zstd,
            ]),
            small_memory: dice.one_in(4),
            flush_every: dice.pick(&[3, 10, 1_000]),
            without_receipt: dice.pick(&[0, 50]),
            ends: match dice.below(4) {
                0 => Ends::Drop,
                1 => Ends::Flush,
                _ => Ends::Close,
            },
            panics_one_in: dice.pick(&[0, 0, 0, 3]),
            keyless_one_in: if self.compacted { dice.pick(&[0, 4]) } else { 1 },
            is_shared: dice.one_in(4),
            manners: manners(dice),
        }
    }
}

fn offset(dice: &mut Dice, low: i64, high: i64) -> i64 {
    let span = u64::try_from(high - low).unwrap_or(0);
    low + i64::try_from(dice.below(span + 1)).unwrap()
}

fn manners(dice: &mut Dice) -> Manners {
    Manners {
        seed: dice.next(),
        pause_one_in: dice.pick(&[2, 5, 20]),
        pause: Duration::from_millis(dice.pick(&[10, 3_000, 30_000, 90_000])),
        cancel_one_in: dice.pick(&[0, 0, 3, 8]),
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "    {} brokers {:?}, {:?}, {:?} of {} partitions by {} replicas of {} records of {} bytes, {:?}{}{}",
            self.brokers,
            self.version,
            self.newest,
            self.topics,
            self.partitions,
            self.replicas,
            self.initial,
            self.initial_size,
            self.entrance,
            if self.compacted { ", compacted" } else { "" },
            if self.shares_client { ", one client" } else { "" }
        )?;
        for event in &self.events {
            writeln!(f, "    {:>7} ms {:?}", event.at.as_millis(), event.what)?;
        }
        for reading in &self.readings {
            writeln!(f, "    {reading:?}")?;
        }
        for writing in &self.writings {
            writeln!(f, "    {writing:?}")?;
        }
        Ok(())
    }
}
