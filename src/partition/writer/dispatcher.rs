//! The task that sends batches to the leaders of their partitions. What a partition may send, and
//! what an answer means for it, is decided by its outbox.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Shared;
use super::accumulator::{Accumulator, Sleep};
use super::batch::{Batch, Place};
use super::completion::Acknowledgement;
use super::courier::{Courier, Order, Report};
use super::options::{BatchOutcome, Listener};
use super::outbox::{Outbox, Producer, Resolved, too_late};
use super::request::{Item, answers, request};
use super::verdict::Verdict;
use crate::cluster::client::Cluster;
use crate::cluster::topology::Topology;
use crate::error::{Class, Error, class};
use crate::ids::{BrokerId, TopicPartition};
use crate::time;
use crate::wire::codec::Request;
use crate::wire::codec::init_producer_id::InitProducerIdRequest;
use crate::wire::codec::produce::ProducedPartition;
use crate::wire::error_code::ErrorCode;
use crate::wire::records::Compressor;

/// Requests to one broker that are not answered.
const MOST_IN_FLIGHT: usize = 5;

/// How often late batches are looked for.
const TICK: Duration = Duration::from_millis(500);

pub(super) struct Dispatcher {
    cluster: Cluster,
    shared: Arc<Shared>,
    /// By topic and partition, as the accumulator numbers them.
    outboxes: Vec<Vec<Outbox>>,
    leaders: BTreeMap<BrokerId, Leader>,
    /// Partitions with batches to be sent again.
    again: BTreeSet<Place>,
    producer: Option<Producer>,
    asking: bool,
    refreshing: bool,
    refresh_wanted: bool,
    /// The picture of the cluster that the leaders were taken from.
    generation: u64,
    refresh_failures: u32,
    compressor: Compressor,
    couriers: JoinSet<()>,
    errands: JoinSet<Errand>,
    reports: mpsc::UnboundedReceiver<Report>,
    reporter: mpsc::UnboundedSender<Report>,
    next_tick: Instant,
}

struct Leader {
    orders: mpsc::UnboundedSender<Order>,
    in_flight: usize,
    /// What could go out now, in this turn.
    ready_bytes: usize,
    is_overdue: bool,
}

/// What is done beside sending.
enum Errand {
    Refreshed(Result<(), Error>),
    Producer(Result<Producer, Error>),
}

impl Dispatcher {
    pub(super) fn new(cluster: Cluster, shared: Arc<Shared>) -> Self {
        let (reporter, reports) = mpsc::unbounded_channel();
        Self {
            cluster,
            shared,
            outboxes: Vec::new(),
            leaders: BTreeMap::new(),
            again: BTreeSet::new(),
            producer: None,
            asking: false,
            refreshing: false,
            refresh_wanted: false,
            generation: 0,
            refresh_failures: 0,
            compressor: Compressor::default(),
            couriers: JoinSet::new(),
            errands: JoinSet::new(),
            reports,
            reporter,
            next_tick: time::now() + TICK,
        }
    }

    /// Works until its writer is gone.
    pub(super) async fn run(mut self) {
        loop {
            let now = time::now();
            self.follow_topology();
            self.expire(now);
            self.send_ready(now);
            let until = self.start_errands_and_sleep(now);
            let shared = Arc::clone(&self.shared);
            tokio::select! {
                () = shared.wake.notified() => {}
                Some(report) = self.reports.recv() => self.handle_reports(report),
                Some(Ok(errand)) = self.errands.join_next() => self.handle_errand(errand),
                () = sleep_until(until) => {}
            }
        }
    }

