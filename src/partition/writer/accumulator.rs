//! Records that wait to be sent, batch by batch, within a bound on memory.
//!
//! ```text
//! push ──► open batch ──full, lingered, flushed, memory short──► closed ──► take_ready
//!                                                                             finish ◄── resolved
//! ```

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::batch::{Batch, Place};
use super::completion::Receipt;
use super::options::WriteOptions;
use super::partitioner::{Sticky, of_key};
use crate::error::{Error, ErrorKind};
use crate::wire::records::{BatchBuilder, NewRecord};

/// The records of one writer that are not acknowledged.
#[derive(Debug)]
pub(super) struct Accumulator {
    batch_bytes: usize,
    memory: usize,
    linger: Duration,
    topics: Vec<Topic>,
    /// What batches hold of the memory.
    used: usize,
    /// Buffers of `batch_bytes` to be used again.
    spare: Vec<Vec<u8>>,
    /// Open batches, the oldest first; some were closed since.
    opened: VecDeque<(Instant, Place, u64)>,
    /// Partitions with closed batches, each once.
    ready: VecDeque<Place>,
    /// The batches that are not resolved.
    live: BTreeSet<u64>,
    next_serial: u64,
    /// Batches before this one do not linger.
    flushed: u64,
    /// How many callers wait for memory.
    pub(super) starving: usize,
    /// The first failure that no flush has told.
    pub(super) failed: Option<Error>,
    /// Why no record is taken any more.
    pub(super) fatal: Option<Error>,
    /// The task that sends is gone: nothing is resolved any more.
    pub(super) is_abandoned: bool,
    sleep: Sleep,
}

/// What the task that sends is to be woken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sleep {
    /// It is awake, and will look.
    Awake,
    /// It looks again then, and where asked to, when a batch is full.
    Until { then: Option<Instant>, full: bool },
}

#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: Arc<str>,
    partitions: Vec<Queue>,
    sticky: Sticky,
    led: Vec<usize>,
}

#[derive(Debug, Default)]
struct Queue {
    open: Option<Batch>,
    closed: VecDeque<Batch>,
}

/// A record was taken, or there is no memory for it.
#[derive(Debug)]
pub(super) enum Pushed {
    Taken { receipt: Option<Receipt>, wake: bool },
    Full { wake: bool },
}

/// How a record comes in.
#[derive(Clone, Copy)]
pub(super) struct Arrival {
    pub(super) topic: usize,
    pub(super) timestamp: i64,
    pub(super) now: fn() -> Instant,
    pub(super) wants_receipt: bool,
}

impl Accumulator {
    pub(super) fn new(options: &WriteOptions) -> Self {
        Self {
            batch_bytes: options.batch_bytes.min(options.memory),
            memory: options.memory,
            // What lingers is to be tried as well.
            linger: options.linger.min(options.delivery_timeout / 2),
            topics: Vec::new(),
            used: 0,
            spare: Vec::new(),
            opened: VecDeque::new(),
            ready: VecDeque::new(),
            live: BTreeSet::new(),
            next_serial: 0,
            flushed: 0,
            starving: 0,
            failed: None,
            fatal: None,
            is_abandoned: false,
            sleep: Sleep::Awake,
        }
    }

    /// Adds a topic, or finds it.
    pub(super) fn topic(&mut self, name: &Arc<str>, partitions: usize, seed: u32) -> usize {
        let known = self.topics.iter().position(|topic| topic.name == *name);
        let place = known.unwrap_or_else(|| {
            let mut sticky = Sticky::new(seed);
            sticky.turn(partitions, &[]);
            let topic = Topic { name: Arc::clone(name), partitions: Vec::new(), sticky, led: Vec::new() };
            self.topics.push(topic);
            self.topics.len() - 1
        });
        self.grow(place, partitions, Vec::new());
        place
    }

    /// Takes over how many partitions a topic has now, and which of them are led.
    pub(super) fn grow(&mut self, topic: usize, partitions: usize, led: Vec<usize>) {
        if let Some(topic) = self.topics.get_mut(topic) {
            let most = partitions.max(topic.partitions.len());
            topic.partitions.resize_with(most, Queue::default);
            topic.led = led;
        }
    }

