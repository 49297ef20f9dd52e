//! What was ever appended to a log. It outlives what the log forgets, so that a test can tell a lie
//! from what the cluster took away later.

use std::collections::BTreeSet;

use super::{Append, Batch};

/// How something left the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// By a leader that did not have it.
    Truncated,
    /// With its topic.
    TopicDeleted,
}

/// A batch as it was appended.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) batch: Batch,
    pub(crate) append: Append,
    /// The whole batch is gone.
    pub(crate) lost: Option<Lost>,
    /// Offsets below are gone by retention or DeleteRecords.
    pub(crate) deleted_before: i64,
    /// Offsets that compaction took out.
    pub(crate) compacted: BTreeSet<i64>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Journal {
    entries: Vec<Entry>,
}

impl Journal {
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn appended(&mut self, batch: &Batch, append: Append) {
        self.entries.push(Entry {
            batch: batch.clone(),
            append,
            lost: None,
            deleted_before: 0,
            compacted: BTreeSet::new(),
        });
    }

    fn kept(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.entries.iter_mut().filter(|entry| entry.lost.is_none())
    }

    pub(super) fn lost_from(&mut self, offset: i64, how: Lost) {
        for entry in self.kept().filter(|entry| entry.batch.last_offset() >= offset) {
            entry.lost = Some(how);
        }
    }

    pub(super) fn deleted_before(&mut self, offset: i64) {
        for entry in self.kept().filter(|entry| entry.batch.base_offset() < offset) {
            entry.deleted_before = offset;
        }
    }

    pub(super) fn compacted(&mut self, gone: &BTreeSet<i64>) {
        for entry in self.kept() {
            let within = entry.batch.base_offset()..=entry.batch.last_offset();
            entry.compacted.extend(gone.range(within));
        }
    }
}
