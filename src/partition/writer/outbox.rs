//! The batches of one partition that were sent, their sequence numbers, and what follows when one
//! of them fails.
//!
//! A failure stops the partition until everything in flight has its verdict; then what is left is
//! sent again in order. So batches never overtake each other, and a broker that has one of them
//! already recognises it by its sequence number (KIP-98). A batch that can never be written
//! leaves a gap, and the next one begins a new epoch (KIP-360). One that is larger than the topic
//! takes is taken apart, as Java does, and its parts go by its sequence numbers.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::batch::Batch;
use super::verdict::Verdict;
use crate::error::{Error, ErrorKind};
use crate::ids::BrokerId;
use crate::wire::records::Stamp;

/// As many batches of a producer as a broker remembers.
const MOST_IN_FLIGHT: usize = 5;

/// How often a batch that may have been written is sent again although the broker expects another.
/// A broker may have judged it before the batches that were on their way to another one.
const MOST_DOUBTS: u32 = 3;

/// Who this writer is to one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Producer {
    pub(super) id: i64,
    pub(super) epoch: i16,
}

#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub(super) leader: Option<BrokerId>,
    /// None until there is one, and again when another one is needed.
    pub(super) producer: Option<Producer>,
    next_sequence: i32,
    /// Whether the partition has taken a batch of this producer and epoch. Before that it takes
    /// any sequence for the first, so only one batch is under way.
    proven: bool,
    /// What is to be sent again, in order.
    waiting: VecDeque<Batch>,
    /// What was sent and is not resolved, in order.
    sent: VecDeque<Sent>,
    in_flight: usize,
    /// Something that was sent has failed.
    settling: bool,
    failures: u32,
    /// How often in a row a broker denied to know what it may have taken.
    doubts: u32,
    not_before: Option<Instant>,
    /// Parts of batches taken apart, of which nobody has heard.
    parts: Vec<u64>,
    /// What went wrong last.
    last_error: Option<Error>,
}

#[derive(Debug)]
struct Sent {
    batch: Batch,
    failed: Option<Verdict>,
}

/// A batch whose fate is known.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) batch: Batch,
    pub(super) outcome: Result<(), Error>,
}

impl Outbox {
    pub(super) fn new(producer: Option<Producer>) -> Self {
        Self { producer, ..Self::default() }
    }

    /// Whether the next batch may go out: `waiting` first, then a fresh one.
    pub(super) fn may_send(&self, now: Instant) -> bool {
        let most = if self.proven { MOST_IN_FLIGHT } else { 1 };
        let in_turn = self.producer.is_some() && !self.settling && self.in_flight < most;
        in_turn && self.not_before.is_none_or(|then| then <= now) && self.epochs_follow()
    }

    /// Batches of two epochs are never in flight together: the later one would shut the earlier
    /// one out.
    fn epochs_follow(&self) -> bool {
        let last = self.sent.back().and_then(|sent| sent.batch.stamp());
        let next = self.waiting.front().and_then(Batch::stamp);
        let next = next.map(|stamp| (stamp.producer_id, stamp.producer_epoch));
        let next = next.or(self.producer.map(|producer| (producer.id, producer.epoch)));
        last.is_none_or(|last| next == Some((last.producer_id, last.producer_epoch)))
    }

    /// The batch that is to be sent again next.
    pub(super) fn waiting(&self) -> Option<&Batch> {
        self.waiting.front()
    }

    pub(super) fn take_waiting(&mut self) -> Option<Batch> {
        self.waiting.pop_front()
    }

    pub(super) fn last_error(&self) -> Option<&Error> {
        self.last_error.as_ref()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.in_flight == 0 && self.waiting.is_empty()
    }

    pub(super) fn not_before(&self) -> Option<Instant> {
        self.not_before
    }

    /// The stamp of a batch that goes out now: its own, if it was sent before.
    pub(super) fn stamp(&mut self, batch: &Batch) -> Option<Stamp> {
        if let Some(stamp) = batch.stamp() {
            return Some(stamp);
        }
        let producer = self.producer?;
        let base_sequence = self.next_sequence;
        let stamp = Stamp { producer_id: producer.id, producer_epoch: producer.epoch, base_sequence };
        self.next_sequence = stamp.after(batch.count()).base_sequence;
        Some(stamp)
    }

