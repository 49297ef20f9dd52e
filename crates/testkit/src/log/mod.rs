//! The log of a partition, in memory: batches as their bytes, transactions, epochs.
//!
//! There is one log for all replicas, so the high watermark is always the log end.

mod batch;
mod encode;
mod epochs;
mod journal;
mod producers;
mod transactions;
mod varint;

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Bytes, BytesMut};

use crate::BrokerId;

pub(crate) use batch::{BadBatch, Batch, StoredRecord};
pub(crate) use encode::{Writer, batch as encode_batch, marker};
use epochs::Epochs;
use journal::Journal;
pub(crate) use journal::{Entry, Lost};
use producers::Producers;
pub(crate) use producers::Sequence;
pub(crate) use transactions::Aborted;
use transactions::Transactions;

#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    batches: Vec<Batch>,
    start: i64,
    end: i64,
    epochs: Epochs,
    producers: Producers,
    transactions: Transactions,
    journal: Journal,
}

/// When and where a batch is appended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Append {
    pub(crate) leader_epoch: i32,
    /// The leader; none if a test writes.
    pub(crate) broker: Option<BrokerId>,
    /// The brokers' wall clock.
    pub(crate) millis: i64,
}

impl Log {
    pub(crate) fn start(&self) -> i64 {
        self.start
    }

    /// The offset that the next record gets; the high watermark.
    pub(crate) fn end(&self) -> i64 {
        self.end
    }

    pub(crate) fn last_stable(&self) -> i64 {
        self.transactions.first_open().unwrap_or(self.end)
    }

    pub(crate) fn batches(&self) -> &[Batch] {
        &self.batches
    }

    pub(crate) fn judge(&self, batch: &Batch) -> Sequence {
        if batch.producer_id() < 0 { Sequence::Append } else { self.producers.judge(batch) }
    }

    /// Puts a batch at the end of the log, and gives its first offset.
    pub(crate) fn append(&mut self, batch: &Batch, append: Append) -> i64 {
        let batch = batch.placed(self.end, append.leader_epoch);
        self.epochs.assign(append.leader_epoch, self.end);
        if batch.producer_id() >= 0 && !batch.is_control() {
            self.producers.note(&batch);
        }
        self.transactions.note(&batch);
        let first = self.end;
        self.end = batch.last_offset() + 1;
        self.journal.appended(&batch, append);
        self.batches.push(batch);
        first
    }

    /// The only broker that has the log was started again: it knows of producers what its snapshot says.
    pub(crate) fn restart(&mut self) {
        self.producers.restart();
    }

    /// A leader begins its epoch at the log's end, before it writes anything.
    pub(crate) fn begin_epoch(&mut self, epoch: i32) {
        self.epochs.assign(epoch, self.end);
    }

    /// Everything that was ever appended, with what became of it.
    pub(crate) fn journal(&self) -> &[Entry] {
        self.journal.entries()
    }

    /// The log is deleted with its topic.
    pub(crate) fn delete(&mut self) {
        self.journal.lost_from(0, Lost::TopicDeleted);
    }

    fn index_of(&self, offset: i64) -> usize {
        self.batches.partition_point(|batch| batch.last_offset() < offset)
    }

    /// Reads from the batch that holds `offset` up to offset `until` (not included), as a broker
    /// does: at most `max_bytes`, so that the last batch may be cut short; but nothing if not
    /// even the first fits, unless `at_least_one` asks for the whole of that.
    pub(crate) fn read(&self, offset: i64, until: i64, max_bytes: usize, at_least_one: bool) -> Bytes {
        let rest = self.batches.get(self.index_of(offset)..).unwrap_or_default();
        let visible = rest.iter().take_while(|batch| batch.base_offset() < until);
        let Some(first) = visible.clone().next() else { return Bytes::new() };
        if first.bytes().len() > max_bytes {
            return if at_least_one { first.bytes().clone() } else { Bytes::new() };
        }
        let total: usize = visible
            .clone()
            .scan(0, |read: &mut usize, batch| {
                let open = *read < max_bytes;
                *read += batch.bytes().len();
                open.then_some(batch.bytes().len())
            })
            .sum();
        let size = total.min(max_bytes);
        if size <= first.bytes().len() {
            return first.bytes().clone();
        }
        let mut read = BytesMut::with_capacity(size);
        for batch in visible {
            let part = batch.bytes().get(..size - read.len()).unwrap_or(batch.bytes());
            read.extend_from_slice(part);
            if read.len() == size {
                break;
            }
        }
        read.freeze()
    }

    /// The aborted transactions with records in `offset..until`.
    pub(crate) fn aborted(&self, offset: i64, until: i64) -> impl Iterator<Item = &Aborted> {
        self.transactions.aborted(offset, until)
    }

    /// The open transaction of a producer.
    pub(crate) fn has_open(&self, producer_id: i64) -> bool {
        self.transactions.is_open(producer_id)
    }

