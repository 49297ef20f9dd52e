//! What happens to the network of a world, and to brokers that nobody reaches.

use std::time::Duration;

use ottla_testkit::{Action, ApiKey, BrokerId, Fault, Reach};
use tokio::time::sleep;

use super::event::{WINDOW, What};
use super::kind::Kind;
use super::net::Met;
use super::world::{World, protocol};

/// How often it is looked whether something awaited has happened.
const LOOK: Duration = Duration::from_millis(20);

/// How often the controller looks what silent brokers lead.
const ELECTION: Duration = Duration::from_secs(1);

impl World {
    pub(super) fn happen_to_network(&self, what: &What) -> bool {
        match *what {
            What::Silence { broker, lasts } => self.silence(Kind::Silence, broker, lasts),
            What::Lost { broker, noticed, lasts } => {
                self.silence(Kind::BrokerLost, broker, lasts);
                self.lose(broker, noticed, lasts);
            }
            What::Blackout { lasts } => {
                (1..=self.plan.brokers).for_each(|broker| self.silence(Kind::Blackout, broker, lasts));
            }
            What::SentAway { lasts } => self.send_away(lasts),
            What::AddressAway { broker, reach, lasts } => self.take_address(broker, reach, lasts),
            _ => {}
        }
        false
    }

    /// Counts it if, by the end of it, somebody dialled the broker or waited for it.
    pub(super) fn strikes_if_met(&self, kind: Kind, broker: i32, lasts: Duration, before: Met) {
        let is_silence = matches!(kind, Kind::Silence | Kind::BrokerLost | Kind::Blackout);
        self.later(lasts, move |world| {
            let met = world.net.met(broker);
            let waited = is_silence && met.waits > before.waits;
            if waited || !is_silence && met.dials > before.dials {
                world.strikes(kind);
            }
        });
    }

    fn silence(&self, kind: Kind, broker: i32, lasts: Duration) {
        self.net.silence(broker);
        self.strikes_if_met(kind, broker, lasts, self.net.met(broker));
        self.later(lasts, move |world| world.net.let_through(broker));
    }

    fn take_address(&self, broker: i32, reach: Reach, lasts: Duration) {
        let place = self.brokers.address(BrokerId(broker), protocol(self.plan.entrance));
        let Ok((host, port)) = place else { return };
        let addresses = self.brokers.connector().addresses(&host, port);
        let Some(first) = addresses.first().map(std::net::SocketAddr::ip) else { return };
        self.brokers.set_reach(first, reach);
        self.strikes_if_met(Kind::AddressAway, broker, lasts, self.net.met(broker));
        self.later(lasts, move |world| world.brokers.set_reach(first, Reach::Open));
    }

    /// Has others lead what a silent broker leads, from when the controller has noticed on.
    fn lose(&self, broker: i32, noticed: Duration, lasts: Duration) {
        let (world, until) = (self.clone(), self.notes.passed() + lasts);
        self.state().lost.push(broker);
        tokio::spawn(async move {
            sleep(noticed).await;
            while world.notes.passed() < until {
                world.leave(broker, until);
                sleep(ELECTION).await;
            }
            let lost = &mut world.state().lost;
            // Another loss may last longer.
            if let Some(at) = lost.iter().position(|one| *one == broker) {
                lost.swap_remove(at);
            }
        });
    }

    fn leave(&self, broker: i32, until: Duration) {
        let others = (1..=self.plan.brokers).filter(|other| self.is_up(*other));
        let others: Vec<BrokerId> = others.map(BrokerId).collect();
        for (place, number) in self.places().into_iter().zip(0..) {
            if self.brokers.leader(place.topic, place.partition) != Some(BrokerId(broker)) {
                continue;
            }
            match others.iter().cycle().nth(number) {
                Some(to) => drop(self.brokers.move_leader(place.topic, place.partition, *to)),
                None => self.notes.adds_trouble(until + self.plan.noticing()),
            }
        }
    }

    /// Whoever goes back to the bootstrap list finds brokers that tell who leads what.
    fn send_away(&self, lasts: Duration) {
        let refused = Fault::new(Action::Refuse(129)).on_api(ApiKey::Metadata);
        let number = self.brokers.faults().add_numbered(refused);
        let (world, until) = (self.clone(), self.notes.passed() + lasts);
        tokio::spawn(async move {
            let before = world.net.returns();
            while world.notes.passed() < until && world.net.returns() == before {
                sleep(LOOK).await;
            }
            if world.brokers.faults().hits(number) > 0 {
                world.strikes(Kind::SentAway);
            }
            world.brokers.faults().remove(number);
        });
    }

    /// Does something so long after a fault has hit.
    pub(super) fn as_it_hits(&self, fault: u64, after: Duration, act: impl FnOnce(&Self) + Send + 'static) {
        let (world, until) = (self.clone(), self.notes.passed() + WINDOW);
        tokio::spawn(async move {
            while world.notes.passed() < until && world.brokers.faults().hits(fault) == 0 {
                sleep(LOOK).await;
            }
            if world.brokers.faults().hits(fault) > 0 {
                sleep(after).await;
                act(&world);
            }
        });
    }
}