    pub(super) fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// Takes a record into the open batch of its partition.
    ///
    /// # Errors
    /// `Misuse` for a record that can never be sent; what ended the writer.
    #[inline]
    pub(super) fn push(&mut self, record: &NewRecord<'_>, arrival: Arrival) -> Result<Pushed, Error> {
        if let Some(error) = &self.fatal {
            return Err(error.clone());
        }
        let need = record.most_bytes();
        let topic = self.topics.get_mut(arrival.topic).ok_or_else(Error::shutdown)?;
        let partition = topic.choose(record)?;
        let place = Place { topic: arrival.topic, partition };
        let queue = topic.partitions.get_mut(partition).ok_or_else(Error::shutdown)?;
        match &mut queue.open {
            Some(batch) if batch.len() + need <= self.batch_bytes => {
                let receipt = batch.push(record, arrival.timestamp, arrival.wants_receipt);
                Ok(Pushed::Taken { receipt, wake: false })
            }
            _ => self.push_first(record, place, arrival),
        }
    }

    /// Takes a record that does not fit into an open batch.
    #[inline(never)]
    fn push_first(
        &mut self,
        record: &NewRecord<'_>,
        place: Place,
        arrival: Arrival,
    ) -> Result<Pushed, Error> {
        let closed = self.close(place);
        let mut wake = closed && matches!(self.sleep, Sleep::Until { full: true, .. });
        let mut place = place;
        if closed && record.key.is_none() && record.partition.is_none() {
            let topic = self.topics.get(place.topic).ok_or_else(Error::shutdown)?;
            place.partition = topic.sticky.partition();
            if self.queue(place).is_some_and(|queue| queue.open.is_some()) {
                self.close(place);
            }
        }
        let charge = self.batch_bytes.max(BatchBuilder::OVERHEAD + record.most_bytes());
        if charge > self.memory {
            let text = format!("a record of {charge} bytes, where the writer has memory for {}", self.memory);
            return Err(Error::because(ErrorKind::Misuse, text));
        }
        if self.used + charge > self.memory {
            return Ok(Pushed::Full { wake: !std::mem::replace(&mut self.sleep, Sleep::Awake).is_awake() });
        }
        let now = (arrival.now)();
        let buffer = self.buffer(charge);
        self.used += charge;
        let serial = self.next_serial;
        self.next_serial += Batch::SERIALS;
        self.live.insert(serial);
        self.opened.push_back((now, place, serial));
        let mut batch = Batch::open(place, serial, now, buffer, charge);
        let receipt = batch.push(record, arrival.timestamp, arrival.wants_receipt);
        if let Some(queue) = self.queue(place) {
            queue.open = Some(batch);
        }
        wake |= match self.sleep {
            Sleep::Awake => false,
            Sleep::Until { then, .. } => then.is_none_or(|then| then > now + self.linger),
        };
        if wake {
            self.sleep = Sleep::Awake;
        }
        Ok(Pushed::Taken { receipt, wake })
    }

    fn buffer(&mut self, charge: usize) -> Vec<u8> {
        if charge > self.batch_bytes {
            // What is spare counts too.
            self.spare.clear();
            return Vec::with_capacity(charge);
        }
        self.spare.pop().unwrap_or_else(|| Vec::with_capacity(charge))
    }

    /// A buffer to pack a batch into.
    pub(super) fn spare(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    fn queue(&mut self, place: Place) -> Option<&mut Queue> {
        self.topics.get_mut(place.topic)?.partitions.get_mut(place.partition)
    }

    /// Closes the open batch of a partition, if there is one.
    fn close(&mut self, place: Place) -> bool {
        let Some(topic) = self.topics.get_mut(place.topic) else { return false };
        let count = topic.partitions.len();
        let Some(queue) = topic.partitions.get_mut(place.partition) else { return false };
        let Some(batch) = queue.open.take() else { return false };
        queue.closed.push_back(batch);
        if queue.closed.len() == 1 {
            self.ready.push_back(place);
        }
        if topic.sticky.partition() == place.partition {
            topic.sticky.turn(count, &topic.led);
        }
        true
    }

    /// Closes the batches that have lingered, or must not.
    pub(super) fn close_due(&mut self, now: Instant) {
        while let Some((opened, place, serial)) = self.opened.front().copied() {
            let is_open =
                self.queue(place).and_then(|queue| queue.open.as_ref()).is_some_and(|b| b.serial == serial);
            let is_due = self.starving > 0 || serial < self.flushed || opened + self.linger <= now;
            if is_open && !is_due {
                return;
            }
            if is_open {
                self.close(place);
            }
            self.opened.pop_front();
        }
    }

    /// When [`close_due`](Self::close_due) has work.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.opened.front().map(|(opened, ..)| *opened + self.linger)
    }

    /// The partitions with closed batches, and the first batch of each.
    pub(super) fn ready(&self) -> impl Iterator<Item = (Place, &Batch)> {
        self.ready.iter().filter_map(|place| {
            let queue = self.topics.get(place.topic)?.partitions.get(place.partition)?;
            Some((*place, queue.closed.front()?))
        })
    }

