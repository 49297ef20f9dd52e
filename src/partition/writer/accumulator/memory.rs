//! The memory of a writer: what buffers hold of it, and those that are to be used again.

use crate::partition::writer::batch::Batch;

/// The least that a buffer has room for.
pub(super) const FIRST_BYTES: usize = 1 << 10;

#[derive(Debug)]
pub(super) struct Memory {
    most: usize,
    batch_bytes: usize,
    /// What batches hold.
    pub(super) used: usize,
    /// Buffers of `batch_bytes`, which hold memory too.
    spare: Vec<Vec<u8>>,
    spare_bytes: usize,
}

impl Memory {
    pub(super) fn new(most: usize, batch_bytes: usize) -> Self {
        Self { most, batch_bytes, used: 0, spare: Vec::new(), spare_bytes: 0 }
    }

    /// How much there is in all.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// What is held, by spare buffers too.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.used + self.spare_bytes
    }

    /// Whether there is memory for so much more, without what is spare if need be.
    pub(super) fn reserve(&mut self, bytes: usize) -> bool {
        while self.used + self.spare_bytes + bytes > self.most {
            if self.spare.is_empty() {
                return false;
            }
            drop(self.spare());
        }
        true
    }

    /// A buffer for at least so much, for a batch that will grow as large as `usual`, if there is memory for it.
    pub(super) fn buffer(&mut self, usual: usize, least: usize) -> Option<Vec<u8>> {
        if least <= self.batch_bytes && usual > self.batch_bytes / 2 && !self.spare.is_empty() {
            return Some(self.spare());
        }
        let bytes = usual.next_power_of_two().max(FIRST_BYTES).min(self.batch_bytes);
        // Where all of the memory is less than that, it is never free.
        let bytes = bytes.min(self.most.saturating_sub(Batch::COST)).max(least);
        self.reserve(Batch::COST + bytes).then(|| Vec::with_capacity(bytes))
    }

    /// A spare buffer, or one that holds nothing.
    pub(super) fn spare(&mut self) -> Vec<u8> {
        let buffer = self.spare.pop().unwrap_or_default();
        self.spare_bytes = self.spare_bytes.saturating_sub(buffer.capacity());
        buffer
    }

    /// Keeps a buffer of the usual size for another batch.
    pub(super) fn give_back(&mut self, buffer: Vec<u8>) {
        let bytes = buffer.capacity();
        let fits = bytes >= self.batch_bytes && bytes <= 2 * self.batch_bytes;
        if fits && self.used + self.spare_bytes + bytes <= self.most {
            self.spare_bytes += bytes;
            self.spare.push(buffer);
        }
    }

    /// Takes note that a batch holds another amount now.
    pub(super) fn recharge(&mut self, before: usize, after: usize) {
        self.used = self.used.saturating_sub(before) + after;
    }
}
