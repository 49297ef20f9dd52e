//! How far a range is, and what a broker's answer means for it.

use std::ops;
use std::time::{Duration, Instant};

use super::epochs::Epochs;
use super::range::{Loss, LossReason, OffsetRange};
use super::trouble::Trouble;
use crate::cluster::topology::Leader;
use crate::ids::{LeaderEpoch, TopicId, TopicPartition};
use crate::wire::codec::fetch::{EpochEnd, FetchedPartition, IsolationLevel};
use crate::wire::error_code::ErrorCode;
use crate::wire::records::{self, CheckedBatches};

/// So many pictures of the cluster in a row that tell another id of a topic are believed: fewer may come
/// from a broker that lags.
const OTHER_BELIEVED: u8 = 3;

/// A failure so long ago begins no row with the next one.
const ROW: Duration = Duration::from_secs(60);

/// A range on its way.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) topic_partition: TopicPartition,
    /// The first offset that is to be given.
    from: i64,
    /// The next offset to fetch; before `from` where a log was cut off further than that.
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
    /// The id of the topic that is read, where brokers tell it.
    pub(super) topic_id: Option<TopicId>,
    /// How many pictures in a row told another id.
    other_ids: u8,
    epochs: Epochs,
    /// In which leader's epoch what was read was last found to be in its log.
    proven: Option<LeaderEpoch>,
    /// Whether a broker ever had the next offset.
    begun: bool,
    /// The end of the log as lately seen.
    log_end: i64,
    failures: u32,
    /// The last of them.
    failed: Option<Instant>,
    /// How many of them in a row were that the offset is out of range.
    strays: u32,
    /// How many answers about it in a row broke the protocol.
    damaged: u32,
    /// Nothing comes, although it should.
    trouble: Trouble,
    /// Nothing comes, since there is nothing before the end of the range.
    waiting: Trouble,
}

/// How an answer came.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Manner {
    pub(super) isolation_level: IsolationLevel,
    /// The broker wants to be left alone for a while (KIP-219).
    pub(super) throttled: bool,
    /// The broker waited for records before it answered.
    pub(super) held: bool,
}

/// What an answer brought.
#[derive(Debug)]
pub(super) struct Taken {
    /// The offsets that are settled by it: may be none.
    pub(super) offsets: ops::Range<i64>,
    pub(super) batches: CheckedBatches,
    /// Offsets that were skipped before it, because the partition no longer has them.
    pub(super) lost: Option<Loss>,
    /// Whether it moved the range forward.
    pub(super) moved: bool,
    /// Whether the broker has nothing more at present.
    pub(super) at_end: bool,
    /// The end of what the broker has for this reader at present.
    pub(super) end: i64,
    /// Whether somebody had been told that nothing comes.
    pub(super) came_back: bool,
}

/// Why an answer brought nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The partition does not have the offset.
    OutOfRange,
    /// The partition's log is not the one that was read so far.
    Diverged(EpochEnd),
    /// The broker refused.
    Broker(ErrorCode),
    /// The bytes cannot be read, and it would not help to fetch them again.
    Records(records::Error),
}

/// Where an offset lies that a broker called out of range.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Bounds {
    /// In the log after all.
    Within,
    /// Beyond the end of the log, of which nothing was read yet.
    Beyond,
    /// In a part of the log that is gone.
    Lost(Loss),
}

/// What became of the log that was read so far.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parting {
    /// Nothing of what was read is gone.
    Nowhere,
    /// It was cut off.
    Lost(Loss),
    /// The leader knows nothing of it.
    Unknown,
}

/// Whether the topic is still the one that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    Same,
    /// Another one, if a broker does not lag.
    Doubtful,
    Other,
}

