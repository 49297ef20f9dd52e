//! Which batches belong to aborted transactions (KIP-98, `isolation.level=read_committed`).

use std::collections::HashSet;

use super::batch::CheckedBatch;
use super::decompress::Decompressor;
use super::error::Error;

/// What a control record marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marker {
    /// The producer's transaction was aborted.
    Abort,
    /// The producer's transaction was committed.
    Commit,
    /// Something of Kafka's own, such as a change of leader, by its number.
    Other(i16),
}

impl CheckedBatch<'_> {
    /// What the control batch marks. `None` if the batch is not a control batch, or if compaction
    /// has removed its record.
    ///
    /// # Errors
    /// Those of reading the first record, and [`Error::ControlRecord`].
    pub(crate) fn marker(&self, decompressor: &mut Decompressor) -> Result<Option<Marker>, Error> {
        if !self.header().is_control() {
            return Ok(None);
        }
        let Some(record) = self.records(decompressor)?.next().transpose()? else { return Ok(None) };
        // The key is a version and a type; versions to come may append fields.
        match record.key.and_then(|key| key.first_chunk()) {
            Some(&[a, b, c, d]) if i16::from_be_bytes([a, b]) >= 0 => {
                Ok(Some(match i16::from_be_bytes([c, d]) {
                    0 => Marker::Abort,
                    1 => Marker::Commit,
                    other => Marker::Other(other),
                }))
            }
            _ => Err(Error::ControlRecord),
        }
    }
}

/// The transactions that a Fetch response lists as aborted for one partition, followed through
/// its batches. Every response lists all that its batches need, so each needs a new value.
#[derive(Debug)]
pub(crate) struct AbortedTransactions {
    /// First offset and producer id, the next to begin last.
    to_come: Vec<(i64, i64)>,
    /// The producers whose present transaction was aborted.
    open: HashSet<i64>,
}

impl AbortedTransactions {
    /// Takes the list of a Fetch response, as pairs of producer id and first offset, in any order.
    pub(crate) fn new(aborted: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let mut to_come: Vec<_> = aborted.into_iter().map(|(id, first)| (first, id)).collect();
        to_come.sort_unstable_by(|a, b| b.cmp(a));
        Self { to_come, open: HashSet::new() }
    }

    /// Whether the records of the batch are for a reader of committed records: not those of an
    /// aborted transaction, nor control records. Give it every batch of the response, in order.
    ///
    /// # Errors
    /// Those of [`CheckedBatch::marker`].
    pub(crate) fn admits(
        &mut self,
        batch: &CheckedBatch<'_>,
        decompressor: &mut Decompressor,
    ) -> Result<bool, Error> {
        let header = batch.header();
        while let Some((_, id)) = self.to_come.pop_if(|(first, _)| *first <= header.last_offset()) {
            self.open.insert(id);
        }
        if header.is_control() {
            if !self.open.is_empty() && batch.marker(decompressor)? == Some(Marker::Abort) {
                self.open.remove(&header.producer_id);
            }
            return Ok(false);
        }
        Ok(!(header.is_transactional() && self.open.contains(&header.producer_id)))
    }
}