    /// The first record at or after `timestamp` below `until`: its offset, timestamp and epoch.
    pub(crate) fn find_timestamp(&self, timestamp: i64, until: i64) -> Option<(i64, i64, i32)> {
        self.batches.iter().filter(|batch| !batch.is_control()).find_map(|batch| {
            let (offset, found) = batch.find_timestamp(timestamp)?;
            (offset >= self.start && offset < until).then_some((offset, found, batch.leader_epoch()))
        })
    }

    /// The record with the greatest timestamp.
    pub(crate) fn find_max_timestamp(&self) -> Option<(i64, i64, i32)> {
        let max = self.batches.iter().filter(|b| !b.is_control()).map(Batch::max_timestamp).max()?;
        self.find_timestamp(max, self.end)
    }

    /// The greatest epoch up to `asked`, and where it ended; none if `asked` is newer than all
    /// (KIP-101).
    pub(crate) fn end_of_epoch(&self, asked: i32) -> Option<(i32, i64)> {
        self.epochs.end_of(asked, self.end)
    }

    /// The epoch that wrote `offset`.
    pub(crate) fn epoch_at(&self, offset: i64) -> Option<i32> {
        self.epochs.at(offset)
    }

    /// Moves the log start, as retention and DeleteRecords do: whole batches go, and the start may
    /// lie inside the first that stays.
    pub(crate) fn delete_before(&mut self, offset: i64) {
        self.start = offset.clamp(self.start, self.end);
        let gone = self.index_of(self.start);
        self.batches.drain(..gone.min(self.batches.len()));
        self.transactions.forget_before(self.start);
        self.epochs.cut_before(self.start);
        self.journal.deleted_before(self.start);
    }

    /// Cuts the log's end off, as a follower does that finds it has diverged. A batch that spans
    /// `offset` goes whole.
    pub(crate) fn truncate(&mut self, offset: i64) {
        if offset >= self.end {
            return;
        }
        let kept = self.batches.partition_point(|batch| batch.last_offset() < offset);
        let first_gone = self.batches.get(kept).map_or(offset, Batch::base_offset);
        self.end = first_gone.min(offset);
        self.start = self.start.min(self.end);
        self.batches.truncate(kept);
        self.epochs.cut_from(self.end);
        self.journal.lost_from(self.end, Lost::Truncated);
        self.producers = Producers::default();
        self.transactions = Transactions::default();
        for batch in &self.batches {
            self.transactions.note(batch);
            if batch.producer_id() >= 0 && !batch.is_control() {
                self.producers.note(batch);
            }
        }
    }

    /// Takes records out, as the log cleaner does: offsets stay, and their numbers have gaps. A batch
    /// of which nothing is left goes, but the last of its producer and the last of the log stay as
    /// headers without records. A compressed batch goes whole or not at all.
    pub(crate) fn compact(&mut self, keep: &mut dyn FnMut(i64) -> bool) {
        self.compact_until(self.end, keep);
    }

    /// Does what the log cleaner does when the last batch is the active segment: of every key the last
    /// record stays, records of aborted transactions go, and nothing at or after an open transaction is
    /// touched. Compressed batches are not looked into.
    pub(crate) fn clean(&mut self) {
        let active = self.batches.last().map_or(self.end, Batch::base_offset);
        let until = active.min(self.last_stable());
        let round = || self.batches.iter().take_while(|batch| batch.last_offset() < until);
        let mut last_of_key = BTreeMap::new();
        let mut staying = BTreeSet::new();
        for batch in round().filter(|batch| !self.transactions.is_aborted(batch)) {
            if batch.is_compressed() {
                staying.extend(batch.base_offset()..=batch.last_offset());
            }
            for record in batch.records() {
                if let Some([Some(key), _]) = record.key_and_value() {
                    last_of_key.insert(key.to_vec(), record.offset);
                }
            }
        }
        staying.extend(last_of_key.into_values());
        self.compact_until(until, &mut |offset| staying.contains(&offset));
    }

    fn compact_until(&mut self, until: i64, keep: &mut dyn FnMut(i64) -> bool) {
        let mut gone = BTreeSet::new();
        let mut kept = Vec::with_capacity(self.batches.len());
        for batch in &self.batches {
            if batch.is_control() || batch.last_offset() >= until {
                kept.push(batch.clone());
                continue;
            }
            let is_last = batch.last_offset() + 1 == until || self.producers.is_last(batch);
            let mut refused = Vec::new();
            let left = batch.retain(&mut |offset| {
                let stays = keep(offset);
                if !stays {
                    refused.push(offset);
                }
                stays
            });
            // A compressed batch that stays stays whole.
            if left.is_none() || !batch.is_compressed() {
                gone.extend(refused);
            }
            match left {
                Some(left) => kept.push(left),
                None if is_last => kept.push(batch.emptied()),
                None => {}
            }
        }
        self.batches = kept;
        self.journal.compacted(&gone);
    }
}