impl Progress {
    pub(super) fn new(range: OffsetRange) -> Self {
        Self {
            topic_partition: range.topic_partition,
            from: range.from,
            next: range.from,
            until: range.until,
            batch_bytes: 0,
            damaged_at: None,
            leader_epoch: None,
            generation: 0,
            topic_id: None,
            other_ids: 0,
            epochs: Epochs::default(),
            proven: None,
            begun: false,
            log_end: 0,
            failures: 0,
            failed: None,
            strays: 0,
            damaged: 0,
            trouble: Trouble::default(),
            waiting: Trouble::default(),
        }
    }

    /// The next offset to fetch.
    pub(super) fn next(&self) -> i64 {
        self.next
    }

    /// The end of the range, unless it has none.
    pub(super) fn until(&self) -> Option<i64> {
        (self.until < i64::MAX).then_some(self.until)
    }

    pub(super) fn is_finished(&self) -> bool {
        self.next >= self.until
    }

    /// The length of batches as lately seen, 0 before the first.
    pub(super) fn batch_bytes(&self) -> usize {
        self.batch_bytes
    }

    /// The epoch of the last record that was read, which a broker compares with its log.
    pub(super) fn last_epoch(&self) -> Option<LeaderEpoch> {
        self.epochs.last()
    }

    /// Remembers where the partition was last found.
    pub(super) fn locate(&mut self, leader: Leader, generation: u64) {
        self.leader_epoch = leader.epoch;
        self.generation = generation;
    }

    /// Compares the topic with the one of this name in a picture of the cluster, before
    /// [`locate`](Self::locate).
    pub(super) fn identify(&mut self, id: Option<TopicId>, generation: u64) -> Identity {
        let (Some(own), Some(told)) = (self.topic_id, id) else {
            self.topic_id = self.topic_id.or(id);
            return Identity::Same;
        };
        if own == told {
            self.other_ids = 0;
            return Identity::Same;
        }
        self.other_ids += u8::from(generation > self.generation || self.other_ids == 0);
        if self.other_ids < OTHER_BELIEVED { Identity::Doubtful } else { Identity::Other }
    }

    /// Takes an answer to a fetch from [`next`](Self::next).
    pub(super) fn take(&mut self, fetched: &mut FetchedPartition, manner: Manner) -> Result<Taken, Fault> {
        match fetched.error {
            ErrorCode::NONE => {}
            // What is asked then belongs to the same row.
            ErrorCode::OFFSET_OUT_OF_RANGE => return Err(Fault::OutOfRange),
            code => {
                self.damaged = 0;
                return Err(Fault::Broker(code));
            }
        }
        if let Some(end) = fetched.diverging {
            return Err(Fault::Diverged(end));
        }
        self.damaged = 0;
        self.begun = true;
        self.log_end = fetched.high_watermark;
        self.proven = self.leader_epoch;
        let bytes = std::mem::take(&mut fetched.records);
        let (batches, error) = CheckedBatches::check(bytes, self.next, self.until, fetched.high_watermark);
        if batches.count() == 0
            && let Some(error) = error
        {
            self.judge_damage(error)?;
        }
        let before = self.next;
        let lost = self.skip_lost(&batches, fetched.log_start_offset);
        let start = lost.as_ref().map_or(before, |loss| loss.offsets.end);
        self.next = batches.next_offset().clamp(start, self.until);
        self.note_epochs(&batches);
        if let Some(mean) = batches.len().checked_div(batches.count()) {
            self.batch_bytes = mean.max(self.batch_bytes - self.batch_bytes / 8);
        }
        let end = match manner.isolation_level {
            IsolationLevel::ReadCommitted if fetched.last_stable_offset >= 0 => fetched.last_stable_offset,
            _ => fetched.high_watermark,
        };
        let at_end = error.is_none() && self.next >= end;
        let came_back = self.judge_silence(before, at_end, manner);
        let offsets = start.max(self.from)..self.next.max(self.from);
        Ok(Taken { offsets, batches, lost, moved: self.next > before, at_end, end, came_back })
    }

