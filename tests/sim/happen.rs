//! What happens to a world, by its plan.

use std::time::Duration;

use ottla_testkit::{Action, ApiKey, Asked, BrokerId, Fault, TopicOperation};
use tokio::time::sleep_until;

use super::event::{Event, WINDOW, What, With, Wrong};
use super::kind::Kind;
use super::laws::now;
use super::oracle::Change;
use super::schedule::Place;
use super::world::World;

/// How soon more happens when an answer went wrong.
const SOON: Duration = Duration::from_millis(400);

/// For how long a broker is away that restarts at once.
const AT_ONCE: Duration = Duration::from_millis(100);

impl World {
    /// Lets everything happen, then heals.
    pub(crate) async fn live(&self) {
        let began = now();
        for event in &self.plan.events {
            sleep_until(began + event.at).await;
            self.notes.trace(&format!("{:?}", event.what));
            self.happen(event);
        }
        // What began late goes on for a while.
        let ends = self.plan.events.iter().map(|event| match event.what {
            What::Transaction { lasts, .. } => event.at + lasts,
            _ => Duration::ZERO,
        });
        let end = ends.max().unwrap_or_default().max(self.plan.trouble + Duration::from_secs(40));
        sleep_until(began + end).await;
        self.heal();
    }

    fn happen(&self, event: &Event) {
        let struck = match &event.what {
            What::BitFlipped { broker } => return self.flip(*broker),
            What::Answers { api, times, wrong, with } => {
                return self.answers(event.kind, (*api, *times, *wrong), *with);
            }
            what => self.happen_to_log(what) || self.happen_to_brokers(what),
        };
        if struck {
            self.strikes(event.kind);
        }
    }

    /// Counts it if, by the end of it, somebody was told one of these codes of a partition.
    fn strikes_if_told(&self, kind: Kind, (place, codes): (Place, Vec<i16>), lasts: Duration) {
        let began = self.notes.passed();
        self.later(lasts, move |world| {
            let is_it = |asked: &Asked| {
                let of = asked.partition.is_none_or(|partition| partition == place.partition);
                asked.at >= began
                    && asked.topic.as_deref() == Some(place.topic)
                    && of
                    && codes.contains(&asked.code)
            };
            if world.brokers.asked().iter().any(is_it) {
                world.strikes(kind);
            }
        });
    }

    fn happen_to_log(&self, what: &What) -> bool {
        match what {
            What::Append { place, records, size } => self.append(*place, *records, *size),
            What::Transaction { place, records, committed, lasts } => {
                self.transaction(*place, *records, *committed, *lasts)
            }
            What::Compact { place, from, until, keep_one_in } => {
                let (from, until) = (self.offset(*place, *from), self.offset(*place, *until));
                let keep = |offset| {
                    !(from..until).contains(&offset) || *keep_one_in > 0 && offset % keep_one_in == 0
                };
                self.oracle().change(*place, Change::Compacted, |brokers| {
                    let _ = brokers.compact(place.topic, place.partition, keep);
                })
            }
            What::Delete { place, part } => {
                let before = self.offset(*place, *part);
                self.oracle().change(*place, Change::Deleted, |brokers| {
                    let _ = brokers.delete_records_before(place.topic, place.partition, before);
                })
            }
            What::Cut { place, part, to, then } => {
                let at = self.offset(*place, 1000 - part);
                let struck = self.is_up(*to) && self.oracle().cut(*place, BrokerId(*to), at);
                self.append(*place, *then, 5);
                struck
            }
            What::Remade { topic, gone, then } => self.remake(topic, *gone, *then),
            What::Grown { topic, by } => self.grow(topic, *by),
            _ => false,
        }
    }

