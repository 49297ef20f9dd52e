//! What is wrong between a client and the brokers: addresses that are silent, streams that are damaged.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use crate::BrokerId;
use crate::random::Random;

/// What becomes of a connection to an address in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reach {
    /// It is made.
    #[default]
    Open,
    /// It is never made, nor refused: packets are lost.
    Silent,
    /// It is made, and nothing that is sent is ever read or answered.
    Mute,
    /// It is refused at once.
    Refused,
}

/// What happens to the bytes of one connection, below TLS. Positions count from the connection's first
/// byte in that direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Harm {
    /// The lowest bit of the byte at this position is flipped, on its way to the broker.
    FlipRequest(u64),
    /// The lowest bit of the byte at this position is flipped, on its way to the client.
    FlipAnswer(u64),
    /// After so many bytes to the client nothing is carried any more, either way, and nobody is told.
    Silence(u64),
    /// After so many bytes to the client its stream ends; what it sends is still read.
    HalfClose(u64),
}

/// A [`Harm`], and the connections that it befalls, in the order of their opening.
#[derive(Clone, Debug, PartialEq)]
pub struct WireFault {
    harm: Harm,
    broker: Option<BrokerId>,
    skip: u64,
    times: u64,
    chance: f64,
}

impl WireFault {
    /// Befalls every connection that is opened from now on, until it is narrowed.
    #[must_use]
    pub fn new(harm: Harm) -> Self {
        Self { harm, broker: None, skip: 0, times: u64::MAX, chance: 1.0 }
    }

    /// Only connections to this broker.
    #[must_use]
    pub fn on_broker(mut self, broker: BrokerId) -> Self {
        self.broker = Some(broker);
        self
    }

    /// Leaves the first connections alone.
    #[must_use]
    pub fn after(mut self, connections: u64) -> Self {
        self.skip = connections;
        self
    }

    /// Befalls so many connections, then no more. Default: no end.
    #[must_use]
    pub fn times(mut self, connections: u64) -> Self {
        self.times = connections;
        self
    }

    /// Befalls a connection with this probability, from 0 to 1; the cluster's seed decides.
    #[must_use]
    pub fn chance(mut self, probability: f64) -> Self {
        self.chance = probability;
        self
    }

    fn befalls(&mut self, broker: BrokerId, random: &mut Random) -> bool {
        if self.broker.is_some_and(|only| only != broker) || self.times == 0 {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        if self.chance < 1.0 && !random.chance(self.chance) {
            return false;
        }
        self.times = self.times.saturating_sub(1);
        true
    }
}

/// The network between clients and brokers.
#[derive(Debug, Default)]
pub(crate) struct Network {
    faults: Vec<WireFault>,
    reach: BTreeMap<IpAddr, Reach>,
}

impl Network {
    pub(crate) fn add(&mut self, fault: WireFault) {
        self.faults.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.faults.clear();
    }

    pub(crate) fn set_reach(&mut self, address: IpAddr, reach: Reach) {
        self.reach.insert(address, reach);
    }

    pub(crate) fn reach(&self, address: IpAddr) -> Reach {
        self.reach.get(&address).copied().unwrap_or_default()
    }

    /// What befalls a connection that is opened now.
    pub(crate) fn pick(&mut self, broker: BrokerId, random: &mut Random) -> Option<Harm> {
        self.faults.iter_mut().find_map(|fault| fault.befalls(broker, random).then_some(fault.harm))
    }
}

/// The addresses of a broker in memory: 10.0.0.ID, 10.0.1.ID, ..
pub(crate) fn addresses(broker: BrokerId, count: u8) -> impl Iterator<Item = IpAddr> {
    let [.., high, low] = broker.0.to_be_bytes();
    (0..count).map(move |at| IpAddr::V4(Ipv4Addr::new(10, high, at, low)))
}
