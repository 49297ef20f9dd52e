//! What becomes of batches that failed, once everything in flight has its verdict.
//!
//! What may have been written keeps its epoch and sequence number, whatever happens: under others it could
//! come twice. So no epoch begins before each such batch is resolved:
//!
//! - it is sent again until the broker says that it has it;
//! - a batch behind it was taken, hence it too;
//! - a batch before it is missing for good and the broker refuses it for that: then it is not there, and may
//!   go under other numbers (KIP-360);
//! - the leader insists on other numbers for all that is left though nothing is missing: the log lost what it
//!   had acknowledged, after an unclean election. It would know the last of what it has, so it has none of these,
//!   and they go under other numbers as they do with Java's client. Unless a batch behind them was given
//!   up, which may be that last one: then they fail as possibly written;
//! - the delivery timeout passes: likewise.
//!
//! A batch that is larger than the topic takes is taken apart, as Java does, and its parts go by its
//! sequence numbers.

use std::collections::VecDeque;
use std::time::Instant;

use super::{Outbox, Producer, Resolved, Sent, too_late};
use crate::error::{Error, ErrorKind};
use crate::partition::writer::batch::Batch;
use crate::partition::writer::verdict::Verdict;
use crate::wire::error_code::ErrorCode;

/// How often a batch that may have been written is sent again although the broker expects another.
/// A broker may have judged it before the batches that were on their way to another one.
const MOST_DOUBTS: u32 = 3;

/// A batch that is left, with what the broker said last.
struct Left {
    batch: Batch,
    said: Option<Verdict>,
}

impl Left {
    /// The broker expects other numbers, and why.
    fn refusal(&self) -> Option<&Error> {
        match &self.said {
            Some(Verdict::NewEpoch(error) | Verdict::NewProducer(error)) => Some(error),
            _ => None,
        }
    }
}

impl Outbox {
    /// Decides what becomes of everything that failed.
    pub(super) fn settle(&mut self, resolved: &mut Vec<Resolved>) {
        // What was held back was not judged together with the others.
        let asked_all = self.waiting.iter().all(|batch| batch.stamp().is_none());
        let mut left: Vec<Left> = Vec::new();
        let mut gap = false;
        for Sent { mut batch, failed, .. } in std::mem::take(&mut self.sent) {
            batch.is_behind_gap |= gap;
            match failed {
                // If it is there all the same, by a limit of before, the broker refuses its parts for
                // their sequence.
                Some(Verdict::TooLarge(error)) => match batch.split() {
                    Some(parts) => {
                        self.parts.extend(parts.get(1).map(|part| part.serial));
                        left.extend(parts.map(|batch| Left { batch, said: None }));
                    }
                    None => {
                        gap = true;
                        let error = too_large(error, batch.len());
                        self.give_up(batch, error, resolved);
                    }
                },
                Some(Verdict::Fail(error) | Verdict::Fenced(error)) => {
                    gap = true;
                    self.give_up(batch, error, resolved);
                }
                Some(Verdict::FailRecords(refusal)) => {
                    gap = true;
                    let error = refusal.error.clone();
                    batch.refusal = Some(Box::new(refusal));
                    self.give_up(batch, error, resolved);
                }
                said => left.push(Left { batch, said }),
            }
        }
        for mut batch in std::mem::take(&mut self.waiting) {
            batch.is_behind_gap |= gap;
            left.push(Left { batch, said: None });
        }
        self.judge_first(&mut left, asked_all, resolved);
        self.renumber(left, asked_all);
    }