    fn happen_to_brokers(&self, what: &What) -> bool {
        match what {
            What::LeaderMoved { place, to } => {
                self.is_up(*to)
                    && self.brokers.move_leader(place.topic, place.partition, BrokerId(*to)).is_ok()
            }
            What::BrokerRestarted { broker, away } => {
                let before = self.net.met(*broker);
                let restarted = self.restart(*broker, *away);
                if restarted {
                    self.strikes_if_met(Kind::BrokerRestarted, *broker, *away, before);
                }
                restarted && before.lines > 0
            }
            What::ConnectionsClosed { broker } => {
                let struck = self.net.met(*broker).lines > 0;
                self.brokers.close_connections(BrokerId(*broker)).unwrap();
                struck
            }
            what => self.happen_to_network(what) || self.happen_to_metadata(what),
        }
    }

    fn happen_to_metadata(&self, what: &What) -> bool {
        match what {
            What::LeaderTaken { place, lasts } => {
                let place = *place;
                self.strikes_if_told(Kind::LeaderTaken, (place, vec![3, 5, 6]), *lasts);
                self.later(*lasts, move |world| world.elect(place));
                let _ = self.brokers.without_leader(place.topic, place.partition);
                false
            }
            What::StaleMetadata { broker, lasts } => {
                let broker = BrokerId(*broker);
                let before = self.brokers.counters().requests_to(broker, ApiKey::Metadata);
                self.brokers.freeze_metadata(broker).unwrap();
                self.later(*lasts, move |world| {
                    if world.brokers.counters().requests_to(broker, ApiKey::Metadata) > before {
                        world.strikes(Kind::StaleMetadata);
                    }
                    world.brokers.thaw_metadata(broker).unwrap();
                });
                false
            }
            What::Denied { topic, read, write, lasts } => self.deny(topic, (*read, *write), *lasts),
            What::Quota { quota, per_second, lasts } => {
                let quota = *quota;
                self.later(*lasts, move |world| world.brokers.set_quota(quota, None, None));
                self.brokers.set_quota(quota, None, Some(*per_second));
                true
            }
            _ => false,
        }
    }

    fn deny(&self, topic: &'static str, (read, write): (bool, bool), lasts: Duration) -> bool {
        let operations = [(TopicOperation::Read, read), (TopicOperation::Write, write)];
        for (operation, _) in operations.into_iter().filter(|(_, denied)| *denied) {
            self.brokers.set_denied(topic, operation, true);
            let until = self.notes.passed() + lasts;
            let mut state = self.state();
            let last = state.denials.entry((topic, operation)).or_default();
            *last = until.max(*last);
            // Another one may last longer.
            self.later(lasts, move |world| {
                if world.state().denials[&(topic, operation)] <= world.notes.passed() {
                    world.brokers.set_denied(topic, operation, false);
                }
            });
        }
        true
    }

    pub(super) fn restart(&self, broker: i32, away: Duration) -> bool {
        let last = self.state().down.len() + 1 >= usize::try_from(self.plan.brokers).unwrap();
        let leaderless = last || self.plan.replicas == 1;
        if !self.is_up(broker) {
            return false;
        }
        self.state().down.insert(broker);
        self.brokers.stop_broker(BrokerId(broker)).unwrap();
        if leaderless {
            self.strikes(Kind::Leaderless);
        }
        self.later(away, move |world| {
            world.state().down.remove(&broker);
            world.brokers.start_broker(BrokerId(broker)).unwrap();
            let waiting = std::mem::take(&mut world.state().leaderless);
            waiting.into_iter().for_each(|place| world.elect(place));
        });
        true
    }

    fn remake(&self, topic: &'static str, gone: Duration, then: u64) -> bool {
        if self.brokers.offsets(topic, 0).is_err() {
            return false;
        }
        self.oracle().remake(topic, |brokers| brokers.delete_topic(topic).unwrap());
        self.later(gone, move |world| {
            let partitions = world.state().partitions[topic];
            world.oracle().remake(topic, |brokers| {
                brokers.create_topic(topic, partitions, world.plan.replicas).unwrap();
                brokers.set_compacted(topic, world.plan.compacted).unwrap();
            });
            for partition in 0..partitions {
                world.append(Place { topic, partition }, then, 5);
            }
        });
        true
    }

