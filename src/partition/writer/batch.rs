//! A batch on its way: open, packed, stamped, and at its end resolved.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};

use super::completion::{Completion, Outcome, Receipt};
use super::refusal::Refusal;
use super::sender::{Sender, Senders};
use crate::error::{Error, ErrorKind};
use crate::wire::records::{self, BatchBuilder, Codec, Compressor, NewRecord, Stamp};

/// A partition by its place among those of one writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) topic: usize,
    pub(super) partition: usize,
}

/// One batch. If it is dropped before it is resolved, its records were given up.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) place: Place,
    /// Batches are numbered in the order in which they were opened, in steps of [`Batch::SERIALS`].
    pub(super) serial: u64,
    /// How many serials from its own on are for it and the parts it may be taken into.
    serials: u64,
    pub(super) opened: Instant,
    /// The part of the writer's memory that it holds.
    pub(super) charge: usize,
    /// Whether a broker may have appended it.
    pub(super) possibly_written: bool,
    /// Whether a log may have had it once, though it is known not to be there now.
    was_possibly_written: bool,
    /// Whether a batch before it, of its epoch, is missing for good.
    pub(super) is_behind_gap: bool,
    body: Body,
    count: i32,
    /// The place of its first record among those that share the completion.
    first: i32,
    stamp: Option<Stamp>,
    completion: Option<Arc<Completion>>,
    senders: Senders,
    /// Who waits was told what became of it.
    is_told: bool,
    /// Why some of its records are refused, if that is known of each.
    pub(super) refusal: Option<Box<Refusal>>,
}

#[derive(Debug)]
enum Body {
    Open(BatchBuilder),
    Packed(Vec<u8>),
    Stamped(Bytes),
}

impl Batch {
    /// What a batch takes of the memory beside its buffer.
    pub(super) const COST: usize = 512;

    /// The distance between the serials of batches: more than the largest has records.
    pub(super) const SERIALS: u64 = 1 << 22;

    pub(super) fn open(place: Place, serial: u64, opened: Instant, buffer: Vec<u8>) -> Self {
        let charge = Self::COST + buffer.capacity();
        Self {
            place,
            serial,
            serials: Self::SERIALS,
            opened,
            charge,
            possibly_written: false,
            was_possibly_written: false,
            is_behind_gap: false,
            body: Body::Open(BatchBuilder::new(buffer)),
            count: 0,
            first: 0,
            stamp: None,
            completion: None,
            senders: Senders::default(),
            is_told: false,
            refusal: None,
        }
    }

    /// The length so far.
    pub(super) fn len(&self) -> usize {
        match &self.body {
            Body::Open(builder) => builder.len(),
            Body::Packed(bytes) => bytes.len(),
            Body::Stamped(bytes) => bytes.len(),
        }
    }

    /// How many bytes its buffer has room for.
    pub(super) fn capacity(&self) -> usize {
        match &self.body {
            Body::Open(builder) => builder.capacity(),
            Body::Packed(bytes) => bytes.capacity(),
            // Shared with a request: it does not say.
            Body::Stamped(_) => self.charge.saturating_sub(Self::COST),
        }
    }

    /// Whether so many more bytes fit into its buffer as it is, and into a batch of at most so many.
    #[inline]
    pub(super) fn has_room(&self, bytes: usize, most: usize) -> bool {
        let Body::Open(builder) = &self.body else { return false };
        builder.len() + bytes <= builder.capacity().min(most)
    }

    /// Makes room for so many bytes in all.
    pub(super) fn grow(&mut self, bytes: usize) {
        if let Body::Open(builder) = &mut self.body {
            builder.grow(bytes);
            self.charge = Self::COST + builder.capacity();
        }
    }

    pub(super) fn count(&self) -> i32 {
        self.count
    }