    /// Takes over new topics and partitions, and who leads them, when there is a new picture.
    fn follow_topology(&mut self) {
        let shared = Arc::clone(&self.shared);
        let mut accumulator = shared.lock();
        let generation = self.cluster.topology(Topology::generation);
        if generation == self.generation && self.outboxes.len() == accumulator.topics().len() {
            return;
        }
        self.generation = generation;
        let names: Vec<_> = accumulator.topics().iter().map(|topic| Arc::clone(&topic.name)).collect();
        self.outboxes.resize_with(names.len(), Vec::new);
        self.cluster.topology(|topology| {
            for (topic, (name, outboxes)) in names.iter().zip(&mut self.outboxes).enumerate() {
                let known = topology.partitions(name).map_or(0, |partitions| partitions.len());
                let count = known.max(outboxes.len());
                outboxes.resize_with(count, || Outbox::new(self.producer));
                let mut led = Vec::new();
                for (partition, outbox) in outboxes.iter_mut().enumerate() {
                    let number = i32::try_from(partition).unwrap_or(i32::MAX);
                    let leader = topology.leader(&TopicPartition::new(Arc::clone(name), number));
                    outbox.leader = leader.map(|leader| leader.broker);
                    led.extend(leader.map(|_| partition));
                }
                accumulator.grow(topic, count, led);
            }
        });
    }

    fn outbox(&mut self, place: Place) -> Option<&mut Outbox> {
        self.outboxes.get_mut(place.topic)?.get_mut(place.partition)
    }

    /// Gives up what is too old.
    fn expire(&mut self, now: Instant) {
        if now < self.next_tick {
            return;
        }
        let timeout = self.shared.options.delivery_timeout;
        self.next_tick = now + TICK.min(timeout / 4);
        let Some(oldest) = now.checked_sub(timeout) else { return };
        let mut resolved = Vec::new();
        for place in std::mem::take(&mut self.again) {
            let Some(outbox) = self.outbox(place) else { continue };
            resolved.append(&mut outbox.expire(oldest));
            if outbox.waiting().is_some() {
                self.again.insert(place);
            }
        }
        let mut late = Vec::new();
        self.shared.lock().take_ready(|batch| batch.opened < oldest, &mut late);
        let why = |batch: &Batch| match self.outboxes.get(batch.place.topic) {
            Some(outboxes) => outboxes.get(batch.place.partition).and_then(Outbox::last_error),
            None => None,
        };
        let late: Vec<_> = late.into_iter().map(|batch| (too_late(why(&batch)), batch)).collect();
        resolved.extend(late.into_iter().map(|(error, batch)| Resolved { batch, outcome: Err(error) }));
        for Resolved { batch, outcome } in resolved {
            self.resolve(batch, outcome.map(|()| None));
        }
    }

