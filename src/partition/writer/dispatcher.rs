//! The task that sends batches to the leaders of their partitions. What a partition may send, and
//! what an answer means for it, is decided by its outbox.

mod errands;
mod identity;
mod leaders;
mod topics;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use self::errands::Errand;
use self::identity::Identity;
use self::leaders::Leader;
use super::Shared;
use super::batch::{Batch, Place};
use super::completion::Acknowledgement;
use super::courier::Report;
use super::looks::{Looks, Trouble};
use super::options::BatchOutcome;
use super::outbox::{Outbox, Producer, Resolved, too_late};
use super::request::{Item, answers};
use super::stall::Stall;
use super::verdict::Verdict;
use crate::cluster::client::{Cluster, HeldTopics};
use crate::error::{Error, ErrorKind};
use crate::ids::{BrokerId, TopicPartition};
use crate::time;
use crate::wire::codec::produce::ProducedPartition;
use crate::wire::records::Compressor;

/// The longest wait before what brought nothing is asked again.
const MOST_PAUSE: Duration = Duration::from_secs(6);

/// How often late batches are looked for.
const TICK: Duration = Duration::from_millis(500);

pub(super) struct Dispatcher {
    cluster: Cluster,
    shared: Arc<Shared>,
    /// By topic and partition, as the accumulator numbers them. Those of partitions that a topic has no more stay:
    /// what comes late for them is known by its number.
    outboxes: Vec<Vec<Outbox>>,
    /// The topics, kept in the picture of the cluster as long as they may be written to.
    held: Vec<HeldTopics>,
    /// Which topics these are.
    identities: Vec<Identity>,
    leaders: BTreeMap<BrokerId, Leader>,
    /// Partitions with batches to be sent again.
    again: BTreeSet<Place>,
    producer: Option<Producer>,
    asking: bool,
    asking_failures: u32,
    /// Nothing can be written any more.
    ended: bool,
    refreshing: bool,
    refresh_wanted: bool,
    /// The picture of the cluster that the leaders were taken from.
    generation: u64,
    /// The picture that was to be made anew first.
    refresh_seen: Option<u64>,
    looks: Looks,
    /// When it was looked last, and how long to wait since then: if it is to be soon, and if not.
    refreshed: Instant,
    prompt_pause: Duration,
    seldom_pause: Duration,
    /// A broker owes an answer for long.
    is_silent: bool,
    compressor: Compressor,
    couriers: JoinSet<()>,
    errands: JoinSet<Errand>,
    reports: mpsc::UnboundedReceiver<Report>,
    reporter: mpsc::UnboundedSender<Report>,
    next_tick: Instant,
    stall: Stall,
    /// What went wrong last that is no partition's own.
    trouble: Option<Error>,
    /// Dropped behind all batches.
    _abandons: Abandons,
}

/// Tells who waits, when it is dropped with its task, that nobody writes any more: a runtime that is shut down
/// drops its tasks without a word.
struct Abandons(Arc<Shared>);

impl Drop for Abandons {
    fn drop(&mut self) {
        let given_up = {
            let mut accumulator = self.0.lock();
            let text = "the runtime on which the writer began was shut down: make another writer";
            accumulator.fatal.get_or_insert_with(|| Error::because(ErrorKind::Shutdown, text));
            accumulator.is_abandoned = true;
            accumulator.take_all()
        };
        drop(given_up);
        self.0.changed.notify_waiters();
    }
}

impl Dispatcher {
    pub(super) fn new(cluster: Cluster, shared: Arc<Shared>) -> Self {
        let (reporter, reports) = mpsc::unbounded_channel();
        Self {
            cluster,
            _abandons: Abandons(Arc::clone(&shared)),
            shared,
            outboxes: Vec::new(),
            held: Vec::new(),
            identities: Vec::new(),
            leaders: BTreeMap::new(),
            again: BTreeSet::new(),
            producer: None,
            asking: false,
            asking_failures: 0,
            ended: false,
            refreshing: false,
            refresh_wanted: false,
            generation: 0,
            refresh_seen: None,
            looks: Looks::default(),
            refreshed: time::now(),
            prompt_pause: Duration::ZERO,
            seldom_pause: MOST_PAUSE,
            is_silent: false,
            compressor: Compressor::default(),
            couriers: JoinSet::new(),
            errands: JoinSet::new(),
            reports,
            reporter,
            next_tick: time::now() + TICK,
            stall: Stall::default(),
            trouble: None,
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
            // In a fixed order, and last what an application could keep ready for ever.
            tokio::select! {
                biased;
                Some(report) = self.reports.recv() => self.handle_reports(report),
                Some(Ok(errand)) = self.errands.join_next() => self.handle_errand(errand),
                () = shared.wake.notified() => {}
                () = sleep_until(until) => {}
            }
        }
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
        let late = {
            let mut accumulator = self.shared.lock();
            accumulator.close_before(oldest + timeout * 3 / 4);
            accumulator.take_late(oldest)
        };
        let why = |batch: &Batch| {
            let outbox = self.outboxes.get(batch.place.topic)?.get(batch.place.partition)?;
            outbox.last_error().or(self.trouble.as_ref())
        };
        let late: Vec<_> = late.into_iter().map(|batch| (too_late(why(&batch)), batch)).collect();
        resolved.extend(late.into_iter().map(|(error, batch)| Resolved { batch, outcome: Err(error) }));
        self.resolve_all(resolved);
        self.tell_overdue(oldest);
        self.look_beside_silent(now);
        self.watch(now);
    }

