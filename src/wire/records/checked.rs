//! All batches of one fetched partition, with their CRCs checked.

use bytes::Bytes;

use super::batch::{Batch, Batches, CheckedBatch};
use super::error::Error;
use crate::ids::LeaderEpoch;

/// Whole batches of one partition whose CRCs are right: a slice of the frame, not a copy.
#[derive(Clone, Debug)]
pub(crate) struct CheckedBatches {
    bytes: Bytes,
    first_offset: Option<i64>,
    next_offset: i64,
    batches: usize,
    last_epoch: Option<LeaderEpoch>,
}

impl CheckedBatches {
    /// Checks what a fetch from offset `from` returned, up to the first batch that begins at or
    /// after `until`: where there is one, nothing that is missing before it will ever come, and the
    /// range is settled. If a batch is wrong, those before it are given with its error.
    ///
    /// No checksum covers where a batch begins. A hole up to the `end` of the log or beyond, which the same answer
    /// tells, is damage. What follows without a hole may lie there: brokers look at the end before they read.
    pub(crate) fn check(mut bytes: Bytes, from: i64, until: i64, end: i64) -> (Self, Option<Error>) {
        let (mut first_offset, mut next_offset, mut batches, mut length) = (None, from, 0, 0);
        let (mut last_epoch, mut error) = (None, None);
        for batch in Batches::new(&bytes) {
            let checked = batch.and_then(|batch| batch.verify_crc().map(|checked| (batch, checked)));
            let (batch, checked) = match checked {
                Ok(both) => both,
                Err(wrong) => {
                    error = Some(wrong);
                    break;
                }
            };
            let header = checked.header();
            if header.base_offset > next_offset && header.base_offset >= end && end >= 0 {
                error = Some(Error::OffsetsBeyondEnd { got: header.base_offset, end });
                break;
            }
            first_offset = first_offset.or(Some(header.base_offset));
            if header.base_offset >= until {
                next_offset = next_offset.max(until);
                break;
            }
            last_epoch = header.leader_epoch();
            next_offset = header.last_offset().saturating_add(1);
            batches += 1;
            length += batch.as_bytes().len();
        }
        if error.is_none() && batches > 0 && next_offset <= from {
            error = Some(Error::OffsetsGoBack { got: next_offset, min: from.saturating_add(1) });
            (batches, length) = (0, 0);
        }
        bytes.truncate(length);
        (Self { bytes, first_offset, next_offset: next_offset.max(from), batches, last_epoch }, error)
    }

    /// The base offset of the first batch that came, be it one after the range.
    pub(crate) fn first_offset(&self) -> Option<i64> {
        self.first_offset
    }

    /// The next offset to fetch.
    pub(crate) fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// In which leader's epoch the last batch was written, if it says so.
    pub(crate) fn last_epoch(&self) -> Option<LeaderEpoch> {
        self.last_epoch
    }

    /// How many batches these are.
    pub(crate) fn count(&self) -> usize {
        self.batches
    }

    /// How many bytes the batches have.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The batches, whose CRCs are not computed again.
    #[inline]
    pub(crate) fn iter(&self) -> CheckedBatchIter<'_> {
        CheckedBatchIter(Batches::new(&self.bytes))
    }
}

/// Iterates over batches that were checked before.
#[derive(Clone)]
pub(crate) struct CheckedBatchIter<'a>(Batches<'a>);

impl CheckedBatchIter<'_> {
    /// Ends the iteration.
    pub(crate) fn stop(&mut self) {
        self.0 = Batches::new(&[]);
    }
}

impl<'a> Iterator for CheckedBatchIter<'a> {
    type Item = CheckedBatch<'a>;

    #[inline]
    fn next(&mut self) -> Option<CheckedBatch<'a>> {
        // All of them were read before, so none is an error.
        self.0.next()?.ok().map(Batch::assume_checked)
    }
}
