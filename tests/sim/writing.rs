//! A task that writes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ottla::time::Timestamp;
use ottla::{Error, ErrorKind, NewRecord, Receipt, TopicWriter, WriteOptions, Writer};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::kind::Kind;
use super::laws::{Law, now};
use super::manners::{Patience, limited};
use super::reading::is_denied;
use super::receipts::{Answered, Told};
use super::schedule::{DEADLINE, DELIVERY, DENIED, REQUEST};
use super::tasks::{Ends, Writing};
use super::world::World;

/// What a call of a writer may take: its timeout, and a moment until that is noticed.
pub(super) const LIMIT: Duration = Duration::from_secs(DELIVERY.as_secs() + 2);

/// What listeners say when they panic.
pub(crate) const LISTENER: &str = "a listener of the application panics";

pub(super) struct Task {
    pub(super) world: World,
    pub(super) writing: Writing,
    pub(super) name: String,
    pub(super) number: usize,
    pub(super) told: Vec<Told>,
    pub(super) topics: Vec<TopicWriter>,
    pub(super) receipts: JoinSet<Answered>,
}

/// The number of the task that shares the writer of another one is so much greater.
pub(super) const SHARES: usize = 100;

/// Writes as the plan says. What was told of the records is to be judged when all is over.
pub(crate) async fn write(world: World, writing: Writing, number: usize) -> Tolds {
    let mut task = Task::new(world, writing, number);
    let other = task.run().await;
    Tolds([Some(task), other].into_iter().flatten().collect())
}

/// What the tasks that share a writer were told of their records.
pub(crate) struct Tolds(Vec<Task>);

impl Tolds {
    /// Holds it against the logs once more, for what comes late. Gives how many records were
    /// acknowledged, and how many failed.
    pub(crate) fn judge(&self) -> (u64, u64) {
        self.0.iter().map(Task::judge).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }
}

impl Task {
    fn new(world: World, writing: Writing, number: usize) -> Self {
        let name = format!("writer {number}");
        Self { world, writing, name, number, told: Vec::new(), topics: Vec::new(), receipts: JoinSet::new() }
    }

    fn judge(&self) -> (u64, u64) {
        (0..self.told.len()).for_each(|record| self.check(record));
        let count = |wanted: fn(&Told) -> bool| self.told.iter().filter(|told| wanted(told)).count() as u64;
        let written = count(|told| matches!(told, Told::Written(..) | Told::Flushed));
        let failed = count(|told| matches!(told, Told::Failed { .. }));
        self.note(&format!("{written} records acknowledged, {failed} failed"));
        (written, failed)
    }

    /// Writes, and gives the task that shared the writer.
    async fn run(&mut self) -> Option<Self> {
        sleep(self.writing.start).await;
        let writer = self.open().await?;
        let mut other = None;
        if self.writing.is_shared {
            let shared = writer.clone();
            let mut task = Self::new(self.world.clone(), self.writing.clone(), self.number + SHARES);
            (task.writing.ends, task.writing.manners.seed) = (Ends::Flush, self.writing.manners.seed ^ 1);
            if task.find_topics(&shared).await.is_ok() {
                other = Some(tokio::spawn(async move {
                    task.send_all(&shared).await;
                    task.leave_with(shared, Ends::Flush).await;
                    task
                }));
            }
        }
        self.send_all(&writer).await;
        let other = match other {
            Some(other) => {
                self.world.strikes(Kind::WriterShared);
                other.await.ok()
            }
            None => None,
        };
        self.leave_with(writer, self.writing.ends).await;
        other
    }

    async fn send_all(&mut self, writer: &Writer) {
        let mut patience = Patience::new(&self.writing.manners, &self.world);
        for record in 0..self.writing.records {
            if self.world.notes.is_broken() {
                return;
            }
            self.send(&mut patience).await;
            self.gather(false).await;
            if (record + 1) % self.writing.flush_every == 0 {
                self.flush(writer, &mut patience).await;
            }
            if !self.world.is_healed() {
                patience.pause().await;
            }
        }
    }

