//! Records that wait to be sent, batch by batch, within a bound on memory.
//!
//! ```text
//! push ──► open batch ──full──► closed ──────────────────────────┬──► take_ready
//!              └──lingered, flushed, memory short──► due ────────┘    finish ◄── resolved
//! ```
//! A batch that is due and cannot go, because its leader is away or has enough to do, takes records
//! until it is full. What counts is the capacity of buffers: they begin small, and those of busy partitions are
//! used again.

mod arrival;
mod memory;
mod queue;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) use self::arrival::{Arrival, Pushed};
use self::memory::Memory;
use self::queue::Queue;
pub(super) use self::queue::Topic;
use super::batch::{Batch, Place};
use super::options::WriteOptions;
use super::partitioner::Sticky;
use crate::error::{Error, ErrorKind};
use crate::wire::records::{BatchBuilder, NewRecord};

/// The records of one writer that are not acknowledged.
#[derive(Debug)]
pub(super) struct Accumulator {
    batch_bytes: usize,
    memory: Memory,
    linger: Duration,
    topics: Vec<Topic>,
    /// Open batches that are not due, the oldest first; some were closed since.
    opened: VecDeque<(Instant, Place, u64)>,
    /// Partitions with closed batches or a due one, each once.
    ready: VecDeque<Place>,
    /// The batches that are not resolved.
    live: BTreeSet<u64>,
    next_serial: u64,
    /// Batches before this one do not linger.
    flushed: u64,
    /// How many callers wait for memory.
    pub(super) starving: usize,
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

impl Accumulator {
    pub(super) fn new(options: &WriteOptions) -> Self {
        let batch_bytes = options.batch_bytes.min(options.memory);
        Self {
            batch_bytes,
            memory: Memory::new(options.memory, batch_bytes),
            // What lingers is to be tried as well.
            linger: options.linger.min(options.delivery_timeout / 2),
            topics: Vec::new(),
            opened: VecDeque::new(),
            ready: VecDeque::new(),
            live: BTreeSet::new(),
            next_serial: 0,
            flushed: 0,
            starving: 0,
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
            self.topics.push(Topic::new(Arc::clone(name), sticky));
            self.topics.len() - 1
        });
        // Of a topic that is known the task that sends says how many it has.
        if known.is_none() {
            self.set_partitions(place, partitions, Vec::new());
        }
        place
    }

    /// Takes over how many partitions a topic has now, and which of them are led. Gives what waits for others, which
    /// it has no more.
    pub(super) fn set_partitions(&mut self, place: usize, count: usize, led: Vec<usize>) -> Vec<Batch> {
        let Some(topic) = self.topics.get_mut(place) else { return Vec::new() };
        let queues = topic.queues.len();
        topic.queues.resize_with(count.max(queues), Queue::default);
        (topic.count, topic.led) = (count, led);
        if topic.sticky.partition() >= count {
            topic.sticky.turn(count, &topic.led);
        }
        if count >= queues {
            return Vec::new();
        }
        for partition in count..queues {
            self.close(Place { topic: place, partition });
        }
        self.take_all_that(|batch| batch.place.topic == place && batch.place.partition >= count)
    }

    /// How many partitions a topic has.
    pub(super) fn partitions(&self, topic: usize) -> usize {
        self.topics.get(topic).map_or(0, |topic| topic.count)
    }

    pub(super) fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// Takes a record into the open batch of its partition.
    ///
    /// # Errors
    /// `Misuse` for a record that can never be sent; what ended the writer.
    #[inline]
    pub(super) fn push(&mut self, record: &NewRecord<'_>, arrival: Arrival<'_>) -> Result<Pushed, Error> {
        if let Some(error) = &self.fatal {
            return Err(error.clone());
        }
        let need = record.most_bytes();
        let topic = self.topics.get_mut(arrival.topic).ok_or_else(Error::shutdown)?;
        let partition = topic.choose(record)?;
        let place = Place { topic: arrival.topic, partition };
        let queue = topic.queues.get_mut(partition).ok_or_else(Error::shutdown)?;
        match &mut queue.open {
            Some(batch) if batch.has_room(need, self.batch_bytes) => {
                let receipt = batch.push(record, arrival.timestamp, arrival.wants_receipt, arrival.sender);
                Ok(Pushed::Taken { receipt, wake: false })
            }
            Some(batch) if batch.len() + need <= self.batch_bytes => {
                self.push_and_grow(record, place, arrival)
            }
            _ => self.push_first(record, place, arrival),
        }
    }