    /// Only for the first a wrong sequence is a verdict of its own: the others follow from it.
    fn judge_first(&mut self, left: &mut Vec<Left>, asked_all: bool, resolved: &mut Vec<Resolved>) {
        let Some(first) = left.first().filter(|first| !first.batch.is_behind_gap) else { return };
        let Some(error) = first.refusal().cloned() else { return };
        let stamp = first.batch.stamp();
        if first.batch.possibly_written {
            self.doubts += 1;
            let refused = left.iter().all(|one| one.refusal().is_some() || one.batch.stamp().is_none());
            if self.doubts <= MOST_DOUBTS || !asked_all || !refused {
                return;
            }
            self.doubts = 0;
            let hidden = self.hidden_before;
            for one in left.extract_if(.., |one| one.batch.serial < hidden && one.batch.possibly_written) {
                resolved.push(lost(one.batch, error.clone()));
            }
            left.iter_mut().for_each(|one| one.batch.is_not_there());
        } else if matches!(first.said, Some(Verdict::NewProducer(_))) {
            self.producer = None;
        }
        if let Some(stamp) = stamp {
            self.begin_epoch(Producer::of(stamp));
        }
        left.iter_mut().for_each(|one| one.batch.is_behind_gap = true);
    }

    /// Puts what is left into the queue. What lies behind a gap gets other numbers, if neither it nor
    /// anything behind it may have been written.
    fn renumber(&mut self, left: Vec<Left>, asked_all: bool) {
        for mut one in left.into_iter().rev() {
            let batch = &mut one.batch;
            let is_refused = one.said.as_ref().is_some_and(Verdict::is_wrong_sequence);
            if batch.is_behind_gap && is_refused && asked_all && batch.serial >= self.hidden_before {
                batch.is_not_there();
            }
            let keeps = self.waiting.front().is_some_and(|next| next.stamp().is_some());
            if batch.is_behind_gap && !batch.possibly_written && !keeps {
                batch.unstamp();
            }
            self.waiting.push_front(one.batch);
        }
    }

    /// Ends the epoch of a batch that is missing for good, unless that was done.
    fn begin_epoch(&mut self, of: Producer) {
        if self.producer.is_none_or(|producer| producer == of) {
            self.next_sequence = 0;
            self.producer = self.producer.and_then(|producer| {
                let epoch = producer.epoch.checked_add(1)?;
                Some(Producer { epoch, ..producer })
            });
        }
    }

    /// Gives a batch up, so that its number is missing for good. What a broker denies to have may be that one, so its
    /// word about others counts anew.
    pub(super) fn give_up(&mut self, batch: Batch, error: Error, resolved: &mut Vec<Resolved>) {
        self.doubts = 0;
        let error = error.possibly_written_if(batch.is_in_doubt());
        // What is refused for its records was refused for them before: that hides nothing.
        let is_refused =
            matches!(error.kind(), ErrorKind::Broker(code) if code.error_code() == ErrorCode::INVALID_RECORD);
        if error.possibly_written() && !is_refused {
            self.hidden_before = self.hidden_before.max(batch.serial);
        }
        if let Some(stamp) = batch.stamp() {
            self.begin_epoch(Producer::of(stamp));
        }
        resolved.push(Resolved { batch, outcome: Err(error) });
    }

    /// Gives up batches that were opened before `oldest`, unless something is in flight.
    pub(in crate::partition::writer) fn expire(&mut self, oldest: Instant) -> Vec<Resolved> {
        let mut resolved = Vec::new();
        if !self.sent.is_empty() {
            return resolved;
        }
        let mut left = std::mem::take(&mut self.waiting);
        let mut gap = false;
        while left.front().is_some_and(|batch| batch.opened < oldest)
            && let Some(batch) = left.pop_front()
        {
            gap |= batch.stamp().is_some();
            let error = too_late(self.last_error.as_ref());
            self.give_up(batch, error, &mut resolved);
        }
        let behind = |mut batch: Batch| {
            batch.is_behind_gap |= gap;
            Left { batch, said: None }
        };
        let left: VecDeque<Left> = left.into_iter().map(behind).collect();
        self.renumber(left.into(), false);
        resolved
    }
}

/// A batch that the log may have had.
fn lost(batch: Batch, error: Error) -> Resolved {
    Resolved { batch, outcome: Err(error.possibly_written_if(true)) }
}

/// A record that no topic of this limit can hold.
fn too_large(error: Error, bytes: usize) -> Error {
    let text = format!(
        "a record of {bytes} bytes is larger than its topic takes (max.message.bytes): {}",
        error.kind()
    );
    error.with_detail(text)
}
