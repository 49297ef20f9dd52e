//! The leaders of partitions, and which batches go to each of them now, in one request.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::Dispatcher;
use crate::ids::BrokerId;
use crate::partition::writer::accumulator::Accumulator;
use crate::partition::writer::batch::{Batch, Place};
use crate::partition::writer::courier::{Courier, Order};
use crate::partition::writer::request::{Item, request};

/// Requests to one broker that are not answered.
const MOST_IN_FLIGHT: usize = 5;

/// A broker that leads partitions, and the courier on its way to it.
pub(super) struct Leader {
    orders: mpsc::UnboundedSender<Order>,
    pub(super) in_flight: usize,
    /// What could go out now, in this turn.
    ready_bytes: usize,
    is_overdue: bool,
}

impl Dispatcher {
    /// Sends what may go out, one request for each leader at most, and again as long as there is more.
    pub(super) fn send_ready(&mut self, now: Instant) {
        loop {
            let shared = Arc::clone(&self.shared);
            let mut accumulator = shared.lock();
            accumulator.close_due(now);
            self.weigh(&accumulator, now);
            let request_bytes = shared.options.request_bytes;
            self.leaders.retain(|_, leader| !leader.orders.is_closed());
            let due: Vec<BrokerId> = self
                .leaders
                .iter()
                .filter(|(_, leader)| leader.is_due(request_bytes))
                .map(|(id, _)| *id)
                .collect();
            if due.is_empty() {
                return;
            }
            let mut batches = BTreeMap::new();
            for broker in due {
                let taken = self.take(broker, &mut accumulator, now, request_bytes);
                batches.insert(broker, taken);
            }
            drop(accumulator);
            for (broker, taken) in batches {
                self.send(broker, taken);
            }
        }
    }

    /// Adds up what could go to each leader now.
    fn weigh(&mut self, accumulator: &Accumulator, now: Instant) {
        self.leaders.values_mut().for_each(|leader| (leader.ready_bytes, leader.is_overdue) = (0, false));
        let mut found: Vec<(BrokerId, usize, bool)> = Vec::new();
        let mut leaderless = false;
        for place in &self.again {
            let Some(outbox) = self.outboxes.get(place.topic).and_then(|topic| topic.get(place.partition))
            else {
                continue;
            };
            match (outbox.leader(), outbox.waiting()) {
                (Some(broker), Some(batch)) if outbox.may_send(now) => {
                    found.push((broker, batch.len(), true))
                }
                (None, _) => leaderless = true,
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
                None => leaderless = true,
                Some(_) => {}
            }
        }
        self.refresh_wanted |= leaderless;
        for (broker, bytes, is_overdue) in found {
            let leader = self.leader(broker);
            leader.ready_bytes += bytes;
            leader.is_overdue |= is_overdue;
        }
    }

    fn leader(&mut self, broker: BrokerId) -> &mut Leader {
        let (cluster, reporter, couriers) = (&self.cluster, &self.reporter, &mut self.couriers);
        self.leaders.entry(broker).or_insert_with(|| {
            let (sender, orders) = mpsc::unbounded_channel();
            let courier = Courier { cluster: cluster.clone(), broker, orders, reports: reporter.clone() };
            couriers.spawn(courier.run());
            Leader { orders: sender, in_flight: 0, ready_bytes: 0, is_overdue: false }
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
    fn send(&mut self, broker: BrokerId, batches: Vec<Batch>) {
        let codec = self.shared.options.codec;
        let mut parts: Vec<(Item, Bytes)> = Vec::with_capacity(batches.len());
        for mut batch in batches {
            let spare = self.shared.lock().spare();
            match batch.pack(codec, &mut self.compressor, spare) {
                Ok(spare) => self.shared.lock().give_back(spare),
                Err(error) => {
                    self.resolve(batch, Err(error));
                    continue;
                }
            }
            let place = batch.place;
            let Some(topic) =
                self.shared.lock().topics().get(place.topic).map(|topic| Arc::clone(&topic.name))
            else {
                continue;
            };
            let Some(outbox) = self.outbox(place) else { continue };
            let Some(stamp) = outbox.stamp(&batch) else { continue };
            let partition = i32::try_from(place.partition).unwrap_or(i32::MAX);
            let bytes = batch.stamped(stamp);
            let serial = batch.serial;
            let attempt = outbox.on_sent(batch);
            parts.push((Item { place, serial, attempt, topic, partition }, bytes));
        }
        if parts.is_empty() {
            return;
        }
        let request = request(&parts, self.cluster.config().request_timeout());
        let items = parts.into_iter().map(|(item, _)| item).collect();
        let leader = self.leader(broker);
        leader.in_flight += 1;
        // A courier ends before its dispatcher only if the runtime is shut down.
        let _ = leader.orders.send(Order { items, request });
    }
}

impl Leader {
    pub(super) fn has_room(&self) -> bool {
        self.in_flight < MOST_IN_FLIGHT
    }

    /// Whether a request is to go out now. Beside another one it waits to be worth it.
    fn is_due(&self, request_bytes: usize) -> bool {
        let is_worth_it = self.in_flight == 0 || self.is_overdue || self.ready_bytes * 2 >= request_bytes;
        self.ready_bytes > 0 && self.has_room() && is_worth_it
    }
}
