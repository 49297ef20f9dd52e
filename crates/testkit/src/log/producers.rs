//! What a partition remembers of idempotent producers (KIP-98).

use std::collections::{BTreeMap, VecDeque};

use super::batch::Batch;

/// The batches of a producer that a broker recognises when they come again.
const REMEMBERED: usize = 5;

/// What to do with a batch of an idempotent producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sequence {
    Append,
    /// The batch is in the log already, from this offset on.
    Duplicate(i64),
    /// Sequence numbers are missing.
    OutOfOrder,
    /// A producer with a newer epoch has written.
    Fenced,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Producers {
    known: BTreeMap<i64, Producer>,
}

#[derive(Clone, Debug)]
struct Producer {
    epoch: i16,
    /// First sequence, last sequence and base offset of the last batches.
    last: VecDeque<(i32, i32, i64)>,
}

impl Producers {
    pub(crate) fn judge(&self, batch: &Batch) -> Sequence {
        let Some(producer) = self.known.get(&batch.producer_id()) else { return Sequence::Append };
        if batch.producer_epoch() < producer.epoch {
            return Sequence::Fenced;
        }
        if batch.producer_epoch() > producer.epoch {
            return if batch.base_sequence() == 0 { Sequence::Append } else { Sequence::OutOfOrder };
        }
        let range = (batch.base_sequence(), batch.last_sequence());
        if let Some(&(.., offset)) = producer.last.iter().find(|&&(first, last, _)| (first, last) == range) {
            return Sequence::Duplicate(offset);
        }
        let expected = producer.last.back().map(|&(_, last, _)| last.checked_add(1).unwrap_or(0));
        if expected.is_none_or(|next| next == range.0) { Sequence::Append } else { Sequence::OutOfOrder }
    }

    /// Whether a batch is the newest of its producer.
    pub(crate) fn is_last(&self, batch: &Batch) -> bool {
        let producer = self.known.get(&batch.producer_id());
        let last = producer.and_then(|producer| producer.last.back());
        last.is_some_and(|&(.., base_offset)| base_offset == batch.base_offset())
    }

    /// A snapshot has the last batch of each producer alone.
    pub(crate) fn restart(&mut self) {
        for producer in self.known.values_mut() {
            producer.last.drain(..producer.last.len().saturating_sub(1));
        }
    }

    /// Remembers a batch that stands in the log.
    pub(crate) fn note(&mut self, batch: &Batch) {
        let producer = self
            .known
            .entry(batch.producer_id())
            .or_insert_with(|| Producer { epoch: batch.producer_epoch(), last: VecDeque::new() });
        if producer.epoch != batch.producer_epoch() {
            producer.epoch = batch.producer_epoch();
            producer.last.clear();
        }
        producer.last.push_back((batch.base_sequence(), batch.last_sequence(), batch.base_offset()));
        if producer.last.len() > REMEMBERED {
            producer.last.pop_front();
        }
    }
}
