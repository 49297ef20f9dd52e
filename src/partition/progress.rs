//! How far a range is, and what a broker's answer means for it.

use std::ops;
use std::time::Duration;

use super::range::{Loss, OffsetRange};
use crate::cluster::topology::Leader;
use crate::error::Error;
use crate::ids::{LeaderEpoch, TopicPartition};
use crate::wire::codec::fetch::{FetchedPartition, IsolationLevel};
use crate::wire::error_code::ErrorCode;
use crate::wire::records::{self, CheckedBatches};

/// A range on its way.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) topic_partition: TopicPartition,
    next: i64,
    until: i64,
    /// The length of batches as lately seen, 0 before the first.
    batch_bytes: usize,
    /// Where the bytes were wrong once.
    damaged_at: Option<i64>,
    /// Since which election the leader leads, as last looked up.
    pub(super) leader_epoch: Option<LeaderEpoch>,
    /// The picture of the cluster in which the leader was last looked up.
    pub(super) generation: u64,
    failures: u32,
    /// Time spent in vain since the last answer.
    in_vain: Duration,
}

/// What an answer brought.
#[derive(Debug)]
pub(super) struct Taken {
    /// The offsets that are settled by it: may be none.
    pub(super) offsets: ops::Range<i64>,
    pub(super) batches: CheckedBatches,
    /// Offsets that were skipped before it, because the partition no longer has them.
    pub(super) lost: Option<Loss>,
    /// Whether the broker has nothing more at present.
    pub(super) at_end: bool,
}

/// Why an answer brought nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The partition does not have the offset.
    OutOfRange,
    /// The broker refused.
    Broker(ErrorCode),
    /// The bytes cannot be read, and it would not help to fetch them again.
    Records(records::Error),
}

impl Progress {
    pub(super) fn new(range: OffsetRange) -> Self {
        Self {
            topic_partition: range.topic_partition,
            next: range.from,
            until: range.until,
            batch_bytes: 0,
            damaged_at: None,
            leader_epoch: None,
            generation: 0,
            failures: 0,
            in_vain: Duration::ZERO,
        }
    }

    /// The next offset to fetch.
    pub(super) fn next(&self) -> i64 {
        self.next
    }

    pub(super) fn is_finished(&self) -> bool {
        self.next >= self.until
    }

    /// The length of batches as lately seen, 0 before the first.
    pub(super) fn batch_bytes(&self) -> usize {
        self.batch_bytes
    }

    /// Remembers where the partition was last found.
    pub(super) fn locate(&mut self, leader: Leader, generation: u64) {
        self.leader_epoch = leader.epoch;
        self.generation = generation;
    }

    /// Takes an answer to a fetch from [`next`](Self::next).
    pub(super) fn take(
        &mut self,
        fetched: &mut FetchedPartition,
        isolation_level: IsolationLevel,
    ) -> Result<Taken, Fault> {
        match fetched.error {
            ErrorCode::NONE => {}
            ErrorCode::OFFSET_OUT_OF_RANGE => return Err(Fault::OutOfRange),
            code => return Err(Fault::Broker(code)),
        }
        (self.failures, self.in_vain) = (0, Duration::ZERO);
        let bytes = std::mem::take(&mut fetched.records);
        let (batches, error) = CheckedBatches::check(bytes, self.next, self.until);
        if batches.count() == 0
            && let Some(error) = error
        {
            self.judge_damage(error)?;
        }
        let from = self.next;
        let lost = self.skip_lost(&batches, fetched.log_start_offset);
        let start = lost.as_ref().map_or(from, |loss| loss.offsets.end);
        self.next = batches.next_offset().clamp(start, self.until);
        if let Some(mean) = batches.len().checked_div(batches.count()) {
            self.batch_bytes = mean.max(self.batch_bytes - self.batch_bytes / 8);
        }
        let end = match isolation_level {
            IsolationLevel::ReadCommitted if fetched.last_stable_offset >= 0 => fetched.last_stable_offset,
            _ => fetched.high_watermark,
        };
        let at_end = error.is_none() && self.next >= end;
        Ok(Taken { offsets: start..self.next, batches, lost, at_end })
    }

    /// Damage is fetched once more: the bytes may have been hurt on their way.
    fn judge_damage(&mut self, error: records::Error) -> Result<(), Fault> {
        let again = self.damaged_at != Some(self.next) && !matches!(error, records::Error::Magic { .. });
        self.damaged_at = Some(self.next);
        if again { Ok(()) } else { Err(Fault::Records(error)) }
    }

    /// Offsets before the first batch are lost if the log begins after them; else nothing is
    /// there any more that anyone could miss.
    fn skip_lost(&mut self, batches: &CheckedBatches, log_start_offset: i64) -> Option<Loss> {
        let end = log_start_offset.min(batches.first_offset()?).min(self.until);
        self.lose_until(end)
    }

    fn lose_until(&mut self, end: i64) -> Option<Loss> {
        let offsets = self.next..end;
        (!offsets.is_empty()).then(|| {
            self.next = end;
            Loss { topic_partition: self.topic_partition.clone(), offsets }
        })
    }

    /// Judges an offset that is out of range by what the partition has now. `None`: it is in
    /// range again.
    pub(super) fn resolve(&mut self, earliest: i64, latest: i64) -> Option<Loss> {
        match self.next {
            next if next < earliest => self.lose_until(earliest.min(self.until)),
            next if next > latest => self.lose_until(self.until),
            _ => None,
        }
    }

    /// Notes a failure that took so long.
    pub(super) fn fail(&mut self, took: Duration) {
        self.failures = self.failures.saturating_add(1);
        self.in_vain = self.in_vain.saturating_add(took);
    }

    /// Notes time that passed in vain, without another failure.
    pub(super) fn spend(&mut self, took: Duration) {
        self.in_vain = self.in_vain.saturating_add(took);
    }

    /// How many failures there were since the last answer.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether as much time as this was spent in vain since the last answer.
    pub(super) fn is_given_up(&self, deadline: Duration) -> bool {
        self.in_vain >= deadline
    }
}

impl Loss {
    /// The error of a reader that must not lose anything.
    pub(super) fn into_error(self) -> Error {
        let ops::Range { start, end } = self.offsets;
        let text = format!("offsets {start} to {} are no longer there", end.saturating_sub(1));
        Error::because(crate::error::ErrorKind::DataLoss, text).at_partition(&self.topic_partition)
    }
}

#[cfg(test)]
mod tests;
