//! How a seed becomes a plan.

use std::time::Duration;

use ottla_testkit::ApiKey;

use super::dice::Dice;
use super::kind::Kind;
use super::plan::{End, Event, Harm, Keeping, Order, Plan, Using, What, Wrong};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// The latest that nodes learn of a token: a keeper gives one up that is listed nowhere for two minutes.
pub(crate) const LATEST: Duration = Duration::from_secs(90);
const DAY: Duration = Duration::from_secs(86_400);

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x70ce);
        let period = dice.pick(&[10 * MINUTE, HOUR, DAY, 7 * DAY]);
        let keepers = dice.pick(&[1, 1, 1, 1, 2]);
        let mut plan = Self {
            seed,
            brokers: dice.pick(&[1, 1, 2, 3]),
            period,
            max: period * dice.pick(&[1, 2, 4]),
            sweep: dice.pick(&[period / 12, period / 2]),
            propagation: Duration::from_millis(dice.pick(&[0, 30, 150, 2_000])),
            reauth: dice.pick(&[None, None, Some(period / 8)]),
            length: period * dice.pick(&[3, 3, 4]),
            keepers: (0..keepers).map(|_| keeping(period, &mut dice)).collect(),
            users: Vec::new(),
            crowd: false,
            events: Vec::new(),
        };
        for keeper in 0..keepers {
            plan.users.push(plan.using(keeper, dice.one_in(2), &mut dice));
        }
        if dice.one_in(4) {
            plan.users.push(plan.using(0, true, &mut dice));
        }
        let mut kinds: Vec<Kind> = Kind::ALL.iter().copied().filter(|kind| kind.is_event()).collect();
        kinds.retain(|kind| plan.has_file(0) || !is_of_files(*kind));
        plan.events = (0..dice.within(1, 7)).map(|_| plan.event(dice.pick(&kinds), &mut dice)).collect();
        plan.events.sort_by_key(|event| event.at);
        plan.crowd = dice.one_in(20);
        plan
    }

    fn using(&self, keeper: usize, by_file: bool, dice: &mut Dice) -> Using {
        Using {
            keeper,
            by_file,
            every: self.period / dice.pick(&[3, 5]),
            idle_close: dice.pick(&[Duration::from_secs(540), 90 * DAY, 90 * DAY, 90 * DAY]),
            partition: dice.int(self.brokers),
            seed: dice.next(),
        }
    }

    /// A time that is short or long beside the life of a token. Longer ones than a few hours show no more,
    /// and cost as many calls as a patient user makes in them.
    fn time(&self, dice: &mut Dice) -> Duration {
        let long = if self.period > HOUR { 2 * HOUR } else { self.period / 2 };
        dice.pick(&[5 * SECOND, 40 * SECOND, 3 * MINUTE, long.min(self.period / 12), long])
    }

    fn event(&self, kind: Kind, dice: &mut Dice) -> Event {
        let at = SECOND * u32::try_from(dice.below((self.heals() * 9 / 10).as_secs())).unwrap();
        let broker = 1 + dice.int(self.brokers);
        let keeper = usize::try_from(dice.below(self.keepers.len() as u64)).unwrap();
        let lasts = self.time(dice);
        let what = match kind {
            Kind::TokensLate => {
                let broker = dice.pick(&[None, Some(broker)]);
                // Later than a token is young, and than a proof of it lasts.
                What::TokensLate {
                    broker,
                    delay: dice.pick(&[SECOND, 6 * SECOND, 40 * SECOND, LATEST]),
                    lasts,
                }
            }
            Kind::KeeperKilled => What::Keeper { keeper, order: order(End::Killed, lasts, dice) },
            Kind::KeeperKilledAtWork => {
                let end = End::KilledAtWork {
                    turns: dice.below(60),
                    answers: Duration::from_millis(dice.pick(&[0, 20, 300])),
                    after: Duration::from_millis(dice.pick(&[0, 0, 10, 100, 400, 2_000])),
                };
                What::Keeper { keeper, order: order(end, lasts, dice) }
            }
            Kind::ShutDownLeaving => What::Keeper { keeper, order: order(End::Leave, lasts, dice) },
            Kind::ShutDownExpiring => What::Keeper { keeper, order: order(End::Expire, lasts, dice) },
            Kind::ConnectionsClosed => What::ConnectionsClosed { broker },
            Kind::BrokerAway => What::BrokerAway { broker, lasts },
            Kind::Silence => What::Silence { broker, lasts },
            Kind::AdminRefused => What::AdminRefused { keeper, lasts },
            Kind::SecretRotated => What::SecretRotated,
            Kind::TokenDeleted => What::TokenDeleted { keeper },
            Kind::BrokersClockForward => What::BrokersClock(seconds(lasts)),
            Kind::BrokersClockBack => What::BrokersClock(-seconds(lasts)),
            Kind::OurClockForward => What::OurClock(seconds(lasts)),
            Kind::OurClockBack => What::OurClock(-seconds(lasts)),
            Kind::FileTruncated => What::File { keeper: 0, harm: Harm::Truncated, lasts },
            Kind::FileRemoved => What::File { keeper: 0, harm: Harm::Removed, lasts },
            Kind::FileOlder => What::File { keeper: 0, harm: Harm::Older, lasts },
            _ => answers(kind, dice),
        };
        Event { at, kind, what }
    }
}

fn is_of_files(kind: Kind) -> bool {
    matches!(kind, Kind::FileTruncated | Kind::FileRemoved | Kind::FileOlder)
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap()
}

fn keeping(period: Duration, dice: &mut Dice) -> Keeping {
    Keeping {
        saved: !dice.one_in(3),
        grace: dice.pick(&[SECOND, MINUTE, period / 12]),
        ratio: dice.pick(&[0.5, 0.75, 0.75]),
    }
}

fn order(end: End, away: Duration, dice: &mut Dice) -> Order {
    let mut cut = || if dice.one_in(4) { Some(dice.below(80)) } else { None };
    Order { end, away, cut: [cut(), cut()] }
}

fn answers(kind: Kind, dice: &mut Dice) -> What {
    let wrong = match kind {
        Kind::AnswerLost => Wrong::Lost,
        Kind::ClosedBefore => Wrong::ClosedBefore,
        Kind::ClosedAfter => Wrong::ClosedAfter,
        Kind::Throttled => Wrong::Throttled(dice.pick(&[SECOND, 30 * SECOND])),
        Kind::LoginStalled => Wrong::Stalled,
        _ => Wrong::Late(dice.pick(&[SECOND, 4 * SECOND, 8 * SECOND])),
    };
    let api = match kind {
        Kind::LoginStalled => ApiKey::SaslAuthenticate,
        _ => dice.pick(&[
            ApiKey::CreateDelegationToken,
            ApiKey::CreateDelegationToken,
            ApiKey::RenewDelegationToken,
            ApiKey::ExpireDelegationToken,
            ApiKey::DescribeDelegationToken,
        ]),
    };
    What::Answers { api, wrong, times: dice.pick(&[1, 2, 4]) }
}