    /// Tells of what is too old while something of its partition is in flight: an answer may come late, or never.
    fn tell_overdue(&mut self, oldest: Instant) {
        let shared = Arc::clone(&self.shared);
        let unanswered = Error::because(ErrorKind::Timeout, "the leader has not answered");
        let mut is_any_told = false;
        for outbox in self.outboxes.iter_mut().flatten() {
            let last = outbox.last_error().unwrap_or(&unanswered);
            let error = too_late(Some(last)).possibly_written_if(true);
            for batch in outbox.overdue(oldest) {
                tell(&shared, batch, Err(error.clone()));
                shared.lock().on_told(batch.serial);
                is_any_told = true;
            }
        }
        if is_any_told {
            shared.changed.notify_waiters();
        }
    }

    /// Says so when nothing is written for long.
    fn watch(&mut self, now: Instant) {
        let waits = self.shared.lock().ready().next().is_some()
            || self.outboxes.iter().flatten().any(|outbox| !outbox.is_idle());
        if let Some(silence) = self.stall.poll(now, waits) {
            let why = self.outboxes.iter().flatten().find_map(Outbox::last_error).or(self.trouble.as_ref());
            let why = why.map(tracing::field::display);
            tracing::warn!(
                seconds = silence.as_secs(),
                error = why,
                "nothing could be written; still trying"
            );
        }
    }

    fn resolve_all(&mut self, resolved: Vec<Resolved>) {
        for Resolved { batch, outcome } in resolved {
            self.resolve(batch, outcome.map(|()| None));
        }
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
            leader.on_answer(time::now());
        }
        match result.and_then(|response| answers(&items, response)) {
            Ok(answers) => {
                self.looks.on_success(Trouble::Broker(broker));
                for (item, answer) in items.into_iter().zip(answers) {
                    let verdict = Verdict::of_answer(&answer, |code| {
                        let error = Error::broker(code).at_partition(&item.topic_partition());
                        let error = error.in_api(crate::wire::api::ApiKey::Produce).at_broker(&address);
                        match answer.message.as_deref().filter(|text| !text.is_empty()) {
                            Some(text) => {
                                error.with_peer_detail(&format!("the broker answered {code}: {text}"))
                            }
                            None => error,
                        }
                    });
                    self.judge(&item, verdict, Some(&answer));
                }
            }
            Err(error) => {
                self.looks.on_trouble(Trouble::Broker(broker), time::now());
                for item in items {
                    self.judge(&item, Verdict::of_error(error.clone()), None);
                }
            }
        }
    }

    fn judge(&mut self, item: &Item, verdict: Verdict, answer: Option<&ProducedPartition>) {
        let wants_refresh = verdict.wants_refresh();
        let fenced = match &verdict {
            Verdict::Fenced(error) => Some(error.clone()),
            _ => None,
        };
        if let Some(error) = verdict.error() {
            tracing::debug!(%error, topic = &*item.topic, partition = item.partition, "a batch was not written");
        }
        let cluster = self.cluster.clone();
        let hint = answer.and_then(|answer| answer.leader).filter(|_| wants_refresh);
        let hint = hint.filter(|leader| cluster.learn_leader(&item.topic_partition(), *leader));
        self.refresh_wanted |= wants_refresh && hint.is_none();
        match &verdict {
            Verdict::Written(_) => self.looks.on_success(Trouble::Partition(item.place)),
            _ if answer.is_some() && wants_refresh && hint.is_none() => {
                self.looks.on_trouble(Trouble::Partition(item.place), time::now());
            }
            _ => {}
        }
        let oldest = time::now().checked_sub(self.shared.options.delivery_timeout);
        let Some(outbox) = self.outbox(item.place) else { return };
        let now = time::now();
        let pause = |failures| cluster.long_pause(failures, MOST_PAUSE);
        let mut resolved = outbox.on_verdict(item.attempt, verdict, now, pause);
        if let Some((broker, _)) = hint {
            resolved.append(&mut outbox.follow_leader(Some(broker), now));
        }
        resolved.extend(oldest.map(|oldest| outbox.expire(oldest)).unwrap_or_default());
        let parts = outbox.take_parts();
        let (is_waiting, lacks_producer) = (outbox.waiting().is_some(), outbox.producer.is_none());
        if is_waiting {
            self.again.insert(item.place);
        }
        if lacks_producer {
            self.producer = None;
        }
        if !parts.is_empty() {
            let mut accumulator = self.shared.lock();
            parts.into_iter().for_each(|serial| accumulator.take_note(serial));
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
    fn resolve(&mut self, mut batch: Batch, outcome: Result<Option<&ProducedPartition>, Error>) {
        if outcome.is_ok()
            && let Some(silence) = self.stall.on_progress(time::now())
        {
            tracing::info!(seconds = silence.as_secs(), "records are written again");
        }
        let (serial, charge) = (batch.serial, batch.charge);
        tell(&self.shared, &mut batch, outcome);
        let buffer = batch.into_buffer();
        self.shared.lock().finish(serial, charge, buffer);
        self.shared.changed.notify_waiters();
    }

    /// Nothing can be written any more.
    fn end(&mut self, error: Error) {
        self.ended = true;
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
                let possibly = batch.is_in_doubt();
                self.resolve(batch, Err(error.clone().possibly_written_if(possibly)));
            }
        }
    }
}

/// Tells the listener and who waits what became of a batch, unless that was done.
fn tell(shared: &Shared, batch: &mut Batch, outcome: Result<Option<&ProducedPartition>, Error>) {
    if batch.is_told() {
        return;
    }
    let (place, records) = (batch.place, batch.count().unsigned_abs());
    let name = shared.lock().topics().get(place.topic).map(|topic| Arc::clone(&topic.name));
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
    if let Some(listener) = &shared.options.listener {
        let base_offset = outcome.clone().map(|first| first.offset);
        listener.tell(&BatchOutcome { topic_partition, records, base_offset });
    }
    batch.tell(outcome);
}

/// Waits for ever where there is no time.
async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}