    /// The serials of parts that batches were taken into since the last call, beside those that
    /// go on under the serial of their batch.
    pub(super) fn take_parts(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.parts)
    }

    /// Takes note that a batch was sent.
    pub(super) fn on_sent(&mut self, batch: Batch) {
        self.in_flight += 1;
        self.sent.push_back(Sent { batch, failed: None });
    }

    /// Takes the verdict about a batch in flight; `pause` gives the wait after so many failures.
    /// Gives what is resolved by it.
    pub(super) fn on_verdict(
        &mut self,
        serial: u64,
        verdict: Verdict,
        now: Instant,
        pause: impl FnOnce(u32) -> Duration,
    ) -> Vec<Resolved> {
        let Some(at) = self.sent.iter().position(|sent| sent.batch.serial == serial) else {
            return Vec::new();
        };
        self.in_flight = self.in_flight.saturating_sub(1);
        let mut resolved = Vec::new();
        if matches!(verdict, Verdict::Written) {
            if let Some(Sent { batch, .. }) = self.sent.remove(at) {
                self.resolve_before(at, &batch, &mut resolved);
                self.on_written(&batch);
                resolved.push(Resolved { batch, outcome: Ok(()) });
            }
        } else if let Some(sent) = self.sent.get_mut(at) {
            sent.batch.possibly_written |= verdict.error().is_some_and(Error::possibly_written);
            self.last_error = verdict.error().cloned();
            sent.failed = Some(verdict);
            self.settling = true;
        }
        if self.settling && self.in_flight == 0 {
            self.settling = false;
            let parts = self.parts.len();
            self.settle(&mut resolved);
            // Smaller ones need not wait.
            if self.parts.len() == parts {
                self.failures = self.failures.saturating_add(1);
                self.not_before = Some(now + pause(self.failures));
            }
        }
        resolved
    }

    /// No broker takes a batch without those before it: where an answer about one of them was
    /// lost, it was written too, and must not be sent again once the broker remembers others.
    fn resolve_before(&mut self, at: usize, written: &Batch, resolved: &mut Vec<Resolved>) {
        let who = |batch: &Batch| batch.stamp().map(|stamp| (stamp.producer_id, stamp.producer_epoch));
        for place in (0..at).rev() {
            let is_there = self.sent.get(place).is_some_and(|sent| {
                let undecided = matches!(
                    sent.failed,
                    Some(Verdict::Again(_) | Verdict::NewEpoch(_) | Verdict::NewProducer(_))
                );
                undecided && sent.batch.possibly_written && who(&sent.batch) == who(written)
            });
            if is_there && let Some(Sent { batch, .. }) = self.sent.remove(place) {
                resolved.push(Resolved { batch, outcome: Ok(()) });
            }
        }
    }

    fn on_written(&mut self, batch: &Batch) {
        let current = self.producer.map(|producer| (producer.id, producer.epoch));
        if batch.stamp().map(|stamp| (stamp.producer_id, stamp.producer_epoch)) == current {
            self.proven = true;
        }
        (self.failures, self.doubts) = (0, 0);
        self.last_error = None;
    }

    /// Decides what becomes of everything that failed.
    fn settle(&mut self, resolved: &mut Vec<Resolved>) {
        let mut gap = Gap::default();
        let waiting = std::mem::take(&mut self.waiting);
        for (place, Sent { mut batch, failed }) in std::mem::take(&mut self.sent).into_iter().enumerate() {
            match failed {
                // If it is there all the same, by a limit of before, the broker refuses its parts for
                // their sequence.
                Some(Verdict::TooLarge(error)) => {
                    match batch.split() {
                        Some(parts) => self.wait_in_parts(parts, &gap, resolved),
                        None => {
                            gap.is_open = true;
                            let error = too_large(error, batch.len());
                            resolved.push(gap.give_up(batch, error));
                        }
                    }
                    continue;
                }
                Some(Verdict::Fail(error) | Verdict::Fenced(error)) => {
                    gap.is_open = true;
                    resolved.push(gap.give_up(batch, error));
                    continue;
                }
                // Under another sequence number what is there already could come twice. A broker
                // that insists has lost what it took.
                Some(Verdict::NewEpoch(error) | Verdict::NewProducer(error))
                    if place == 0 && batch.possibly_written =>
                {
                    self.doubts += 1;
                    if self.doubts > MOST_DOUBTS {
                        gap.is_open = true;
                        resolved.push(gap.give_up(batch, error));
                        continue;
                    }
                }
                // Only for the first it is a verdict of its own: the others follow a gap.
                Some(Verdict::NewEpoch(_)) if place == 0 => gap.is_open = true,
                Some(Verdict::NewProducer(_)) if place == 0 => {
                    gap.is_open = true;
                    self.producer = None;
                }
                _ => {}
            }
            self.waiting.extend(gap.pass(batch, resolved));
        }
        self.go_on_after(gap, waiting, resolved);
    }

    fn wait_in_parts(&mut self, parts: [Batch; 2], gap: &Gap, resolved: &mut Vec<Resolved>) {
        self.parts.extend(parts.get(1).map(|part| part.serial));
        for part in parts {
            self.waiting.extend(gap.pass(part, resolved));
        }
    }

    /// Gives up batches that were opened before `oldest`, unless something is in flight.
    pub(super) fn expire(&mut self, oldest: Instant) -> Vec<Resolved> {
        let mut resolved = Vec::new();
        if self.in_flight > 0 || self.waiting.front().is_none_or(|batch| batch.opened >= oldest) {
            return resolved;
        }
        let mut gap = Gap::default();
        let mut waiting = std::mem::take(&mut self.waiting);
        while let Some(batch) = waiting.pop_front() {
            if batch.opened >= oldest {
                waiting.push_front(batch);
                break;
            }
            gap.is_open |= batch.stamp().is_some();
            resolved.push(gap.give_up(batch, too_late(self.last_error.as_ref())));
        }
        self.go_on_after(gap, waiting, &mut resolved);
        resolved
    }

    /// What is left begins a new epoch, if there is a gap before it.
    fn go_on_after(&mut self, gap: Gap, left: VecDeque<Batch>, resolved: &mut Vec<Resolved>) {
        for batch in left {
            self.waiting.extend(gap.pass(batch, resolved));
        }
        if gap.is_open {
            self.proven = false;
            self.next_sequence = 0;
            self.producer = self.producer.and_then(|producer| {
                let epoch = producer.epoch.checked_add(1)?;
                Some(Producer { epoch, ..producer })
            });
        }
    }
}

