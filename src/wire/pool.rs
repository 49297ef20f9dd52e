//! Buffers for large frames, used again instead of being allocated anew.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Capacities are multiples of this, so that frames of nearly the same length share buffers.
const GRAIN: usize = 256 << 10;

/// Free buffers that are kept: with two fetches in flight on each of a few brokers more are
/// seldom free at once.
const MAX_FREE: usize = 8;

/// The capacity of all free buffers together. A buffer that does not fit is freed.
const MAX_FREE_BYTES: usize = 16 << 20;

/// A shelf of free buffers. Clones share the shelf.
///
/// Only free buffers are bounded here (8, and 16 MiB together): how many are in use is up to the
/// caller, who can ask for [`bytes_out`](Self::bytes_out).
#[derive(Clone, Default)]
pub(crate) struct BufferPool(Arc<Shelf>);

#[derive(Default)]
struct Shelf {
    free: Mutex<Vec<Vec<u8>>>,
    out: AtomicUsize,
}

impl BufferPool {
    /// Gives an empty buffer with room for `capacity` bytes, not zeroed.
    pub(crate) fn take(&self, capacity: usize) -> PooledBuf {
        let bytes = self.0.take_free(capacity).unwrap_or_else(|| Vec::with_capacity(rounded(capacity)));
        self.0.out.fetch_add(bytes.capacity(), Ordering::Relaxed);
        PooledBuf { bytes, shelf: Arc::clone(&self.0) }
    }

    /// The capacity of all buffers in use.
    #[cfg(any(test, feature = "unstable-internals"))]
    pub(crate) fn bytes_out(&self) -> usize {
        self.0.out.load(Ordering::Relaxed)
    }
}

impl Shelf {
    /// The smallest free buffer that is large enough. If all are too small, one of them is freed,
    /// so that the shelf follows the frames as they grow.
    fn take_free(&self, capacity: usize) -> Option<Vec<u8>> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = free.iter().enumerate().filter(|(_, bytes)| bytes.capacity() >= capacity);
        match fitting.min_by_key(|(_, bytes)| bytes.capacity()) {
            Some((place, _)) => Some(free.swap_remove(place)),
            None => {
                free.pop();
                None
            }
        }
    }

    fn put(&self, mut bytes: Vec<u8>) {
        bytes.clear();
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let kept: usize = free.iter().map(Vec::capacity).sum();
        if free.len() < MAX_FREE && kept.saturating_add(bytes.capacity()) <= MAX_FREE_BYTES {
            free.push(bytes);
        }
    }
}

fn rounded(capacity: usize) -> usize {
    capacity.checked_next_multiple_of(GRAIN).unwrap_or(capacity)
}

/// A buffer that goes back to its pool on drop; as [`Bytes`], on drop of the last slice of it.
pub(crate) struct PooledBuf {
    bytes: Vec<u8>,
    shelf: Arc<Shelf>,
}

impl PooledBuf {
    /// The bytes. To write beyond the capacity escapes the count of the pool: use
    /// [`grow`](Self::grow) first.
    pub(crate) fn as_mut_vec(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Makes the capacity at least `capacity`; what is written so far is kept.
    pub(crate) fn grow(&mut self, capacity: usize) {
        let before = self.bytes.capacity();
        self.bytes.reserve_exact(rounded(capacity).saturating_sub(self.bytes.len()));
        self.shelf.out.fetch_add(self.bytes.capacity() - before, Ordering::Relaxed);
    }

    /// Makes the bytes shareable, without a copy.
    pub(crate) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for PooledBuf {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for PooledBuf {
    fn drop(&mut self) {
        self.shelf.out.fetch_sub(self.bytes.capacity(), Ordering::Relaxed);
        self.shelf.put(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_when_its_last_slice_is_dropped() {
        let pool = BufferPool::default();
        let mut buf = pool.take(1000);
        let place = buf.as_ref().as_ptr();
        buf.as_mut_vec().extend_from_slice(b"abcdef");
        let whole = buf.freeze();
        let part = whole.slice(2..4);
        drop(whole);
        assert_ne!(pool.take(1000).as_ref().as_ptr(), place);
        assert_eq!(part, b"cd"[..]);
        drop(part);
        let places = [pool.take(1000), pool.take(1000)].map(|buf| buf.as_ref().as_ptr());
        assert!(places.contains(&place));
    }

    #[test]
    fn counts_the_bytes_that_are_out() {
        let pool = BufferPool::default();
        let mut one = pool.take(1);
        assert_eq!(pool.bytes_out(), GRAIN);
        one.grow(GRAIN + 1);
        let two = pool.clone().take(3 * GRAIN);
        assert_eq!(pool.bytes_out(), 5 * GRAIN);
        drop(one.freeze());
        drop(two);
        assert_eq!(pool.bytes_out(), 0);
    }

    #[test]
    fn keeps_few_free_buffers_and_few_free_bytes() {
        let pool = BufferPool::default();
        drop((0..20).map(|_| pool.take(1)).collect::<Vec<_>>());
        assert_eq!(pool.0.free.lock().unwrap().len(), MAX_FREE);
        let pool = BufferPool::default();
        drop([pool.take(MAX_FREE_BYTES / 2), pool.take(MAX_FREE_BYTES / 2), pool.take(1)]);
        drop(pool.take(MAX_FREE_BYTES + 1));
        assert!(pool.0.free.lock().unwrap().iter().map(Vec::capacity).sum::<usize>() <= MAX_FREE_BYTES);
    }

    #[test]
    fn growing_keeps_what_is_written() {
        let mut buf = BufferPool::default().take(1);
        buf.as_mut_vec().extend_from_slice(b"abc");
        buf.grow(GRAIN + 1);
        assert_eq!(buf.as_ref(), b"abc");
        assert!(buf.as_mut_vec().capacity() > GRAIN);
    }
}