    /// Counts failures in a row: what moves nothing forward ends no row of them, but for a broker that
    /// waited for records or wants to be left alone nothing is amiss. Says whether somebody had been
    /// told that nothing comes.
    fn judge_silence(&mut self, before: i64, at_end: bool, manner: Manner) -> bool {
        let moved = self.next > before;
        if moved {
            self.waiting.end();
        }
        if moved || manner.held && at_end {
            (self.failures, self.strays) = (0, 0);
        }
        (moved || at_end || manner.throttled) && self.trouble.end()
    }

    /// Notes in which epochs the batches were written. No checksum covers a batch's epoch, but none is
    /// newer than its leader's: of what seems to be, it is not known, and an older one would be wrong.
    fn note_epochs(&mut self, batches: &CheckedBatches) {
        let told = |epoch: &LeaderEpoch| self.leader_epoch.is_none_or(|leader| *epoch <= leader);
        if batches.last_epoch() > self.epochs.last() {
            for batch in batches.iter() {
                let header = batch.header();
                match header.leader_epoch() {
                    Some(epoch) if told(&epoch) => self.epochs.note(epoch, header.base_offset),
                    _ => self.epochs.forget(),
                }
            }
        }
    }

    /// Damage is fetched once more: the bytes may have been hurt on their way.
    fn judge_damage(&mut self, error: records::Error) -> Result<(), Fault> {
        let again = !matches!(error, records::Error::Magic { .. }) && self.excuse_damage();
        if again { Ok(()) } else { Err(Fault::Records(error)) }
    }

    /// Whether damage is seen at this offset for the first time.
    pub(super) fn excuse_damage(&mut self) -> bool {
        self.damaged_at.replace(self.next) != Some(self.next)
    }

    /// Offsets before the first batch are lost if the log begins after them; else nothing is
    /// there any more that anyone could miss.
    fn skip_lost(&mut self, batches: &CheckedBatches, log_start_offset: i64) -> Option<Loss> {
        let end = log_start_offset.min(batches.first_offset()?).min(self.until);
        self.lose_until(end)
    }

    fn lose_until(&mut self, end: i64) -> Option<Loss> {
        let start = self.next.max(self.from);
        if end <= self.next {
            return None;
        }
        self.epochs.forget();
        self.next = end;
        (start < end).then(|| self.loss(start..end, LossReason::Deleted))
    }

    fn loss(&self, offsets: ops::Range<i64>, reason: LossReason) -> Loss {
        Loss { topic_partition: self.topic_partition.clone(), offsets, reason }
    }

    /// Judges an offset that is out of range by what the partition has now. How far a log was cut its end
    /// says only where no epoch of it is known: it may have grown again.
    pub(super) fn resolve(&mut self, earliest: i64, latest: i64) -> Bounds {
        let lost = match self.next {
            next if next < earliest => self.lose_until(earliest.min(self.until)),
            next if next > latest && !self.begun => return Bounds::Beyond,
            next if next > latest && self.epochs.last().is_none() => self.cut(latest),
            _ => None,
        };
        lost.map_or(Bounds::Within, Bounds::Lost)
    }

    /// Judges what was read by where the leader's log ends in the epoch of it (KIP-320).
    pub(super) fn part(&mut self, told: EpochEnd) -> Parting {
        if told.epoch < LeaderEpoch(0) || told.end_offset < 0 {
            return Parting::Unknown;
        }
        self.prove();
        self.cut(self.epochs.parting(told)).map_or(Parting::Nowhere, Parting::Lost)
    }

    /// The log ends at an offset that was read before: what was given from there on is gone.
    fn cut(&mut self, offset: i64) -> Option<Loss> {
        if offset >= self.next {
            return None;
        }
        let offsets = offset.max(self.from)..self.next.max(self.from);
        self.next = offset;
        self.epochs.cut(offset);
        self.damaged_at = None;
        (!offsets.is_empty()).then(|| self.loss(offsets, LossReason::Truncated))
    }