    async fn open(&mut self) -> Option<Writer> {
        let notes = self.world.notes.clone();
        let (limit, heals) = (self.world.plan.ends(DEADLINE), self.world.plan.heals());
        loop {
            let began = notes.passed();
            let error = match limited(&notes, "connect", limit, heals, self.world.client()).await {
                Ok(client) => {
                    let writer = client.write(self.options());
                    match self.find_topics(&writer).await {
                        Ok(()) => return Some(writer),
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            self.note(&format!("open: {error}"));
            if is_denied(&error) && self.world.was_denied(began) {
                self.world.strikes(Kind::DenialHeard);
                sleep(Duration::from_secs(1)).await;
            } else if !notes.is_excused(began, DEADLINE) {
                notes.broken(Law::Parts, format!("{}: it cannot begin: {error:?}", self.name));
                return None;
            }
        }
    }

    async fn find_topics(&mut self, writer: &Writer) -> Result<(), Error> {
        self.topics.clear();
        for topic in self.world.plan.topics {
            let (limit, heals) = (self.world.plan.ends(DEADLINE), self.world.plan.heals());
            let found = limited(&self.world.notes, "topic", limit, heals, writer.topic(topic));
            self.topics.push(found.await?);
        }
        Ok(())
    }

    fn options(&self) -> WriteOptions {
        let options = WriteOptions::new().with_delivery_timeout(DELIVERY);
        let options = options.with_batch_bytes(self.writing.batch_bytes).with_codec(self.writing.codec);
        let options = if self.writing.small_memory { options.with_memory(64 << 10) } else { options };
        let one_in = self.writing.panics_one_in;
        if one_in == 0 {
            return options;
        }
        let (batches, world) = (AtomicU64::new(1), self.world.clone());
        options.with_batch_listener(move |_| {
            if batches.fetch_add(1, Ordering::Relaxed) % one_in == 0 {
                world.strikes(Kind::ListenerPanicked);
                panic!("{LISTENER}");
            }
        })
    }

    /// How soon records are written where nothing is wrong. What is refused for its records, or for want of
    /// an ACL, is followed by a pause that grows.
    pub(super) fn heals(&self) -> Duration {
        let plan = &self.world.plan;
        let is_refused = plan.compacted && plan.writings.iter().any(|writing| writing.keyless_one_in > 0);
        let is_denied = plan.events.iter().any(|event| event.kind == Kind::Denied);
        match (is_refused, is_denied) {
            (true, _) => Duration::MAX,
            (false, true) => plan.heals() + DENIED,
            (false, false) => plan.heals(),
        }
    }

    pub(super) fn value(&self, record: usize) -> String {
        format!("w{}.{record}", self.number)
    }

    pub(super) fn has_key(&self, record: usize) -> bool {
        let keyless = self.writing.keyless_one_in;
        keyless == 0 || !(record as u64 + 1).is_multiple_of(keyless)
    }

    async fn send(&mut self, patience: &mut Patience) {
        let record = self.told.len();
        let value = format!("{} {}", self.value(record), "y".repeat(self.writing.size));
        let topic = &self.topics[usize::try_from(patience.dice().below(self.topics.len() as u64)).unwrap()];
        let partition = self.partition(topic, patience);
        let with_receipt = patience.dice().below(100) >= self.writing.without_receipt;
        let key = format!("k{}", record % 5);
        let new = NewRecord::value(&value).with_timestamp(Timestamp::from_millis(1_800_000_000_000));
        let new = partition.map_or(new, |partition| new.with_partition(partition));
        let new = if self.has_key(record) { new.with_key(&key) } else { new };
        let notes = self.world.notes.clone();
        let began = notes.passed();
        let call = async {
            if with_receipt {
                topic.send_with_receipt(new).await.map(Some)
            } else {
                topic.send(new).await.map(|()| None)
            }
        };
        let sent: Option<Result<Option<Receipt>, Error>> =
            limited(&notes, "send", LIMIT, self.heals(), patience.call(call)).await;
        self.told.push(match sent {
            None => Told::GivenUp,
            Some(Ok(None)) => Told::Taken,
            Some(Ok(Some(receipt))) => {
                let taken = notes.passed();
                self.receipts.spawn(async move {
                    let outcome = receipt.await;
                    Answered {
                        record,
                        began,
                        took: notes.passed() - taken,
                        quiet: notes.quiet(taken),
                        outcome,
                    }
                });
                Told::Taken
            }
            // It is not known yet that the topic has more partitions: the call has taken nothing.
            Some(Err(error))
                if error.kind() == ErrorKind::Misuse && partition.is_some_and(|it| self.is_new(it)) =>
            {
                self.note(&format!("send: {error}"));
                Told::GivenUp
            }
            Some(Err(error)) => {
                self.note(&format!("send: {error}"));
                notes.broken(Law::Receipts, format!("{}: a record was not taken: {error:?}", self.name));
                Told::Failed { possibly: error.possibly_written() }
            }
        });
    }

    /// Where a record is to go, if not by its key or wherever its writer wants.
    fn partition(&self, topic: &TopicWriter, patience: &mut Patience) -> Option<i32> {
        let count = self.world.state().partitions[topic.name()];
        (!patience.dice().one_in(4)).then(|| patience.dice().int(count))
    }

    /// Whether topics did not have a partition at first.
    pub(super) fn is_new(&self, partition: i32) -> bool {
        partition >= self.world.plan.partitions
    }

    /// Takes in receipts: those that are there, or all.
    async fn gather(&mut self, all: bool) {
        loop {
            let next = if all { self.receipts.join_next().await } else { self.receipts.try_join_next() };
            let Some(Ok(answered)) = next else { return };
            self.receipt(answered);
        }
    }

    async fn flush(&mut self, writer: &Writer, patience: &mut Patience) {
        let notes = self.world.notes.clone();
        let before = self.told.len();
        let flushed = limited(&notes, "flush", LIMIT, self.heals(), patience.call(writer.flush())).await;
        self.flushed("flush", flushed, before);
    }

    async fn leave_with(&mut self, writer: Writer, ends: Ends) {
        let notes = self.world.notes.clone();
        let before = self.told.len();
        match ends {
            Ends::Close => {
                let closed = limited(&notes, "close", LIMIT, self.heals(), writer.close()).await;
                self.flushed("close", Some(closed), before);
            }
            Ends::Flush => {
                let flushed = limited(&notes, "flush", LIMIT, self.heals(), writer.flush()).await;
                self.flushed("flush", Some(flushed), before);
            }
            Ends::Drop => {
                // What was sent last is under way then: it lingers for less.
                sleep(Duration::from_millis(6)).await;
                self.world.strikes(Kind::WriterDropped);
            }
        }
        drop((writer, std::mem::take(&mut self.topics)));
        let began = now();
        self.gather(true).await;
        if now() - began > REQUEST {
            notes.broken(Law::Ending, format!("{}: receipts come long after the writer has gone", self.name));
        }
    }

    pub(super) fn note(&self, what: &str) {
        self.world.notes.trace(&format!("{}: {what}", self.name));
    }
}
