//! What happens, as data: what a seed makes of each kind, and for how long it hurts.

use std::time::Duration;

use ottla_testkit::{ApiKey, Quota, Reach};

use super::dice::Dice;
use super::kind::Kind;
use super::schedule::{Place, Plan, REQUEST, Shape};

/// An answer that is to go wrong does so within this time, or not at all.
pub(crate) const WINDOW: Duration = Duration::from_secs(10);

/// How long a client may need to follow a leader that has moved away from a silent broker.
const FOLLOWING: Duration = Duration::from_secs(5);

/// Something that happens to the world.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) at: Duration,
    pub(crate) kind: Kind,
    pub(crate) what: What,
}

/// What happens, with what a seed chose for it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    Append {
        place: Place,
        records: u64,
        size: usize,
    },
    /// Records of a transaction that ends so much later.
    Transaction {
        place: Place,
        records: u64,
        committed: bool,
        lasts: Duration,
    },
    /// Of these offsets, told in thousandths of the log, one in so many stays; 0: none does.
    Compact {
        place: Place,
        from: i64,
        until: i64,
        keep_one_in: i64,
    },
    /// So many thousandths of the log go.
    Delete {
        place: Place,
        part: i64,
    },
    /// The last thousandths of the log go, and new records may come.
    Cut {
        place: Place,
        part: i64,
        to: i32,
        then: u64,
    },
    /// The topic is gone for so long.
    Remade {
        topic: &'static str,
        gone: Duration,
        then: u64,
    },
    /// A topic gets so many more partitions.
    Grown {
        topic: &'static str,
        by: i32,
    },
    /// An ACL is missing for so long.
    Denied {
        topic: &'static str,
        read: bool,
        write: bool,
        lasts: Duration,
    },
    LeaderMoved {
        place: Place,
        to: i32,
    },
    BrokerRestarted {
        broker: i32,
        away: Duration,
    },
    ConnectionsClosed {
        broker: i32,
    },
    /// The network takes what is sent to and by a broker, and lets nothing through for so long.
    Silence {
        broker: i32,
        lasts: Duration,
    },
    /// The same, and others lead what it led after so long.
    Lost {
        broker: i32,
        noticed: Duration,
        lasts: Duration,
    },
    /// All brokers are silent.
    Blackout {
        lasts: Duration,
    },
    /// No broker tells anything of the cluster for so long, or until a client goes back to its bootstrap list.
    SentAway {
        lasts: Duration,
    },
    /// The first address of a broker's name, for so long.
    AddressAway {
        broker: i32,
        reach: Reach,
        lasts: Duration,
    },
    BitFlipped {
        broker: i32,
    },
    LeaderTaken {
        place: Place,
        lasts: Duration,
    },
    StaleMetadata {
        broker: i32,
        lasts: Duration,
    },
    Quota {
        quota: Quota,
        per_second: f64,
        lasts: Duration,
    },
    /// Answers go wrong, and more with them.
    Answers {
        api: ApiKey,
        times: u64,
        wrong: Wrong,
        with: With,
    },
}

/// What happens beside a wrong answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum With {
    Nothing,
    /// All partitions get another leader, soon after an answer went wrong.
    Moved(i32),
    /// The broker restarts as soon as its answer went wrong.
    Restarted,
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wrong {
    Late(Duration),
    Stalled,
    /// The request is carried out.
    Lost,
    ClosedBefore,
    ClosedAfter,
    CutAt(usize),
    Throttled(Duration),
    /// One partition is refused by this code.
    Refused(Place, i16),
    /// All of it.
    RefusedWhole(i16),
    RefusedAfter(i16),
    Held(Duration),
}

fn millis(dice: &mut Dice, of: &[u64]) -> Duration {
    Duration::from_millis(dice.pick(of))
}