    /// Takes a record into an open batch that is to hold more.
    #[inline(never)]
    fn push_and_grow(
        &mut self,
        record: &NewRecord<'_>,
        place: Place,
        arrival: Arrival<'_>,
    ) -> Result<Pushed, Error> {
        let shutdown = Error::shutdown;
        let (length, capacity) = self
            .queue(place)
            .and_then(|queue| queue.open.as_ref())
            .map_or((0, 0), |batch| (batch.len(), batch.capacity()));
        let wanted = (2 * capacity).min(self.batch_bytes).max(length + record.most_bytes());
        if !self.memory.reserve(wanted - capacity.min(wanted)) {
            return Ok(Pushed::Full { wake: self.wake() });
        }
        let batch = self.queue(place).and_then(|queue| queue.open.as_mut()).ok_or_else(shutdown)?;
        let before = batch.charge;
        batch.grow(wanted);
        let after = batch.charge;
        let receipt = batch.push(record, arrival.timestamp, arrival.wants_receipt, arrival.sender);
        self.memory.recharge(before, after);
        Ok(Pushed::Taken { receipt, wake: false })
    }

    /// Takes a record that does not fit into an open batch.
    #[inline(never)]
    fn push_first(
        &mut self,
        record: &NewRecord<'_>,
        place: Place,
        arrival: Arrival<'_>,
    ) -> Result<Pushed, Error> {
        let closed = self.close(place);
        let mut wake = closed && matches!(self.sleep, Sleep::Until { full: true, .. });
        let mut place = place;
        if closed && record.key.is_none() && record.partition.is_none() {
            let topic = self.topics.get(place.topic).ok_or_else(Error::shutdown)?;
            place.partition = topic.sticky.partition();
            let need = record.most_bytes();
            match self.queue(place).and_then(|queue| queue.open.as_ref()).map(Batch::len) {
                Some(length) if length + need <= self.batch_bytes => {
                    return self.push_and_grow(record, place, arrival).map(|pushed| pushed.and_wake(wake));
                }
                Some(_) => wake |= self.close(place) && matches!(self.sleep, Sleep::Until { full: true, .. }),
                None => {}
            }
        }
        let least = BatchBuilder::OVERHEAD + record.most_bytes();
        let most = self.memory.most();
        if Batch::COST + least > most {
            let text = format!("a record of {least} bytes, where the writer has memory for {most}");
            return Err(Error::because(ErrorKind::Misuse, text));
        }
        let usual = self.queue(place).map_or(0, |queue| queue.usual);
        let Some(buffer) = self.memory.buffer(usual, least) else {
            return Ok(Pushed::Full { wake: self.wake() });
        };
        let now = (arrival.now)();
        let serial = self.next_serial;
        self.next_serial += Batch::SERIALS;
        self.live.insert(serial);
        self.opened.push_back((now, place, serial));
        let mut batch = Batch::open(place, serial, now, buffer);
        self.memory.recharge(0, batch.charge);
        let receipt = batch.push(record, arrival.timestamp, arrival.wants_receipt, arrival.sender);
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

    /// Wakes the task that sends, and says whether it slept.
    fn wake(&mut self) -> bool {
        !std::mem::replace(&mut self.sleep, Sleep::Awake).is_awake()
    }

    /// A buffer to pack a batch into.
    pub(super) fn spare(&mut self) -> Vec<u8> {
        self.memory.spare()
    }

    /// Keeps a buffer for another batch, if it is of the usual size.
    pub(super) fn give_back(&mut self, buffer: Vec<u8>) {
        self.memory.give_back(buffer);
    }

    /// Takes note that a batch lies in another buffer since it was packed.
    pub(super) fn recharge(&mut self, batch: &mut Batch) {
        let before = batch.charge;
        batch.charge = Batch::COST + batch.capacity();
        self.memory.recharge(before, batch.charge);
    }

    fn queue(&mut self, place: Place) -> Option<&mut Queue> {
        self.topics.get_mut(place.topic)?.queues.get_mut(place.partition)
    }

    /// Closes the open batch of a partition, if there is one.
    fn close(&mut self, place: Place) -> bool {
        let Some(queue) = self.queue(place) else { return false };
        let Some(batch) = queue.take_open() else { return false };
        queue.closed.push_back(batch);
        self.make_ready(place);
        true
    }

    /// Puts a partition among those with something to send; records without a key go elsewhere from now on.
    fn make_ready(&mut self, place: Place) {
        let Some(queue) = self.queue(place) else { return };
        if !std::mem::replace(&mut queue.is_ready, true) {
            self.ready.push_back(place);
        }
        self.turn_from(place);
    }

    /// Takes note of the batches that have lingered, or must not.
    pub(super) fn mark_due(&mut self, now: Instant) {
        while let Some((opened, place, serial)) = self.opened.front().copied() {
            let is_due = self.starving > 0 || serial < self.flushed || opened + self.linger <= now;
            let Some(queue) = self.queue(place) else { return };
            if queue.open.as_ref().is_some_and(|batch| batch.serial == serial) {
                if !is_due {
                    return;
                }
                queue.is_due = true;
                self.make_ready(place);
            }
            self.opened.pop_front();
        }
    }

    /// When [`mark_due`](Self::mark_due) has work.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.opened.front().map(|(opened, ..)| *opened + self.linger)
    }