    fn grow(&self, topic: &'static str, by: i32) -> bool {
        let partitions = self.state().partitions[topic] + by;
        let grown = self.brokers.grow_topic(topic, usize::try_from(partitions).unwrap()).is_ok();
        if grown {
            self.state().partitions.insert(topic, partitions);
            let mut oracle = self.oracle();
            (0..partitions).for_each(|partition| oracle.begin(Place { topic, partition }));
        }
        grown
    }

    fn flip(&self, broker: i32) {
        let before = self.net.flipped();
        self.net.flip(broker);
        self.later(WINDOW, move |world| {
            if world.net.flipped() > before {
                world.strikes(Kind::BitFlipped);
            }
        });
    }

    /// An offset, told in thousandths of a log.
    fn offset(&self, place: Place, part: i64) -> i64 {
        let offsets = self.brokers.offsets(place.topic, place.partition);
        offsets.map_or(0, |offsets| offsets.start + (offsets.end - offsets.start) * part / 1000)
    }

    fn move_all(&self, to: i32) {
        for place in self.places() {
            if self.is_up(to) {
                let _ = self.brokers.move_leader(place.topic, place.partition, BrokerId(to));
            }
        }
    }

    fn transaction(&self, place: Place, records: u64, committed: bool, lasts: Duration) -> bool {
        let records = self.records(records, 10);
        if !committed {
            let values = records.iter().map(|record| super::oracle::text(record.value.as_deref()));
            self.oracle().aborted.extend(values);
        }
        let Ok(producer) = self.brokers.write_in_transaction(place.topic, place.partition, None, &records)
        else {
            return false;
        };
        if lasts > Duration::from_secs(50) {
            self.strikes(Kind::LongTransaction);
        }
        self.state().transactions.push((place, producer, committed));
        self.later(lasts, move |world| {
            let _ = world.brokers.end_transaction(place.topic, place.partition, producer, committed);
        });
        true
    }

    fn answers(&self, kind: Kind, (api, times, wrong): (ApiKey, u64, Wrong), with: With) {
        let action = match wrong {
            Wrong::Late(delay) => Action::Delay(delay),
            Wrong::Stalled => Action::Stall,
            Wrong::Lost => Action::StallAfter,
            Wrong::ClosedBefore => Action::CloseBefore,
            Wrong::ClosedAfter => Action::CloseAfter,
            Wrong::CutAt(bytes) => Action::Truncate(bytes),
            Wrong::Throttled(time) => Action::Throttle(time),
            Wrong::RefusedWhole(code) => Action::Refuse(code),
            Wrong::RefusedAfter(code) => Action::RefuseAfter(code),
            Wrong::Held(time) => Action::HoldProduce(time),
            Wrong::Refused(place, code) => {
                Action::RefusePartition { topic: place.topic.to_owned(), partition: place.partition, code }
            }
        };
        let fault = Fault::new(action).on_api(api).times(times);
        let number = self.brokers.faults().add_numbered(fault);
        match with {
            With::Nothing => {}
            // While the answer is late, or soon.
            With::Moved(to) => self.as_it_hits(number, SOON, move |world| world.move_all(to)),
            With::Restarted => self.as_it_hits(number, Duration::ZERO, move |world| {
                let asked = world.brokers.asked();
                let hit = asked.iter().rev().find(|asked| asked.api == api).map(|asked| asked.broker.0);
                if hit.is_some_and(|broker| world.restart(broker, AT_ONCE)) {
                    world.strikes(Kind::RestartedAmidWrites);
                }
            }),
        }
        if let Wrong::Refused(place, code) = wrong {
            self.strikes_if_told(kind, (place, vec![code]), WINDOW);
        }
        self.later(WINDOW, move |world| {
            // A request that leaves the partition out is not refused.
            if !matches!(wrong, Wrong::Refused(..)) && world.brokers.faults().hits(number) > 0 {
                world.strikes(kind);
            }
            world.brokers.faults().remove(number);
        });
    }
}
