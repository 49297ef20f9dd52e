//! What a seed decides, as data: the shape of the world, what happens to it and when, and what the
//! application does. The shrinker takes parts away; nothing else is drawn while a world runs.

use std::fmt;
use std::time::Duration;

use ottla::ids::TopicPartition;
use ottla_testkit::{ApiKey, KafkaVersion};

use super::calling::Calling;
use super::dice::Dice;
use super::event::Event;
use super::kind::Kind;
use super::tasks::{Reading, Writing};

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

/// The client's own times, the same in all worlds but for dials: what heals within them has to be healed unseen.
pub(crate) const REQUEST: Duration = Duration::from_secs(5);
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
pub(crate) const DELIVERY: Duration = Duration::from_secs(60);
/// What had something wrong in its way goes on so soon after that, once a client could see that it is over.
const HEALS: Duration = Duration::from_millis(2_500);
/// The longest pause after records that were refused for want of an ACL.
pub(crate) const DENIED: Duration = Duration::from_millis(7_200);
/// A topic that was made anew is believed to be another one when three looks say so, with pauses that have grown.
const BELIEVED: Duration = Duration::from_secs(12);
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
    /// What a dial may take.
    pub(crate) connect: Duration,
    /// How long answers are under way.
    pub(crate) latency: Duration,
    /// How long sessions of logins last, if they have an end.
    pub(crate) session: Option<Duration>,
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
    pub(crate) callings: Vec<Calling>,
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
            1 | 2 => Entrance::Password,
            _ => Entrance::Plaintext,
        };
        let initial = dice.pick(&[0, 20, 60, 120]);
        let initial_size = dice.pick(&[5, 200, 2_000]);
        let trouble = dice.pick(&[Duration::from_secs(4), Duration::from_secs(30), TROUBLE]);
        let is_remade = false;
        let mut shape = Shape {
            brokers,
            topics,
            version,
            newest,
            partitions,
            compacted,
            initial,
            trouble,
            entrance,
            is_remade,
        };
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
            connect: Duration::from_secs(dice.pick(&[3, 3, 20])),
            latency: Duration::from_millis(dice.pick(&[0, 20])),
            session: dice.pick(&[None, Some(8), Some(30)]).map(Duration::from_secs),
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
            callings: (0..dice.pick(&[0, 0, 1])).map(|_| shape.calling(&mut dice)).collect(),
        }
    }

    /// With what a call may take beyond its limit: the request that is under way.
    pub(crate) fn ends(&self, limit: Duration) -> Duration {
        limit + REQUEST + self.connect
    }

    /// How soon what had something wrong in its way goes on, once a client could see that it is over.
    pub(crate) fn heals(&self) -> Duration {
        let is_remade = self.events.iter().any(|event| event.kind == Kind::TopicRemade);
        if is_remade { HEALS + BELIEVED } else { HEALS }
    }

    /// How long a client may need to see that something is over.
    pub(crate) fn noticing(&self) -> Duration {
        REQUEST + self.connect + Duration::from_secs(3)
    }

    /// The partitions that there are at first.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> + use<> {
        places(self.topics, self.partitions)
    }
}

pub(crate) fn places(topics: &'static [&'static str], partitions: i32) -> impl Iterator<Item = Place> {
    topics.iter().flat_map(move |topic| (0..partitions).map(move |partition| Place { topic, partition }))
}

/// What events and tasks are drawn for.
pub(crate) struct Shape {
    pub(crate) brokers: i32,
    pub(crate) topics: &'static [&'static str],
    pub(crate) version: KafkaVersion,
    pub(crate) newest: Option<(ApiKey, i16)>,
    pub(crate) partitions: i32,
    pub(crate) compacted: bool,
    pub(crate) initial: i64,
    /// When the last event comes at the latest.
    pub(crate) trouble: Duration,
    pub(crate) entrance: Entrance,
    /// A topic is deleted and made again.
    pub(crate) is_remade: bool,
}

impl Shape {
    /// Whether a topic that is made anew can be told from the one before.
    pub(crate) fn tells_ids(&self) -> bool {
        !matches!(self.newest, Some((ApiKey::Fetch, ..13) | (ApiKey::Metadata, ..10)))
    }

    /// Whether brokers can send clients back to a bootstrap list that has names of its own.
    pub(crate) fn sends_away(&self) -> bool {
        let knows = !matches!(self.newest, Some((ApiKey::Metadata, _)));
        self.version == KafkaVersion::V4_3 && knows && self.entrance != Entrance::Tls
    }

    pub(crate) fn place(&self, dice: &mut Dice) -> Place {
        Place { topic: dice.pick(self.topics), partition: dice.int(self.partitions) }
    }

    fn event(&self, dice: &mut Dice) -> Event {
        // Often when a task has just begun.
        let at = match dice.below(3) {
            0 => self.start(dice) + Duration::from_millis(dice.below(300)),
            _ => Duration::from_millis(dice.below(u64::try_from(self.trouble.as_millis()).unwrap())),
        };
        let mut kinds: Vec<Kind> = Kind::ALL.iter().copied().filter(|kind| kind.fits(self)).collect();
        // Few worlds have TLS, and these hit nobody most of the time.
        let seldom = [
            (Kind::BitFlipped, 4),
            (Kind::HeldProduce, 1),
            (Kind::RefusedAfterAppend, 1),
            (Kind::LeaderTaken, 1),
            (Kind::BrokerLost, 2),
        ];
        for (kind, more) in seldom {
            let more = if kinds.contains(&kind) { more } else { 0 };
            kinds.extend(std::iter::repeat_n(kind, more));
        }
        // Half of all that happens is that somebody writes.
        let kind = if dice.one_in(3) { Kind::Append } else { dice.pick(&kinds) };
        Event::draw(kind, at, self, dice)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "    {} brokers {:?}, {:?}, {:?} of {} partitions by {} replicas of {} records of {} bytes, {:?}, dials of {:?}, answers after {:?}{}{}",
            self.brokers,
            self.version,
            self.newest,
            self.topics,
            self.partitions,
            self.replicas,
            self.initial,
            self.initial_size,
            self.entrance,
            self.connect,
            self.latency,
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
        for calling in &self.callings {
            writeln!(f, "    {calling:?}")?;
        }
        Ok(())
    }
}
