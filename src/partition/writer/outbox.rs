//! The batches of one partition that were sent, their sequence numbers, and what follows when one
//! of them fails.
//!
//! A failure stops the partition until everything in flight has its verdict; then what is left is
//! sent again in order. So batches never overtake each other, and a broker that has one of them
//! already recognises it by its sequence number (KIP-98). Another leader gets all that is not resolved, at
//! once and in order: an answer of the old one is not waited for, and not believed. What decides after a
//! failure stands in `settle`.
//!
//! ```text
//! stamp ──► on_sent ──► sent ──on_verdict──► resolved
//!   ▲                    │ failed, or the leader moved: all of them
//!   └───── waiting ◄─────┘ settle
//! ```

mod settle;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::batch::Batch;
use super::verdict::Verdict;
use crate::error::Error;
use crate::ids::BrokerId;
use crate::wire::error_code::ErrorCode;
use crate::wire::records::Stamp;

/// As many batches of a producer as a broker remembers.
const MOST_UNRESOLVED: usize = 5;

/// How long a new leader is waited for after failures at the old one, at most.
const MOST_PAUSE_AT_NEW_LEADER: Duration = Duration::from_millis(500);

/// After so many failures in a row a new leader is no reason to send at once: leaders that move all the time
/// would be asked all the time.
const FAILURES_BEFORE_PAUSE: u32 = 3;

/// Who this writer is to one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Producer {
    pub(super) id: i64,
    pub(super) epoch: i16,
}

impl Producer {
    fn of(stamp: Stamp) -> Self {
        Self { id: stamp.producer_id, epoch: stamp.producer_epoch }
    }
}

#[derive(Debug, Default)]
pub(super) struct Outbox {
    leader: Option<BrokerId>,
    /// None until there is one, and again when another one is needed.
    pub(super) producer: Option<Producer>,
    next_sequence: i32,
    /// Whose numbers the leader is known to check, since it answered about them and nothing was lost. A
    /// broker that knows nothing of a producer takes any sequence for its first, so until then one batch
    /// is under way.
    checked: Option<Producer>,
    /// What is to be sent again, in order.
    waiting: VecDeque<Batch>,
    /// What was sent and is not resolved, in order.
    sent: VecDeque<Sent>,
    attempts: u64,
    /// Something that was sent has failed.
    settling: bool,
    failures: u32,
    /// How often in a row a broker denied to know what it may have taken.
    doubts: u32,
    /// The newest batch that was given up though it may be in the partition. A broker that was started again
    /// remembers the last batch alone, so its word about older ones is worth nothing.
    hidden_before: u64,
    /// The offset behind the last batch of which that was told.
    end: i64,
    not_before: Option<Instant>,
    /// Parts of batches taken apart, of which nobody has heard.
    parts: Vec<u64>,
    /// What went wrong last.
    last_error: Option<Error>,
}

#[derive(Debug)]
struct Sent {
    batch: Batch,
    /// Each time that a batch is sent has a number.
    attempt: u64,
    to: Option<BrokerId>,
    at: Instant,
    /// Whether it may have been written before this attempt.
    possibly_before: bool,
    /// A later batch was taken, so this one is there.
    is_proven: bool,
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

    pub(super) fn leader(&self) -> Option<BrokerId> {
        self.leader
    }

    /// Takes over who leads the partition. What is not answered by another broker is to be sent to this
    /// one, as what may have been written. Gives what is resolved by it.
    pub(super) fn follow_leader(&mut self, leader: Option<BrokerId>, now: Instant) -> Vec<Resolved> {
        let mut resolved = Vec::new();
        if leader == self.leader {
            return resolved;
        }
        self.leader = leader;
        if leader.is_none() {
            return resolved;
        }
        (self.checked, self.doubts) = (None, 0);
        if self.failures > FAILURES_BEFORE_PAUSE {
            self.not_before = self.not_before.map(|then| then.min(now + MOST_PAUSE_AT_NEW_LEADER));
        } else {
            self.not_before = None;
        }
        let moved: Vec<u64> =
            self.in_flight().filter(|sent| sent.to != leader).map(|sent| sent.attempt).collect();
        for attempt in moved {
            let error = Error::broker(ErrorCode::NOT_LEADER_OR_FOLLOWER).possibly_written_if(true);
            self.fail(attempt, Verdict::Again(error), &mut resolved);
        }
        if self.settling && self.in_flight().next().is_none() {
            self.settling = false;
            self.settle(&mut resolved);
        }
        resolved
    }