    /// The partitions with something to send, and the first batch of each.
    pub(super) fn ready(&self) -> impl Iterator<Item = (Place, &Batch)> {
        self.ready.iter().filter_map(|place| {
            let queue = self.topics.get(place.topic)?.queues.get(place.partition)?;
            Some((*place, queue.front()?))
        })
    }

    /// Takes the first batch of each partition that `wants` it. Those served go to the end.
    pub(super) fn take_ready(&mut self, mut wants: impl FnMut(&Batch) -> bool, taken: &mut Vec<Batch>) {
        for _ in 0..self.ready.len() {
            let Some(place) = self.ready.pop_front() else { return };
            let Some(queue) = self.queue(place) else { continue };
            queue.is_ready = false;
            let batch = if queue.front().is_some_and(&mut wants) { queue.take_front() } else { None };
            let is_taken = batch.is_some();
            taken.extend(batch);
            if queue.front().is_some() {
                queue.is_ready = true;
                self.ready.push_back(place);
            }
            if is_taken {
                self.turn_from(place);
            }
        }
    }

    /// Records without a key go elsewhere from now on.
    fn turn_from(&mut self, place: Place) {
        let Some(topic) = self.topics.get_mut(place.topic) else { return };
        if topic.sticky.partition() == place.partition {
            topic.sticky.turn(topic.count, &topic.led);
        }
    }

    /// Has batches that were opened before `then` take no more records: what comes now is to have its own time.
    pub(super) fn close_before(&mut self, then: Instant) {
        for place in self.ready.clone() {
            let open = self.queue(place).and_then(|queue| queue.open.as_ref());
            if open.is_some_and(|batch| batch.opened < then) {
                self.close(place);
            }
        }
    }

    /// Takes all batches that were opened before `oldest`.
    pub(super) fn take_late(&mut self, oldest: Instant) -> Vec<Batch> {
        self.take_all_that(|batch| batch.opened < oldest)
    }

    /// Takes all batches that are ready and of which that is true.
    fn take_all_that(&mut self, is_so: impl Fn(&Batch) -> bool) -> Vec<Batch> {
        let (mut taken, mut before) = (Vec::new(), usize::MAX);
        while before != taken.len() {
            before = taken.len();
            self.take_ready(&is_so, &mut taken);
        }
        taken
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
        (self.flushed, self.wake())
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

    /// Takes note that who waits for a batch was told of it, which is not resolved: it holds its memory.
    pub(super) fn on_told(&mut self, serial: u64) {
        self.live.remove(&serial);
    }

    /// Takes back what a resolved batch held.
    pub(super) fn finish(&mut self, serial: u64, charge: usize, buffer: Option<Vec<u8>>) {
        self.live.remove(&serial);
        self.memory.recharge(charge, 0);
        if let Some(buffer) = buffer {
            self.give_back(buffer);
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

#[cfg(test)]
mod tests;