    /// Sends what may go out, one request for each leader at most, and again as long as there is more.
    fn send_ready(&mut self, now: Instant) {
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
            match (outbox.leader, outbox.waiting()) {
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
            match outbox.leader {
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
            if outbox.leader == Some(broker) && outbox.may_send(now) && fits {
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
            let may = outbox.leader == Some(broker) && outbox.waiting().is_none() && outbox.may_send(now);
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
            parts.push((Item { place, serial: batch.serial, topic, partition }, bytes));
            outbox.on_sent(batch);
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

    fn handle_reports(&mut self, report: Report) {
        let mut next = Some(report);
        while let Some(report) = next {
            self.handle_report(report);
            next = self.reports.try_recv().ok();
        }
    }

    fn handle_report(&mut self, report: Report) {
        let Report { broker, address, items, result } = report;
        if let Some(leader) = self.leaders.get_mut(&broker) {
            leader.in_flight = leader.in_flight.saturating_sub(1);
        }
        let address = address.as_deref().unwrap_or_default();
        match result.and_then(|response| answers(&items, response)) {
            Ok(answers) => {
                for (item, answer) in items.into_iter().zip(answers) {
                    let verdict = Verdict::of_answer(&answer, |code| {
                        let error = Error::broker(code).at_partition(&item.topic_partition());
                        error.in_api(crate::wire::api::ApiKey::Produce).at_broker(address)
                    });
                    self.judge(&item, verdict, Some(&answer));
                }
            }
            Err(error) => {
                for item in items {
                    self.judge(&item, Verdict::of_error(error.clone()), None);
                }
            }
        }
    }

    fn judge(&mut self, item: &Item, verdict: Verdict, answer: Option<&ProducedPartition>) {
        self.refresh_wanted |= verdict.wants_refresh();
        let fenced = match &verdict {
            Verdict::Fenced(error) => Some(error.clone()),
            _ => None,
        };
        if let Some(error) = verdict.error() {
            tracing::debug!(%error, topic = &*item.topic, partition = item.partition, "a batch was not written");
        }
        let cluster = self.cluster.clone();
        let Some(outbox) = self.outbox(item.place) else { return };
        let resolved =
            outbox.on_verdict(item.serial, verdict, time::now(), |failures| cluster.pause(failures));
        let (is_waiting, lacks_producer) = (outbox.waiting().is_some(), outbox.producer.is_none());
        if is_waiting {
            self.again.insert(item.place);
        }
        if lacks_producer {
            self.producer = None;
        }
        for Resolved { batch, outcome } in resolved {
            let answer = answer.filter(|_| batch.serial == item.serial);
            self.resolve(batch, outcome.map(|()| answer));
        }
        if let Some(error) = fenced {
            self.end(error);
        }
    }

    /// Tells what became of a batch, and frees its memory.
    fn resolve(&mut self, batch: Batch, outcome: Result<Option<&ProducedPartition>, Error>) {
        let (place, serial, charge, records) = (batch.place, batch.serial, batch.charge, batch.count());
        let name = self.shared.lock().topics().get(place.topic).map(|topic| Arc::clone(&topic.name));
        let partition = i32::try_from(place.partition).unwrap_or(i32::MAX);
        let topic_partition = TopicPartition::new(name.unwrap_or_default(), partition);
        let outcome = match outcome {
            Ok(answer) => Ok(Acknowledgement {
                topic_partition: topic_partition.clone(),
                offset: answer.map(|answer| answer.base_offset).filter(|offset| *offset >= 0),
                append_time: answer.and_then(|answer| answer.append_time),
            }),
            Err(error) => Err(error.at_partition(&topic_partition)),
        };
        if let Some(Listener(listener)) = &self.shared.options.listener {
            let base_offset = outcome.clone().map(|first| first.offset);
            listener(&BatchOutcome { topic_partition, records: records.unsigned_abs(), base_offset });
        }
        let failure = outcome.as_ref().err().cloned();
        let buffer = batch.resolve(outcome);
        let mut accumulator = self.shared.lock();
        accumulator.finish(serial, charge, buffer);
        if accumulator.failed.is_none() {
            accumulator.failed = failure;
        }
        drop(accumulator);
        self.shared.changed.notify_waiters();
    }

    /// Nothing can be written any more.
    fn end(&mut self, error: Error) {
        let late = {
            let mut accumulator = self.shared.lock();
            accumulator.fatal = Some(error.clone());
            accumulator.take_all()
        };
        for batch in late {
            self.resolve(batch, Err(error.clone()));
        }
        for place in std::mem::take(&mut self.again) {
            while let Some(batch) = self.outbox(place).and_then(Outbox::take_waiting) {
                let possibly = batch.possibly_written;
                self.resolve(batch, Err(error.clone().possibly_written_if(possibly)));
            }
        }
    }

    /// Starts what is to be done beside sending, and says when to look again.
    fn start_errands_and_sleep(&mut self, now: Instant) -> Option<Instant> {
        let shared = Arc::clone(&self.shared);
        let mut accumulator = shared.lock();
        let busy = !accumulator.is_empty();
        if self.producer.is_none() && !self.asking && busy && accumulator.fatal.is_none() {
            self.asking = true;
            let cluster = self.cluster.clone();
            self.errands.spawn(async move { Errand::Producer(new_producer(&cluster).await) });
        }
        if self.refresh_wanted && !self.refreshing && busy {
            (self.refreshing, self.refresh_wanted) = (true, false);
            let (cluster, seen) = (self.cluster.clone(), self.generation);
            let pause = match self.refresh_failures {
                0 => Duration::ZERO,
                failures => cluster.pause(failures),
            };
            self.errands.spawn(async move {
                tokio::time::sleep(pause).await;
                Errand::Refreshed(cluster.refresh(seen).await)
            });
        }
        let linger = accumulator.next_due();
        let full = self.leaders.values().any(Leader::has_room) || self.leaders.is_empty();
        let held = accumulator.ready().map(|(_, batch)| batch.opened + shared.options.linger);
        let pauses = self
            .again
            .iter()
            .filter_map(|place| self.outboxes.get(place.topic)?.get(place.partition)?.not_before());
        let tick = busy.then_some(self.next_tick);
        let soon = held.chain(pauses).filter(|then| *then > now);
        let until = linger.into_iter().chain(soon).chain(tick).min();
        accumulator.sleep(Sleep::Until { then: until, full });
        until
    }

    fn handle_errand(&mut self, errand: Errand) {
        match errand {
            Errand::Refreshed(outcome) => {
                self.refreshing = false;
                let leaders_missing =
                    self.outboxes.iter().flatten().any(|outbox| outbox.leader.is_none() && !outbox.is_idle());
                // Who asks again at once for what nobody knows yet would spin.
                self.refresh_failures = match outcome.is_ok() && !leaders_missing && self.again.is_empty() {
                    true => 0,
                    false => self.refresh_failures.saturating_add(1),
                };
                if let Err(error) = outcome {
                    tracing::debug!(%error, "no new picture of the cluster");
                    self.refresh_wanted = true;
                }
            }
            Errand::Producer(Ok(producer)) => {
                self.asking = false;
                self.producer = Some(producer);
                let outboxes = self.outboxes.iter_mut().flatten();
                outboxes.filter(|outbox| outbox.producer.is_none()).for_each(|o| o.producer = Some(producer));
            }
            Errand::Producer(Err(error)) => {
                self.asking = false;
                self.end(error);
            }
        }
    }
}

impl Leader {
    fn has_room(&self) -> bool {
        self.in_flight < MOST_IN_FLIGHT
    }

    /// Whether a request is to go out now. Beside another one it waits to be worth it.
    fn is_due(&self, request_bytes: usize) -> bool {
        let is_worth_it = self.in_flight == 0 || self.is_overdue || self.ready_bytes * 2 >= request_bytes;
        self.ready_bytes > 0 && self.has_room() && is_worth_it
    }
}

/// Waits for ever where there is no time.
async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}

/// Asks for an id until there is one, or there can be none. A cluster that was just started loads
/// what it needs for that.
async fn new_producer(cluster: &Cluster) -> Result<Producer, Error> {
    let mut failures = 0;
    loop {
        let outcome = match cluster.call_any(&InitProducerIdRequest).await {
            Ok(response) => match response.error {
                ErrorCode::NONE => {
                    return Ok(Producer { id: response.producer_id, epoch: response.producer_epoch });
                }
                code => (Error::broker(code).in_api(InitProducerIdRequest::API), comes_later(code)),
            },
            Err(error) => (error, false),
        };
        let (error, later) = outcome;
        if !later && class(&error) == Class::Stop {
            return Err(error);
        }
        failures += 1;
        tracing::debug!(%error, "no producer id yet");
        tokio::time::sleep(cluster.pause(failures)).await;
    }
}

fn comes_later(code: ErrorCode) -> bool {
    let codes = [
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode::COORDINATOR_NOT_AVAILABLE,
        ErrorCode::NOT_COORDINATOR,
    ];
    codes.contains(&code)
}