    /// The topic was made anew: its log begins at 0, and knows no producer. What is not resolved goes there, as it
    /// does with Java's client: the log that may have it is gone, so it cannot come twice.
    pub(super) fn begin_log(&mut self) {
        (self.end, self.checked) = (0, None);
    }

    /// The topic was made anew without this partition. Gives what is not resolved, as failed by this error. The numbers
    /// of attempts go on: an answer about an old one may come yet.
    pub(super) fn end_log(&mut self, error: &Error) -> Vec<Resolved> {
        let mut resolved = Vec::new();
        let sent = std::mem::take(&mut self.sent).into_iter().map(|sent| sent.batch);
        let all: Vec<Batch> = sent.chain(std::mem::take(&mut self.waiting)).collect();
        for batch in all {
            self.give_up(batch, error.clone(), &mut resolved);
        }
        (self.settling, self.not_before, self.last_error) = (false, None, None);
        (self.failures, self.doubts) = (0, 0);
        resolved
    }

    fn in_flight(&self) -> impl Iterator<Item = &Sent> {
        self.sent.iter().filter(|sent| sent.failed.is_none())
    }

    /// The broker that has not answered about a batch sent to it before `then`.
    pub(super) fn silent_since(&self, then: Instant) -> Option<BrokerId> {
        self.in_flight().next().filter(|sent| sent.at <= then)?.to
    }

    /// The batches that were opened before `oldest` and may not be given up yet, since something is in flight, of
    /// which nobody was told.
    pub(super) fn overdue(&mut self, oldest: Instant) -> impl Iterator<Item = &mut Batch> {
        let sent = self.sent.iter_mut().map(|sent| &mut sent.batch);
        let all = sent.chain(&mut self.waiting);
        all.filter(move |batch| batch.opened < oldest && !batch.is_told())
    }

