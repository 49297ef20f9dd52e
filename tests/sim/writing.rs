//! A task that writes, and holds receipts against the oracle.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ottla::partition::Acknowledgement;
use ottla::time::Timestamp;
use ottla::{Codec, Error, ErrorKind, NewRecord, Receipt, TopicWriter, WriteOptions, Writer};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::kind::Kind;
use super::laws::{Law, now};
use super::manners::{Patience, limited};
use super::reading::is_denied;
use super::schedule::{CONNECT, DEADLINE, DELIVERY, Ends, Place, REQUEST, Writing};
use super::world::World;

/// What a call of a writer may take: its timeout, and a moment until that is noticed.
const LIMIT: Duration = Duration::from_secs(DELIVERY.as_secs() + 2);

/// How long it has to go wrong for records to fail: what was sent into it is noticed a request and a dial later.
const FAILS: Duration = Duration::from_secs(DELIVERY.as_secs() - REQUEST.as_secs() - CONNECT.as_secs() - 2);

/// What listeners say when they panic.
pub(crate) const LISTENER: &str = "a listener of the application panics";

/// What is known of the outcome of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    /// Nothing but that it was taken: it has no receipt.
    Taken,
    /// The call was given up: it has taken nothing.
    GivenUp,
    Written(Option<i64>, Place),
    /// By a flush that succeeded.
    Flushed,
    Failed {
        possibly: bool,
    },
}

struct Task {
    world: World,
    writing: Writing,
    name: String,
    number: usize,
    told: Vec<Told>,
    topics: Vec<TopicWriter>,
    receipts: JoinSet<(usize, Duration, Result<Acknowledgement, Error>)>,
}

