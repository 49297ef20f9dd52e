//! Where a batch is unpacked to.

use super::error::Error;

/// A buffer that is filled from the front and used again, up to a limit.
pub(super) struct Output {
    /// Always initialised to its length, which never shrinks: zeroed once, when it grows.
    bytes: Vec<u8>,
    length: usize,
    max: usize,
}

impl Output {
    /// An empty one that takes at most `max` bytes.
    pub(super) fn new(max: usize) -> Self {
        Self { bytes: Vec::new(), length: 0, max }
    }

    /// Forgets what is in it.
    pub(super) fn clear(&mut self) {
        self.length = 0;
    }

    /// The most that it takes.
    pub(super) fn max(&self) -> usize {
        self.max
    }

    /// How much memory it takes.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// What is in it.
    pub(super) fn filled(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Gives what is in it, and room for `wanted` bytes after that, or for as many as the limit
    /// allows. Tell by [`advance`](Self::advance) how many were written.
    pub(super) fn room(&mut self, wanted: usize) -> (&[u8], &mut [u8]) {
        let end = self.length.saturating_add(wanted).min(self.max);
        if self.bytes.len() < end {
            let capacity = end.max(self.bytes.capacity().saturating_mul(2)).min(self.max);
            self.bytes.reserve_exact(capacity.saturating_sub(self.bytes.len()));
            self.bytes.resize(end, 0);
        }
        let (filled, room) = self.bytes.split_at_mut_checked(self.length).unwrap_or_default();
        (filled, room.get_mut(..end.saturating_sub(filled.len())).unwrap_or_default())
    }

    /// Takes `written` bytes of the room as filled.
    pub(super) fn advance(&mut self, written: usize) {
        self.length = self.length.saturating_add(written).min(self.bytes.len());
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// [`Error::DecompressedLength`].
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let max = self.max;
        let (_, room) = self.room(bytes.len());
        let room = room.get_mut(..bytes.len()).ok_or(Error::DecompressedLength { max })?;
        room.copy_from_slice(bytes);
        self.advance(bytes.len());
        Ok(())
    }

    /// The buffer itself, emptied, for a codec that appends to one: [`filled`](Self::filled) is
    /// what it appended.
    #[cfg(not(feature = "zstd-c"))]
    pub(super) fn append_with<T>(&mut self, append: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        self.bytes.clear();
        let outcome = append(&mut self.bytes);
        self.length = self.bytes.len();
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_twice_its_size_or_to_the_limit_and_only_where_there_is_no_room() {
        let mut output = Output::new(100);
        for (wanted, capacity) in [(10, 10), (10, 10), (11, 20), (50, 50), (51, 100)] {
            assert_eq!((output.room(wanted).1.len(), output.capacity()), (wanted, capacity));
        }
        output.room(90);
        output.advance(90);
        assert_eq!((output.room(20).1.len(), output.capacity()), (10, 100));
    }
}
