//! The leaders of partitions, and which batches go to each of them now, in one request.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::Dispatcher;
use super::errands::Errand;
use super::identity::Identity;
use crate::cluster::pool::Purpose;
use crate::cluster::silence::OVERDUE;
use crate::cluster::topology::Address;
use crate::conn::handle::Connection;
use crate::error::Error;
use crate::ids::BrokerId;
use crate::partition::writer::accumulator::Accumulator;
use crate::partition::writer::batch::{Batch, Place};
use crate::partition::writer::courier::{Courier, Order};
use crate::partition::writer::looks::Trouble;
use crate::partition::writer::request::{Item, request};
use crate::partition::writer::verdict::Verdict;
use crate::time;

/// Requests to one broker that are not answered.
const MOST_IN_FLIGHT: usize = 5;

/// A broker that leads partitions, and the courier on its way to it.
pub(super) struct Leader {
    orders: mpsc::UnboundedSender<Order>,
    dial: Dial,
    /// Dials that failed in a row.
    failures: u32,
    in_flight: usize,
    /// Since when it owes an answer.
    quiet_since: Instant,
    /// What could go out now, in this turn.
    ready_bytes: usize,
    is_overdue: bool,
}

/// What is done for a connection, where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dial {
    No,
    UnderWay { since: Instant },
    NotBefore(Instant),
}

impl Dispatcher {
    /// Sends what may go out, one request for each leader at most, and again as long as there is more.
    pub(super) fn send_ready(&mut self, now: Instant) {
        loop {
            let shared = Arc::clone(&self.shared);
            let mut accumulator = shared.lock();
            accumulator.mark_due(now);
            self.weigh(&accumulator, now);
            let request_bytes = shared.options.request_bytes;
            self.leaders.retain(|_, leader| !leader.orders.is_closed());
            let due = self.leaders.iter().filter(|(_, leader)| leader.is_due(request_bytes));
            let due: Vec<BrokerId> = due.map(|(id, _)| *id).collect();
            let mut batches = Vec::new();
            for broker in due {
                match self.cluster.open_connection(broker, Purpose::Write) {
                    Some(way) => {
                        let taken = self.take(broker, &mut accumulator, now, request_bytes);
                        if !taken.is_empty() {
                            batches.push((broker, way, taken));
                        }
                    }
                    None => self.dial(broker, now),
                }
            }
            drop(accumulator);
            if batches.is_empty() {
                return;
            }
            for (broker, way, taken) in batches {
                self.send(broker, way, taken);
            }
        }
    }

    /// Has a connection made to a leader. Batches do not wait for it: they go elsewhere if the leader moves, and
    /// take records meanwhile.
    fn dial(&mut self, broker: BrokerId, now: Instant) {
        let Some(leader) = self.leaders.get_mut(&broker) else { return };
        match leader.dial {
            Dial::UnderWay { .. } => return,
            Dial::NotBefore(then) if then > now => return,
            _ => leader.dial = Dial::UnderWay { since: now },
        }
        let cluster = self.cluster.clone();
        self.errands.spawn(async move {
            let dialled = cluster.connection(broker, Purpose::Write).await;
            Errand::Dialled(broker, dialled.map(drop))
        });
    }

    /// Takes over how a dial ended.
    pub(super) fn handle_dialled(&mut self, broker: BrokerId, dialled: Result<(), Error>) {
        let now = time::now();
        let Some(leader) = self.leaders.get_mut(&broker) else { return };
        let Err(error) = dialled else {
            (leader.dial, leader.failures) = (Dial::No, 0);
            return;
        };
        leader.failures = leader.failures.saturating_add(1);
        leader.dial = Dial::NotBefore(now + self.cluster.pause(leader.failures));
        tracing::debug!(%error, %broker, "no connection to a leader");
        let verdict = Verdict::of_dial(error.clone());
        if verdict.wants_refresh() {
            self.refresh_wanted = true;
            self.looks.on_trouble(Trouble::Broker(broker), now);
        }
        let theirs = self.outboxes.iter_mut().flatten().filter(|outbox| outbox.leader() == Some(broker));
        theirs.for_each(|outbox| outbox.take_note(&error));
        if let Verdict::Fail(_) = verdict {
            self.fail_all(broker, &verdict, now);
        }
    }