    /// Whether the next batch may go out: `waiting` first, then a fresh one.
    pub(super) fn may_send(&self, now: Instant) -> bool {
        let Some(producer) = self.producer else { return false };
        let next = self.waiting.front().and_then(Batch::stamp).map_or(producer, Producer::of);
        let most = if self.checked == Some(next) { MOST_UNRESOLVED } else { 1 };
        // Batches of two epochs are never in flight together: the later one would shut the earlier one out.
        let last = self.sent.back().and_then(|sent| sent.batch.stamp()).map(Producer::of);
        let follows = last.is_none_or(|last| last == next);
        // While a broker denies what it may have, nothing is put behind it.
        let is_believed = self.doubts == 0 || !self.waiting.is_empty();
        let is_time = self.not_before.is_none_or(|then| then <= now);
        follows && is_believed && is_time && !self.settling && self.sent.len() < most
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

    /// Takes note of why nothing goes.
    pub(super) fn take_note(&mut self, error: &Error) {
        self.last_error = Some(error.clone());
    }

    pub(super) fn is_idle(&self) -> bool {
        self.sent.is_empty() && self.waiting.is_empty()
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

    /// Takes note that a batch is sent to the leader, and gives the number of the attempt. From now on it
    /// may be written, until a verdict says that this attempt did not.
    pub(super) fn on_sent(&mut self, mut batch: Batch, now: Instant) -> u64 {
        self.attempts += 1;
        let possibly_before = std::mem::replace(&mut batch.possibly_written, true);
        self.sent.push_back(Sent {
            batch,
            attempt: self.attempts,
            to: self.leader,
            at: now,
            possibly_before,
            is_proven: false,
            failed: None,
        });
        self.attempts
    }

    /// Takes the verdict about an attempt; `pause` gives the wait after so many failures.
    /// Gives what is resolved by it. An attempt that was given up for one at another leader counts no more.
    pub(super) fn on_verdict(
        &mut self,
        attempt: u64,
        verdict: Verdict,
        now: Instant,
        pause: impl FnOnce(u32) -> Duration,
    ) -> Vec<Resolved> {
        let mut resolved = Vec::new();
        let Some(at) = self.sent.iter().position(|sent| sent.attempt == attempt && sent.failed.is_none())
        else {
            return resolved;
        };
        if let Verdict::Written(offset) = verdict {
            if let Some(Sent { batch, .. }) = self.sent.remove(at) {
                self.prove_before(at, &batch, offset, &mut resolved);
                self.on_written(&batch, offset);
                resolved.push(Resolved { batch, outcome: Ok(()) });
            }
        } else {
            self.fail(attempt, verdict, &mut resolved);
        }
        if self.settling && self.in_flight().next().is_none() {
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

    /// An attempt has failed, which stops the partition, unless the batch is known to be there.
    fn fail(&mut self, attempt: u64, verdict: Verdict, resolved: &mut Vec<Resolved>) {
        let Some(at) = self.sent.iter().position(|sent| sent.attempt == attempt) else { return };
        let Some(sent) = self.sent.get_mut(at) else { return };
        sent.batch.possibly_written =
            sent.possibly_before || verdict.error().is_some_and(Error::possibly_written);
        match &verdict {
            Verdict::NewEpoch(_) => self.checked = sent.batch.stamp().map(Producer::of),
            Verdict::Again(_) => self.checked = None,
            _ => {}
        }
        if sent.is_proven && sent.batch.possibly_written && verdict.is_undecided() {
            if let Some(Sent { batch, .. }) = self.sent.remove(at) {
                resolved.push(Resolved { batch, outcome: Ok(()) });
            }
            return;
        }
        self.last_error = verdict.error().cloned();
        sent.failed = Some(verdict);
        self.settling = true;
    }

    /// No broker takes a batch without those before it: where an answer about one of them was
    /// lost, it was written too, and must not be sent again once the broker remembers others. Where there
    /// is no room for them before the offset, the log is not the one that had them.
    fn prove_before(
        &mut self,
        at: usize,
        written: &Batch,
        offset: Option<i64>,
        resolved: &mut Vec<Resolved>,
    ) {
        let who = |batch: &Batch| batch.stamp().map(Producer::of);
        let before = self.sent.iter().take(at);
        let records: i64 = before.map(|sent| i64::from(sent.batch.count())).sum();
        if offset.is_none_or(|offset| offset < self.end.saturating_add(records)) {
            return;
        }
        for place in (0..at).rev() {
            let Some(sent) = self.sent.get_mut(place) else { continue };
            if who(&sent.batch) != who(written) {
                continue;
            }
            sent.is_proven = true;
            let failed = sent.failed.as_ref().is_some_and(Verdict::is_undecided);
            if failed
                && sent.batch.possibly_written
                && let Some(Sent { batch, .. }) = self.sent.remove(place)
            {
                resolved.push(Resolved { batch, outcome: Ok(()) });
            }
        }
        // In the order in which they were sent.
        resolved.reverse();
    }

    fn on_written(&mut self, batch: &Batch, offset: Option<i64>) {
        if let Some(offset) = offset {
            let end = offset.saturating_add(batch.count().into());
            self.end = if self.sent.is_empty() { end } else { self.end.max(end) };
        }
        self.checked = batch.stamp().map(Producer::of);
        (self.failures, self.doubts) = (0, 0);
        self.last_error = None;
    }
}

/// The delivery timeout has passed. Whether the batch was written says the batch, not what failed last.
pub(super) fn too_late(last: Option<&Error>) -> Error {
    Error::late("not delivered in time", last).not_written()
}

#[cfg(test)]
mod tests;
