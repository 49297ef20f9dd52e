//! Kinds of faults, and what a seed makes of them.

use std::sync::Arc;
use std::time::Duration;

use ottla_testkit::{Action, ApiKey, BrokerId, Cluster, ClusterBuilder, Fault};

use super::Role;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Delay,
    Stall,
    Drop,
    CloseBefore,
    CloseAfter,
    Truncate,
    CorruptByte,
    WrongCorrelationId,
    HostileLength,
    HostileCounts,
    Refuse,
    RefusePartition,
    Throttle,
    LeaderMoved,
    BrokerRestarted,
    ConnectionsClosed,
}

/// Error codes that brokers give, those that pass and those that do not.
const CODES: [i16; 10] = [-1, 3, 5, 6, 7, 8, 9, 29, 58, 75];

impl Kind {
    pub(super) const ALL: &[Self] = &[
        Self::Delay,
        Self::Stall,
        Self::Drop,
        Self::CloseBefore,
        Self::CloseAfter,
        Self::Truncate,
        Self::CorruptByte,
        Self::WrongCorrelationId,
        Self::HostileLength,
        Self::HostileCounts,
        Self::Refuse,
        Self::RefusePartition,
        Self::Throttle,
        Self::LeaderMoved,
        Self::BrokerRestarted,
        Self::ConnectionsClosed,
    ];

    /// Whether what a broker says may be untrue. No checksum covers the whole of an answer, so
    /// then only what checksums cover can be relied on.
    pub(super) fn lies(self) -> bool {
        matches!(self, Self::CorruptByte | Self::HostileCounts)
    }
}

/// Numbers that follow from a seed (SplitMix64).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

/// What goes wrong, and when.
pub(super) struct Plan {
    pub(super) kind: Kind,
    pub(super) seed: u64,
    fault: Option<Fault>,
}

pub(super) const TOPIC: &str = "faulty";
pub(super) const PARTITIONS: i32 = 6;
const BROKERS: i32 = 3;

impl Plan {
    pub(super) fn new(kind: Kind, role: Role, seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(31).wrapping_add(kind as u64));
        let fault = action(kind, &mut dice).map(|action| {
            let mut fault = Fault::new(action);
            if dice.below(4) > 0 {
                fault = fault.on_api(dice.pick(apis(role)));
            }
            if dice.below(3) == 0 {
                fault = fault.on_broker(BrokerId(1 + i32::try_from(dice.below(3)).unwrap()));
            }
            fault.after(dice.below(4)).times(1 + dice.below(6)).chance(dice.pick(&[0.1, 0.5, 1.0]))
        });
        Self { kind, seed, fault }
    }

    pub(super) fn builder(&self) -> ClusterBuilder {
        crate::support::embedded::builder().seed(self.seed)
    }

    /// Begins to do wrong.
    pub(super) fn begin(&self, brokers: &Arc<Cluster>) {
        match &self.fault {
            Some(fault) => brokers.faults().add(fault.clone()),
            None => {
                let (kind, dice) = (self.kind, Dice(self.seed));
                tokio::spawn(disturb(kind, dice, Arc::downgrade(brokers)));
            }
        }
    }
}

fn apis(role: Role) -> &'static [ApiKey] {
    match role {
        Role::Reader => &[
            ApiKey::Fetch,
            ApiKey::Metadata,
            ApiKey::ApiVersions,
            ApiKey::SaslHandshake,
            ApiKey::SaslAuthenticate,
        ],
        Role::Admin => &[
            ApiKey::ApiVersions,
            ApiKey::Metadata,
            ApiKey::CreateTopics,
            ApiKey::DeleteTopics,
            ApiKey::ListOffsets,
            ApiKey::CreateDelegationToken,
            ApiKey::RenewDelegationToken,
            ApiKey::DescribeDelegationToken,
            ApiKey::ExpireDelegationToken,
        ],
        Role::Reauthentication => &[ApiKey::SaslHandshake, ApiKey::SaslAuthenticate],
        Role::Writer => &[ApiKey::Produce, ApiKey::Produce, ApiKey::InitProducerId, ApiKey::Metadata],
    }
}

fn action(kind: Kind, dice: &mut Dice) -> Option<Action> {
    let millis = Duration::from_millis;
    Some(match kind {
        Kind::Delay => Action::Delay(millis(dice.pick(&[5, 200, 4_000, 45_000]))),
        Kind::Stall => Action::Stall,
        Kind::Drop => Action::Drop,
        Kind::CloseBefore => Action::CloseBefore,
        Kind::CloseAfter => Action::CloseAfter,
        Kind::Truncate => Action::Truncate(usize::try_from(dice.below(120)).unwrap()),
        Kind::CorruptByte => Action::CorruptByte,
        Kind::WrongCorrelationId => Action::WrongCorrelationId,
        Kind::HostileLength => Action::ClaimLength(dice.pick(&[i32::MIN, -1, 0, 3, 1 << 28, i32::MAX])),
        Kind::HostileCounts => Action::Overwrite {
            at: 8 + usize::try_from(dice.below(60)).unwrap(),
            bytes: vec![dice.pick(&[0xff, 0x7f, 0x80]); dice.pick(&[1, 4, 8])],
        },
        Kind::Refuse => Action::Refuse(dice.pick(&CODES)),
        Kind::RefusePartition => Action::RefusePartition {
            topic: TOPIC.to_owned(),
            partition: i32::try_from(dice.below(6)).unwrap(),
            code: dice.pick(&CODES),
        },
        Kind::Throttle => Action::Throttle(millis(dice.pick(&[10, 2_000]))),
        Kind::LeaderMoved | Kind::BrokerRestarted | Kind::ConnectionsClosed => return None,
    })
}

/// What happens to brokers rather than to answers, ten times.
async fn disturb(kind: Kind, mut dice: Dice, brokers: std::sync::Weak<Cluster>) {
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(1 + dice.below(300))).await;
        let broker = BrokerId(1 + i32::try_from(dice.below(BROKERS.try_into().unwrap())).unwrap());
        let partition = i32::try_from(dice.below(PARTITIONS.try_into().unwrap())).unwrap();
        let Some(brokers) = brokers.upgrade() else { return };
        match kind {
            Kind::LeaderMoved => brokers.move_leader(TOPIC, partition, broker).unwrap(),
            Kind::BrokerRestarted => {
                brokers.stop_broker(broker).unwrap();
                tokio::time::sleep(Duration::from_millis(dice.below(2_000))).await;
                brokers.start_broker(broker).unwrap();
            }
            _ => brokers.close_connections(broker).unwrap(),
        }
    }
}