/// A place in the sequence at which a batch is missing for good.
#[derive(Debug, Default)]
struct Gap {
    is_open: bool,
    /// Batches after one that may have been written may have been written too. Under another
    /// epoch they could come twice, so they share its fate.
    doom: Option<Error>,
}

impl Gap {
    /// A batch is given up.
    fn give_up(&mut self, batch: Batch, error: Error) -> Resolved {
        let error = error.possibly_written_if(batch.possibly_written);
        if error.possibly_written() {
            self.doom.get_or_insert_with(|| error.clone());
        }
        Resolved { batch, outcome: Err(error) }
    }

    /// A batch behind, if it is still to be sent.
    fn pass(&self, mut batch: Batch, resolved: &mut Vec<Resolved>) -> Option<Batch> {
        if !self.is_open {
            return Some(batch);
        }
        match &self.doom {
            Some(error) if batch.possibly_written => {
                resolved.push(Resolved { batch, outcome: Err(error.clone()) });
                None
            }
            _ => {
                batch.unstamp();
                Some(batch)
            }
        }
    }
}

/// A record that no topic of this limit can hold.
fn too_large(error: Error, bytes: usize) -> Error {
    let text = format!(
        "a record of {bytes} bytes is larger than its topic takes (max.message.bytes): {}",
        error.kind()
    );
    error.with_detail(text)
}

/// The delivery timeout has passed.
pub(super) fn too_late(last: Option<&Error>) -> Error {
    match last {
        Some(error) => Error::because(ErrorKind::Timeout, format!("not delivered in time: {error}")),
        None => Error::because(ErrorKind::Timeout, "not delivered in time"),
    }
}

#[cfg(test)]
mod tests;