    /// Fails what is to be sent to a broker that can never be reached.
    fn fail_all(&mut self, broker: BrokerId, verdict: &Verdict, now: Instant) {
        loop {
            let shared = Arc::clone(&self.shared);
            let taken = self.take(broker, &mut shared.lock(), now, usize::MAX);
            if taken.is_empty() {
                return;
            }
            for (item, _) in self.stamp(taken) {
                self.judge(&item, verdict.clone(), None);
            }
        }
    }

    /// Looks for new leaders where a broker is silent, be it to a batch or to a dial for one, or to all that it may
    /// be sent before a batch: it may be gone without a word.
    pub(super) fn look_beside_silent(&mut self, now: Instant) {
        let Some(then) = now.checked_sub(OVERDUE) else { return };
        let theirs = self.outboxes.iter().flatten().filter_map(|outbox| outbox.silent_since(then));
        let keeps_waiting = |leader: &Leader| leader.is_dialled_since(then) || leader.is_full_since(then);
        let waited_for = self.leaders.iter().filter(|(_, leader)| keeps_waiting(leader));
        let silent: BTreeSet<BrokerId> = theirs.chain(waited_for.map(|(broker, _)| *broker)).collect();
        self.is_silent = !silent.is_empty();
        for broker in silent {
            self.cluster.note_silence(broker);
            self.looks.on_trouble(Trouble::Broker(broker), now);
        }
        self.refresh_wanted |= self.is_silent && !self.cluster.knows_newest_leaders();
    }

    /// Adds up what could go to each leader now.
    fn weigh(&mut self, accumulator: &Accumulator, now: Instant) {
        self.leaders.values_mut().for_each(|leader| (leader.ready_bytes, leader.is_overdue) = (0, false));
        let mut found: Vec<(BrokerId, usize, bool)> = Vec::new();
        let mut leaderless = Vec::new();
        for place in &self.again {
            let Some(outbox) = self.outboxes.get(place.topic).and_then(|topic| topic.get(place.partition))
            else {
                continue;
            };
            match (outbox.leader(), outbox.waiting()) {
                (Some(broker), Some(batch)) if outbox.may_send(now) => {
                    found.push((broker, batch.len(), true))
                }
                (None, _) => leaderless.push(*place),
                _ => {}
            }
        }
        for (place, batch) in accumulator.ready() {
            let Some(outbox) = self.outboxes.get(place.topic).and_then(|topic| topic.get(place.partition))
            else {
                continue;
            };
            match outbox.leader() {
                Some(broker) if outbox.waiting().is_none() && outbox.may_send(now) => {
                    found.push((broker, batch.len(), accumulator.is_overdue(batch, now)));
                }
                None => leaderless.push(place),
                Some(_) => {}
            }
        }
        self.refresh_wanted |= !leaderless.is_empty();
        leaderless.into_iter().for_each(|place| self.looks.on_trouble(Trouble::Partition(place), now));
        for (broker, bytes, is_overdue) in found {
            let leader = self.leader(broker);
            leader.ready_bytes += bytes;
            leader.is_overdue |= is_overdue;
        }
        let away = self.leaders.values().any(|leader| leader.ready_bytes > 0 && leader.failures > 0);
        let silent = self.is_silent;
        if !(away || silent || self.refresh_wanted || self.refreshing) && self.again.is_empty() {
            self.looks.all_is_well();
        }
    }

    fn leader(&mut self, broker: BrokerId) -> &mut Leader {
        let (reporter, couriers) = (&self.reporter, &mut self.couriers);
        let timeout = self.cluster.config().request_timeout();
        self.leaders.entry(broker).or_insert_with(|| {
            let (sender, orders) = mpsc::unbounded_channel();
            let courier = Courier { timeout, broker, orders, reports: reporter.clone() };
            couriers.spawn(courier.run());
            Leader {
                orders: sender,
                dial: Dial::No,
                failures: 0,
                in_flight: 0,
                quiet_since: time::now(),
                ready_bytes: 0,
                is_overdue: false,
            }
        })
    }