impl Event {
    pub(crate) fn draw(kind: Kind, at: Duration, shape: &Shape, dice: &mut Dice) -> Self {
        let place = shape.place(dice);
        let broker = 1 + dice.int(shape.brokers);
        let what = match kind {
            Kind::Append => {
                What::Append { place, records: dice.within(1, 12), size: dice.pick(&[0, 0, 50, 3_000]) }
            }
            Kind::Transaction => What::Transaction {
                place,
                records: dice.within(1, 6),
                committed: dice.one_in(2),
                lasts: millis(dice, &[0, 500, 5_000, 40_000, 58_000, 64_000]),
            },
            Kind::Compact => {
                let from = i64::try_from(dice.below(1000)).unwrap();
                let until = i64::try_from(dice.within(from.unsigned_abs(), 1000)).unwrap();
                What::Compact { place, from, until, keep_one_in: dice.pick(&[0, 0, 2, 7]) }
            }
            Kind::Delete => What::Delete { place, part: dice.pick(&[50, 300, 1000]) },
            Kind::LogCut => What::Cut {
                place,
                part: dice.pick(&[20, 100, 500, 1000]),
                to: broker,
                then: dice.pick(&[0, 5, 60]),
            },
            Kind::TopicRemade => What::Remade {
                topic: place.topic,
                gone: millis(dice, &[0, 50, 3_000, 15_000]),
                then: dice.pick(&[0, 5, 60]),
            },
            Kind::PartitionsAdded => What::Grown { topic: place.topic, by: dice.pick(&[1, 2]) },
            Kind::Denied => {
                let (read, write) = dice.pick(&[(true, false), (false, true), (true, true)]);
                let lasts = millis(dice, &[300, 2_000, 15_000, 30_000]);
                What::Denied { topic: place.topic, read, write, lasts }
            }
            _ => of_brokers(kind, place, broker, dice),
        };
        Self { at, kind, what }
    }

    /// Whether brokers tell clients to leave them alone.
    pub(crate) fn mutes(&self) -> bool {
        matches!(self.what, What::Quota { .. } | What::Answers { wrong: Wrong::Throttled(_), .. })
    }

    /// For how long the world is worse for it, from its time on: with what a client needs to see that
    /// it is over.
    pub(crate) fn hurts(&self, plan: &Plan) -> Duration {
        let noticing = plan.noticing();
        match &self.what {
            What::Append { .. }
            | What::Transaction { .. }
            | What::Compact { .. }
            | What::Delete { .. }
            | What::Grown { .. } => Duration::ZERO,
            What::Denied { lasts, .. } => *lasts,
            // The other address is tried a quarter of a second later.
            What::AddressAway { reach, .. } if *reach != Reach::Mute => Duration::ZERO,
            What::LeaderMoved { .. } | What::ConnectionsClosed { .. } | What::Cut { .. } => noticing,
            What::BitFlipped { .. } => WINDOW + noticing,
            What::SentAway { .. } => noticing,
            // Who waits for it looks who leads what it led, however long a dial to it may take.
            What::Lost { noticed, .. } => *noticed + FOLLOWING,
            // What was read before is paid for afterwards.
            What::Quota { lasts, .. } => *lasts + Duration::from_secs(40) + noticing,
            What::BrokerRestarted { away: lasts, .. }
            | What::Silence { lasts, .. }
            | What::Blackout { lasts }
            | What::AddressAway { lasts, .. }
            | What::LeaderTaken { lasts, .. }
            | What::StaleMetadata { lasts, .. }
            | What::Remade { gone: lasts, .. } => *lasts + noticing,
            What::Answers { times, wrong, .. } => {
                // One after the other in the worst case, each with a new connection; refusals come at once.
                let each = match wrong {
                    Wrong::Refused(..) | Wrong::RefusedWhole(_) | Wrong::RefusedAfter(_) => Duration::ZERO,
                    Wrong::Throttled(throttle) => *throttle + plan.connect,
                    _ => REQUEST + plan.connect,
                };
                WINDOW + each * u32::try_from(*times).unwrap() + noticing
            }
        }
    }
}

