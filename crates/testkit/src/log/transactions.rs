//! Open and aborted transactions of a partition.

use std::collections::BTreeMap;

use super::batch::Batch;

/// An entry of the index of aborted transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Aborted {
    pub(crate) producer_id: i64,
    pub(crate) first_offset: i64,
    /// The offset of the marker.
    pub(crate) last_offset: i64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Transactions {
    /// The first offset of each producer's open transaction.
    open: BTreeMap<i64, i64>,
    aborted: Vec<Aborted>,
}

impl Transactions {
    /// Takes note of a batch that stands in the log.
    pub(crate) fn note(&mut self, batch: &Batch) {
        if !batch.is_transactional() {
            return;
        }
        let producer_id = batch.producer_id();
        if !batch.is_control() {
            self.open.entry(producer_id).or_insert(batch.base_offset());
            return;
        }
        let Some(first_offset) = self.open.remove(&producer_id) else { return };
        if is_abort(batch) {
            self.aborted.push(Aborted { producer_id, first_offset, last_offset: batch.last_offset() });
        }
    }

    pub(crate) fn first_open(&self) -> Option<i64> {
        self.open.values().min().copied()
    }

    pub(crate) fn is_open(&self, producer_id: i64) -> bool {
        self.open.contains_key(&producer_id)
    }

    pub(crate) fn aborted(&self, offset: i64, until: i64) -> impl Iterator<Item = &Aborted> {
        self.aborted.iter().filter(move |a| a.last_offset >= offset && a.first_offset < until)
    }

    /// Whether a batch belongs to an aborted transaction.
    pub(crate) fn is_aborted(&self, batch: &Batch) -> bool {
        let belongs = |aborted: &Aborted| {
            aborted.producer_id == batch.producer_id()
                && (aborted.first_offset..=aborted.last_offset).contains(&batch.base_offset())
        };
        batch.is_transactional() && self.aborted.iter().any(belongs)
    }

    pub(crate) fn forget_before(&mut self, start: i64) {
        self.aborted.retain(|a| a.last_offset >= start);
    }
}

/// The marker's key: a version, and 0 for abort or 1 for commit.
fn is_abort(marker: &Batch) -> bool {
    let key = marker.records().next().and_then(|record| record.key_and_value()).and_then(|[key, _]| key);
    key.is_some_and(|key| key.get(2..4) == Some(&[0, 0]))
}
