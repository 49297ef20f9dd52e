//! What was read or written so far, by all who do.

use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub(crate) struct Sum {
    records: AtomicU64,
    bytes: AtomicU64,
    offsets: AtomicU64,
}

impl Sum {
    pub(crate) fn add(&self, records: u64, bytes: u64, offsets: u64) {
        self.records.fetch_add(records, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.offsets.fetch_add(offsets, Ordering::Relaxed);
    }

    pub(crate) fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    /// Of keys and values.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// More than records, where compaction and transactions left holes.
    pub(crate) fn offsets(&self) -> u64 {
        self.offsets.load(Ordering::Relaxed)
    }
}