fn of_brokers(kind: Kind, place: Place, broker: i32, dice: &mut Dice) -> What {
    match kind {
        Kind::LeaderMoved => What::LeaderMoved { place, to: broker },
        Kind::BrokerRestarted => {
            What::BrokerRestarted { broker, away: millis(dice, &[100, 2_000, 15_000, 30_000]) }
        }
        Kind::ConnectionsClosed => What::ConnectionsClosed { broker },
        Kind::Silence => What::Silence { broker, lasts: millis(dice, &[300, 4_000, 15_000, 30_000]) },
        Kind::BrokerLost => {
            let noticed = millis(dice, &[2_000, 7_000, 12_000]);
            What::Lost { broker, noticed, lasts: noticed + millis(dice, &[20_000, 60_000]) }
        }
        Kind::Blackout => What::Blackout { lasts: millis(dice, &[2_000, 20_000, 75_000, 75_000]) },
        Kind::SentAway => What::SentAway { lasts: millis(dice, &[30_000, 75_000]) },
        Kind::AddressAway => {
            let reach = dice.pick(&[Reach::Silent, Reach::Refused, Reach::Mute]);
            // For longer than anybody waits, where the other address helps.
            let longest = if reach == Reach::Mute { 30_000 } else { 90_000 };
            What::AddressAway { broker, reach, lasts: millis(dice, &[3_000, longest]) }
        }
        Kind::BitFlipped => What::BitFlipped { broker },
        Kind::LeaderTaken => What::LeaderTaken { place, lasts: millis(dice, &[100, 3_000, 15_000, 30_000]) },
        Kind::StaleMetadata => What::StaleMetadata { broker, lasts: millis(dice, &[1_000, 8_000, 25_000]) },
        Kind::Quota => {
            let lasts = millis(dice, &[5_000, 30_000]);
            let quota = dice.pick(&[Quota::ConsumerByteRate, Quota::ProducerByteRate, Quota::RequestRate]);
            What::Quota { quota, per_second: if quota == Quota::RequestRate { 5.0 } else { 10_000.0 }, lasts }
        }
        _ => answers(kind, place, broker, dice),
    }
}

fn answers(kind: Kind, place: Place, broker: i32, dice: &mut Dice) -> What {
    let wrong = match kind {
        Kind::Delay => Wrong::Late(millis(dice, &[20, 400, 3_000, 9_000])),
        Kind::Stall => Wrong::Stalled,
        Kind::AnswerLost => Wrong::Lost,
        Kind::CloseBefore => Wrong::ClosedBefore,
        Kind::CloseAfter => Wrong::ClosedAfter,
        Kind::TruncatedFrame => Wrong::CutAt(usize::try_from(dice.below(120)).unwrap()),
        Kind::Throttle => Wrong::Throttled(millis(dice, &[50, 2_000, 30_000, 120_000])),
        Kind::RefusedAfterAppend => Wrong::RefusedAfter(dice.pick(&[3, 6, 7, 20, 56])),
        Kind::HeldProduce => Wrong::Held(millis(dice, &[100, 2_000, 4_000, 9_000])),
        Kind::WrongOutOfRange => Wrong::Refused(place, 1),
        Kind::RebootstrapRequired => Wrong::RefusedWhole(129),
        _ => Wrong::Refused(place, dice.pick(&[3, 5, 6])),
    };
    let apis: &[ApiKey] = match kind {
        Kind::Throttle => &[ApiKey::Fetch, ApiKey::Fetch, ApiKey::Produce, ApiKey::Metadata],
        Kind::RefusedAfterAppend | Kind::HeldProduce => &[ApiKey::Produce],
        Kind::WrongOutOfRange => &[ApiKey::Fetch],
        Kind::RebootstrapRequired => &[ApiKey::Metadata],
        Kind::NotLeader => &[ApiKey::Fetch, ApiKey::Produce],
        _ => &[
            ApiKey::Fetch,
            ApiKey::Fetch,
            ApiKey::Produce,
            ApiKey::Produce,
            ApiKey::Metadata,
            ApiKey::ListOffsets,
            ApiKey::InitProducerId,
            ApiKey::ApiVersions,
        ],
    };
    // A follower that lags may say so again and again.
    let most = match kind {
        Kind::WrongOutOfRange => dice.pick(&[1, 5, 500]),
        Kind::RefusedAfterAppend => 5,
        _ => 2,
    };
    let (api, times) = (dice.pick(apis), dice.within(1, most));
    let with = match (api, dice.below(3)) {
        (ApiKey::Produce, 0) => With::Restarted,
        (ApiKey::Produce, 1) => With::Moved(broker),
        _ if kind == Kind::HeldProduce => With::Moved(broker),
        _ if kind == Kind::RefusedAfterAppend => With::Restarted,
        _ => With::Nothing,
    };
    What::Answers { api, times, wrong, with }
}
