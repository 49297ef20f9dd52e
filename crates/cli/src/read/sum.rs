//! What was read so far, by all readers.

use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub(super) struct Sum {
    records: AtomicU64,
    bytes: AtomicU64,
    offsets: AtomicU64,
}

impl Sum {
    pub(super) fn add(&self, records: u64, bytes: u64, offsets: u64) {
        self.records.fetch_add(records, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.offsets.fetch_add(offsets, Ordering::Relaxed);
    }

    pub(super) fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    /// Of keys and values.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// More than records, where compaction and transactions left holes.
    pub(super) fn offsets(&self) -> u64 {
        self.offsets.load(Ordering::Relaxed)
    }
}