    pub(super) fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }

    /// Appends a record, and gives its receipt if one is wanted.
    #[inline]
    pub(super) fn push(
        &mut self,
        record: &NewRecord<'_>,
        timestamp: i64,
        wanted: bool,
        sender: &Arc<Sender>,
    ) -> Option<Receipt> {
        let Body::Open(builder) = &mut self.body else { return None };
        self.senders.add(sender);
        let place = builder.push(record, timestamp);
        self.count = builder.count();
        wanted.then(|| Receipt::new(Arc::clone(self.completion.get_or_insert_default()), place))
    }

    /// Packs the records, if that is not done, and gives the buffer that is free then.
    pub(super) fn pack(
        &mut self,
        codec: Codec,
        compressor: &mut Compressor,
        spare: Vec<u8>,
    ) -> Result<Vec<u8>, Error> {
        match std::mem::replace(&mut self.body, Body::Packed(Vec::new())) {
            Body::Open(builder) => {
                let packed = builder.finish(codec, compressor, spare);
                let (bytes, spare) = packed
                    .map_err(|error| Error::because(ErrorKind::Misuse, error.to_string()).caused_by(error))?;
                self.body = Body::Packed(bytes);
                Ok(spare)
            }
            body => {
                self.body = body;
                Ok(spare)
            }
        }
    }

    /// The bytes to send, stamped so.
    pub(super) fn stamped(&mut self, stamp: Stamp) -> Bytes {
        let mut bytes = match std::mem::replace(&mut self.body, Body::Packed(Vec::new())) {
            Body::Stamped(bytes) if self.stamp == Some(stamp) => {
                self.body = Body::Stamped(bytes.clone());
                return bytes;
            }
            Body::Stamped(bytes) => bytes.into(),
            Body::Packed(bytes) => bytes,
            Body::Open(_) => Vec::new(),
        };
        stamp.apply(&mut bytes);
        self.stamp = Some(stamp);
        let bytes = Bytes::from(bytes);
        self.body = Body::Stamped(bytes.clone());
        bytes
    }

    /// The leader has shown that its log does not have it. What is told of it in the end is still that it may be
    /// written.
    pub(super) fn is_not_there(&mut self) {
        self.was_possibly_written |= self.possibly_written;
        self.possibly_written = false;
    }

    /// Whether an error about it says that it may be written.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.possibly_written || self.was_possibly_written
    }

    /// Forgets the stamp: another one will be given.
    pub(super) fn unstamp(&mut self) {
        self.stamp = None;
        self.is_behind_gap = false;
    }

    /// Takes the batch apart into two, which together take the place of this one: its serials, its
    /// memory, its sequence numbers, its receipts. `None` if it has a single record.
    pub(super) fn split(&mut self) -> Option<[Self; 2]> {
        let bytes: &[u8] = match &self.body {
            Body::Packed(bytes) => bytes,
            Body::Stamped(bytes) => bytes,
            Body::Open(_) => &[],
        };
        let serials = self.serials / 2;
        let [first, second] = records::split(bytes).filter(|_| serials > 0)?;
        let charge = self.charge / 2;
        let completion = self.completion.take();
        let part = |builder: BatchBuilder, serial, charge, before: i32| Self {
            place: self.place,
            serial,
            serials,
            opened: self.opened,
            charge,
            possibly_written: self.possibly_written,
            was_possibly_written: self.was_possibly_written,
            is_behind_gap: self.is_behind_gap,
            count: builder.count(),
            first: self.first.saturating_add(before),
            stamp: self.stamp.map(|stamp| stamp.after(before)),
            completion: completion.clone(),
            senders: self.senders.clone(),
            is_told: self.is_told,
            refusal: None,
            body: Body::Open(builder),
        };
        let before = first.count();
        Some([
            part(first, self.serial, self.charge - charge, 0),
            part(second, self.serial + serials, charge, before),
        ])
    }

    fn places(&self) -> Range<i32> {
        self.first..self.first.saturating_add(self.count)
    }

    /// Whether who waits was told what became of it. It may still be on its way.
    pub(super) fn is_told(&self) -> bool {
        self.is_told
    }

    /// Tells who waits what became of the records, unless that was done.
    pub(super) fn tell(&mut self, outcome: Outcome) {
        if std::mem::replace(&mut self.is_told, true) {
            return;
        }
        if let Err(error) = &outcome {
            self.senders.tell(error);
        }
        let Some(completion) = self.completion.take() else { return };
        match (&outcome, self.refusal.take()) {
            (Err(error), Some(refusal)) => {
                let possibly = error.possibly_written();
                for (place, error) in refusal.named {
                    let place = self.first.saturating_add(place);
                    if self.places().contains(&place) {
                        let error = error.possibly_written_if(possibly);
                        completion.complete(place..place.saturating_add(1), Err(error));
                    }
                }
                completion.complete(self.places(), Err(refusal.others.possibly_written_if(possibly)));
            }
            _ => completion.complete(self.places(), outcome),
        }
    }

    /// The buffer, unless somebody still holds it.
    pub(super) fn into_buffer(mut self) -> Option<Vec<u8>> {
        match std::mem::replace(&mut self.body, Body::Packed(Vec::new())) {
            Body::Packed(bytes) => Some(bytes),
            Body::Stamped(bytes) => bytes.try_into_mut().ok().map(BytesMut::into),
            Body::Open(_) => None,
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if let Some(completion) = self.completion.take() {
            let error = Error::shutdown().possibly_written_if(self.is_in_doubt());
            completion.complete(self.places(), Err(error));
        }
    }
}