    /// What was read was found in the leader's log.
    pub(super) fn prove(&mut self) {
        self.proven = self.leader_epoch;
    }

    /// Whether the leader has changed since what was read was found in the log.
    pub(super) fn is_unproven(&self) -> bool {
        self.epochs.last().is_some() && self.leader_epoch.is_some() && self.proven != self.leader_epoch
    }

    /// Believes the leader's log to be the one that was read, whatever it says of epochs.
    pub(super) fn forget_epochs(&mut self) {
        self.epochs.forget();
        self.prove();
    }

    /// The topic was deleted and made again, with an id if brokers tell it: the rest of a range is lost,
    /// and one without an end goes on where the new log begins.
    pub(super) fn begin_anew(&mut self, id: Option<TopicId>, earliest: i64) -> Loss {
        let start = self.next.max(self.from);
        let end = self.until().unwrap_or(self.log_end).max(start);
        let loss = self.loss(start..end, LossReason::Recreated);
        let next = self.until().unwrap_or(earliest);
        let (failures, failed, trouble) = (self.failures, self.failed, self.trouble);
        let range = OffsetRange::new(self.topic_partition.clone(), next, self.until);
        *self = Self { topic_id: id, begun: true, failures, failed, trouble, ..Self::new(range) };
        loss
    }

    /// It is asked for now.
    pub(super) fn ask(&mut self, asked: Duration) {
        self.trouble.begin(asked);
    }

    /// It waits for its turn: until it is asked for again its time stands still.
    pub(super) fn postpone(&mut self, asked: Duration) {
        self.trouble.pause(asked);
    }

    /// Until then its broker was busy with others, for whom it had something.
    pub(super) fn excuse_until(&mut self, then: Duration) {
        self.trouble.excuse_until(then);
    }

    /// Its broker wants to be left alone: nothing is amiss as long as that lasts.
    pub(super) fn excuse(&mut self) {
        self.trouble.end();
    }

    /// So much of the time in which nothing came does not count.
    pub(super) fn excuse_for(&mut self, passed: Duration) {
        self.trouble.put_off(passed);
    }

    /// Notes a failure. What failed long before, and not since, is another row.
    pub(super) fn fail(&mut self, now: Instant) {
        if self.failed.is_some_and(|failed| now.saturating_duration_since(failed) > ROW) {
            (self.failures, self.strays) = (0, 0);
        }
        self.failed = Some(now);
        self.failures = self.failures.saturating_add(1);
    }

    /// Notes a failure that was an answer which breaks the protocol.
    pub(super) fn damage(&mut self, now: Instant) {
        self.fail(now);
        self.damaged = self.damaged.saturating_add(1);
    }

    /// How many answers about it in a row broke the protocol, whatever failed between them.
    pub(super) fn damaged(&self) -> u32 {
        self.damaged
    }

    /// Notes that a broker called the next offset out of range.
    pub(super) fn stray(&mut self, now: Instant) {
        self.fail(now);
        self.strays = self.strays.saturating_add(1);
    }

    /// How many failures in a row were that.
    pub(super) fn strays(&self) -> u32 {
        self.strays
    }

    /// How many failures there were in a row.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// For how long nothing came.
    pub(super) fn silence(&self, asked: Duration) -> Duration {
        self.trouble.lasts(asked)
    }

    /// Whether somebody is to be told now that nothing comes.
    pub(super) fn warns_of_trouble(&mut self, asked: Duration) -> bool {
        self.trouble.warns(asked)
    }

    /// Whether somebody is to be told now that the range ends beyond `end`, where it waits.
    pub(super) fn warns_of_waiting(&mut self, asked: Duration, end: i64) -> bool {
        let waits = self.until().is_some_and(|until| end < until);
        if waits {
            self.waiting.begin(asked);
        }
        waits && self.waiting.warns(asked)
    }
}

#[cfg(test)]
mod tests;