    /// Takes batches for one request: what is to be sent again first.
    fn take(
        &mut self,
        broker: BrokerId,
        accumulator: &mut Accumulator,
        now: Instant,
        most: usize,
    ) -> Vec<Batch> {
        let (mut taken, mut bytes) = (Vec::new(), 0);
        for place in self.again.clone() {
            let Some(outbox) = self.outbox(place) else { continue };
            let fits = outbox.waiting().is_some_and(|batch| bytes == 0 || bytes + batch.len() <= most);
            if outbox.leader() == Some(broker) && outbox.may_send(now) && fits {
                if let Some(batch) = outbox.take_waiting() {
                    bytes += batch.len();
                    taken.push(batch);
                }
                if outbox.waiting().is_none() {
                    self.again.remove(&place);
                }
            }
        }
        let outboxes = &self.outboxes;
        let served: BTreeSet<Place> = taken.iter().map(|batch| batch.place).collect();
        let wants = |batch: &Batch| {
            let place = batch.place;
            let Some(outbox) = outboxes.get(place.topic).and_then(|topic| topic.get(place.partition)) else {
                return false;
            };
            let may = outbox.leader() == Some(broker) && outbox.waiting().is_none() && outbox.may_send(now);
            let fits = bytes == 0 || bytes + batch.len() <= most;
            if may && fits && !served.contains(&place) {
                bytes += batch.len();
                return true;
            }
            false
        };
        accumulator.take_ready(wants, &mut taken);
        taken
    }

    /// Packs, stamps and hands over batches.
    fn send(&mut self, broker: BrokerId, way: (Address, Connection), batches: Vec<Batch>) {
        let parts = self.stamp(batches);
        if parts.is_empty() {
            return;
        }
        let (address, connection) = way;
        let request = request(&parts, self.cluster.config().request_timeout());
        let items = parts.into_iter().map(|(item, _)| item).collect();
        self.leader(broker).on_sent(time::now());
        // A courier ends before its dispatcher only if the runtime is shut down.
        let _ = self.leader(broker).orders.send(Order { items, request, address, connection });
    }

    /// Packs and stamps batches, and puts them among those that are sent.
    fn stamp(&mut self, batches: Vec<Batch>) -> Vec<(Item, Bytes)> {
        let (codec, now) = (self.shared.options.codec, time::now());
        let mut parts: Vec<(Item, Bytes)> = Vec::with_capacity(batches.len());
        for mut batch in batches {
            let spare = self.shared.lock().spare();
            let packed = batch.pack(codec, &mut self.compressor, spare);
            let name = {
                let mut accumulator = self.shared.lock();
                accumulator.recharge(&mut batch);
                accumulator.topics().get(batch.place.topic).map(|topic| Arc::clone(&topic.name))
            };
            match packed {
                Ok(spare) => self.shared.lock().give_back(spare),
                Err(error) => {
                    self.resolve(batch, Err(error));
                    continue;
                }
            }
            let place = batch.place;
            let (Some(topic), Some(outbox)) = (name, self.outbox(place)) else { continue };
            let Some(stamp) = outbox.stamp(&batch) else { continue };
            let partition = i32::try_from(place.partition).unwrap_or(i32::MAX);
            let bytes = batch.stamped(stamp);
            let serial = batch.serial;
            let attempt = outbox.on_sent(batch, now);
            let id = self.identities.get(place.topic).and_then(Identity::id);
            parts.push((Item { place, serial, attempt, topic, id, partition }, bytes));
        }
        parts
    }
}

impl Leader {
    fn on_sent(&mut self, now: Instant) {
        if self.in_flight == 0 {
            self.quiet_since = now;
        }
        self.in_flight += 1;
    }

    /// It answered a request, or will not any more.
    pub(super) fn on_answer(&mut self, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.quiet_since = now;
    }

    pub(super) fn has_room(&self) -> bool {
        self.in_flight < MOST_IN_FLIGHT
    }

    /// When a connection is asked for again.
    pub(super) fn dials_at(&self) -> Option<Instant> {
        match self.dial {
            Dial::NotBefore(then) => Some(then),
            Dial::No | Dial::UnderWay { .. } => None,
        }
    }

    /// Whether batches wait for a dial that began before `then`.
    fn is_dialled_since(&self, then: Instant) -> bool {
        self.ready_bytes > 0 && matches!(self.dial, Dial::UnderWay { since } if since <= then)
    }

    /// Whether batches wait for answers that it owes since before `then`: what these are about may long have gone
    /// to another leader.
    fn is_full_since(&self, then: Instant) -> bool {
        self.ready_bytes > 0 && !self.has_room() && self.quiet_since <= then
    }

    /// Whether a request is to go out now. Beside another one it waits to be worth it.
    fn is_due(&self, request_bytes: usize) -> bool {
        let is_worth_it = self.in_flight == 0 || self.is_overdue || self.ready_bytes * 2 >= request_bytes;
        self.ready_bytes > 0 && self.has_room() && is_worth_it
    }
}