/// The number of the task that shares the writer of another one is so much greater.
const SHARES: usize = 100;

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
        let limit = DEADLINE + REQUEST + CONNECT;
        loop {
            let began = notes.passed();
            let error = match limited(&notes, "connect", limit, self.world.client()).await {
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
            let found =
                limited(&self.world.notes, "topic", DEADLINE + REQUEST + CONNECT, writer.topic(topic));
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

    fn value(&self, record: usize) -> String {
        format!("w{}.{record}", self.number)
    }

    fn has_key(&self, record: usize) -> bool {
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
            limited(&notes, "send", LIMIT, patience.call(call)).await;
        self.told.push(match sent {
            None => Told::GivenUp,
            Some(Ok(None)) => Told::Taken,
            Some(Ok(Some(receipt))) => {
                self.receipts.spawn(async move {
                    let outcome = receipt.await;
                    (record, began, outcome)
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
    fn is_new(&self, partition: i32) -> bool {
        partition >= self.world.plan.partitions
    }

    /// Takes in receipts: those that are there, or all.
    async fn gather(&mut self, all: bool) {
        loop {
            let next = if all { self.receipts.join_next().await } else { self.receipts.try_join_next() };
            let Some(Ok((record, began, outcome))) = next else { return };
            self.receipt(record, began, outcome);
        }
    }

    fn receipt(&mut self, record: usize, began: Duration, outcome: Result<Acknowledgement, Error>) {
        let notes = self.world.notes.clone();
        let took = notes.passed() - began;
        self.told[record] = match outcome {
            Ok(told) => {
                if self.is_new(told.topic_partition.partition) {
                    self.world.strikes(Kind::NewPartitionWritten);
                }
                if self.writing.codec != Codec::Uncompressed {
                    self.world.strikes(Kind::Compressed);
                }
                Told::Written(told.offset, Place::of(&told.topic_partition).unwrap())
            }
            Err(error) => {
                self.note(&format!("record {record} failed after {} ms: {error}", took.as_millis()));
                let dropped =
                    self.writing.ends == Ends::Drop && self.told.len() as u64 == self.writing.records;
                if is_denied(&error) && self.world.was_denied(began) {
                    self.world.strikes(Kind::DenialHeard);
                } else if self.is_refused(&error) {
                    self.world.strikes(Kind::RecordsRefused);
                    let named =
                        if self.has_key(record) { "other records of the same batch" } else { "this record" };
                    if !error.to_string().contains(named) {
                        let text =
                            format!("{}: record {record}: not refused for {named}: {error}", self.name);
                        notes.broken(Law::Receipts, text);
                    }
                } else if !dropped && !self.is_excused(began) {
                    notes.broken(Law::Receipts, format!("{}: record {record} failed: {error:?}", self.name));
                }
                Told::Failed { possibly: error.possibly_written() }
            }
        };
        self.check(record);
    }

    async fn flush(&mut self, writer: &Writer, patience: &mut Patience) {
        let notes = self.world.notes.clone();
        let (began, before) = (notes.passed(), self.told.len());
        let flushed = limited(&notes, "flush", LIMIT, patience.call(writer.flush())).await;
        self.flushed("flush", flushed, began, before);
    }

    fn flushed(&mut self, what: &str, outcome: Option<Result<(), Error>>, began: Duration, before: usize) {
        match outcome {
            None => {}
            Some(Ok(())) => {
                for record in 0..before {
                    if self.told[record] == Told::Taken {
                        self.told[record] = Told::Flushed;
                        self.check(record);
                    }
                }
            }
            Some(Err(error)) => {
                self.note(&format!("{what}: {error}"));
                // What was taken and not named may have failed: nothing more is known of it.
                let taken = self.told.iter_mut().filter(|told| **told == Told::Taken);
                taken.for_each(|told| *told = Told::Failed { possibly: true });
                let gives = |told: &Told| matches!(told, Told::Failed { .. });
                // The first clone is told what others that are gone were not.
                let is_first = self.writing.is_shared && self.number < SHARES;
                if !is_first && !self.told.iter().any(gives) {
                    let text = format!("{}: {what} fails for another task's records: {error:?}", self.name);
                    self.world.notes.broken(Law::Receipts, text);
                }
                let is_denied = is_denied(&error) && self.world.was_denied(Duration::ZERO);
                if !is_denied && !self.is_refused(&error) && !self.is_excused(began.saturating_sub(DELIVERY))
                {
                    let text = format!("{}: {what} failed: {error:?}", self.name);
                    self.world.notes.broken(Law::Receipts, text);
                }
            }
        }
    }

    async fn leave_with(&mut self, writer: Writer, ends: Ends) {
        let notes = self.world.notes.clone();
        let (began, before) = (notes.passed(), self.told.len());
        match ends {
            Ends::Close => {
                let closed = limited(&notes, "close", LIMIT, writer.close()).await;
                self.flushed("close", Some(closed), began, before);
            }
            Ends::Flush => {
                let flushed = limited(&notes, "flush", LIMIT, writer.flush()).await;
                self.flushed("flush", Some(flushed), began, before);
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

    /// Holds what was told of a record against the log of now (law 4).
    fn check(&self, record: usize) {
        let value = self.value(record);
        let mut oracle = self.world.oracle();
        let mut there = 0;
        let mut right = false;
        for place in oracle.places() {
            let log = oracle.log(place);
            let now = log.now();
            for (offset, versions) in log.places(&value) {
                there += usize::from(versions.contains(&now));
                right |= match &self.told[record] {
                    Told::Written(Some(told), of) => offset == *told && place == *of,
                    _ => true,
                };
            }
        }
        let told = &self.told[record];
        let wrong = match told {
            Told::Written(..) | Told::Flushed => !right || there > 1,
            Told::Failed { possibly: false } | Told::GivenUp => right,
            Told::Failed { possibly: true } | Told::Taken => there > 1,
        };
        if wrong {
            let text = format!("{}: record {record} ({value}) is there {there} times, {told:?}", self.name);
            self.world.notes.broken(Law::Receipts, text);
        }
    }

    /// Whether a broker refused records for what they are, and nothing of it may be written.
    fn is_refused(&self, error: &Error) -> bool {
        let is_invalid = matches!(error.kind(), ErrorKind::Broker(code) if code.code() == 87);
        is_invalid && self.world.plan.compacted && self.writing.keyless_one_in > 0
    }

    /// Whether a call that began then may fail: there was never a time to recover.
    fn is_excused(&self, since: Duration) -> bool {
        self.world.notes.is_excused(since, FAILS)
    }

    fn note(&self, what: &str) {
        self.world.notes.trace(&format!("{}: {what}", self.name));
    }
}