    /// Takes the first batch of each partition that `wants` it. Those served go to the end.
    pub(super) fn take_ready(&mut self, mut wants: impl FnMut(&Batch) -> bool, taken: &mut Vec<Batch>) {
        for _ in 0..self.ready.len() {
            let Some(place) = self.ready.pop_front() else { return };
            let Some(queue) = self.queue(place) else { continue };
            if queue.closed.front().is_some_and(&mut wants) {
                taken.extend(queue.closed.pop_front());
            }
            if !queue.closed.is_empty() {
                self.ready.push_back(place);
            }
        }
    }

    /// Takes all batches that were opened before `oldest`, open ones too.
    pub(super) fn take_late(&mut self, oldest: Instant) -> Vec<Batch> {
        while let Some((_, place, serial)) = self.opened.front().copied().filter(|(then, ..)| *then < oldest)
        {
            if self.queue(place).and_then(|queue| queue.open.as_ref()).is_some_and(|b| b.serial == serial) {
                self.close(place);
            }
            self.opened.pop_front();
        }
        let (mut late, mut before) = (Vec::new(), usize::MAX);
        while before != late.len() {
            before = late.len();
            self.take_ready(|batch| batch.opened < oldest, &mut late);
        }
        late
    }

    /// Whether a batch should not wait for others to go with it.
    pub(super) fn is_overdue(&self, batch: &Batch, now: Instant) -> bool {
        self.starving > 0 || batch.serial < self.flushed || batch.opened + self.linger <= now
    }

    /// Takes note of what the task that sends waits for.
    pub(super) fn sleep(&mut self, sleep: Sleep) {
        self.sleep = sleep;
    }

    /// Sends what there is without lingering. Gives the number before which all batches are then
    /// to be resolved, and whether to wake the task that sends.
    pub(super) fn flush(&mut self) -> (u64, bool) {
        self.flushed = self.next_serial;
        (self.flushed, !std::mem::replace(&mut self.sleep, Sleep::Awake).is_awake())
    }

    /// Whether all batches before `serial` are resolved.
    pub(super) fn is_resolved(&self, serial: u64) -> bool {
        self.live.first().is_none_or(|first| *first >= serial)
    }

    /// Whether anything is not resolved.
    pub(super) fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// Takes note of a part of a batch that is not resolved. It holds memory of that batch.
    pub(super) fn take_note(&mut self, serial: u64) {
        self.live.insert(serial);
    }

    /// Ends the taking of records, by this error unless there is another, and flushes those that
    /// were taken, as [`flush`](Self::flush) does.
    pub(super) fn end(&mut self, error: Error) -> (u64, bool) {
        self.fatal.get_or_insert(error);
        self.flush()
    }

    /// Takes back what a resolved batch held.
    pub(super) fn finish(&mut self, serial: u64, charge: usize, buffer: Option<Vec<u8>>) {
        self.live.remove(&serial);
        self.used = self.used.saturating_sub(charge);
        if let Some(buffer) = buffer {
            self.give_back(buffer);
        }
    }

    /// Keeps a buffer of the usual size for another batch.
    pub(super) fn give_back(&mut self, buffer: Vec<u8>) {
        let fits = buffer.capacity() >= self.batch_bytes && buffer.capacity() <= 2 * self.batch_bytes;
        if fits && self.used + (self.spare.len() + 1) * self.batch_bytes <= self.memory {
            self.spare.push(buffer);
        }
    }

    /// Takes all batches, open ones too.
    pub(super) fn take_all(&mut self) -> Vec<Batch> {
        let places: Vec<Place> = self.opened.drain(..).map(|(_, place, _)| place).collect();
        for place in places {
            self.close(place);
        }
        let mut taken = Vec::new();
        while !self.ready.is_empty() {
            self.take_ready(|_| true, &mut taken);
        }
        taken
    }
}

impl Sleep {
    pub(super) fn is_awake(self) -> bool {
        self == Self::Awake
    }
}

impl Topic {
    #[inline]
    fn choose(&self, record: &NewRecord<'_>) -> Result<usize, Error> {
        let count = self.partitions.len();
        match (record.partition, record.key) {
            (Some(partition), _) => {
                let chosen = usize::try_from(partition).ok().filter(|chosen| *chosen < count);
                chosen.ok_or_else(|| {
                    let text = format!("partition {partition}, of which the topic has {count}");
                    Error::because(ErrorKind::Misuse, text).about_topic(&self.name)
                })
            }
            (None, Some(key)) => Ok(of_key(key, count)),
            (None, None) => Ok(self.sticky.partition()),
        }
    }
}

#[cfg(test)]
mod tests;
