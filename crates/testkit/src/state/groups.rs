//! Committed offsets of groups without members, and ids of producers.

use std::collections::BTreeMap;

/// A committed offset.
#[derive(Clone, Debug)]
pub(crate) struct Committed {
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: String,
}

/// The offsets that a group committed, by topic and partition.
pub(crate) type Offsets = BTreeMap<(String, i32), Committed>;

#[derive(Debug, Default)]
pub(crate) struct Groups {
    pub(crate) offsets: BTreeMap<String, Offsets>,
}

#[derive(Debug, Default)]
pub(crate) struct ProducerIds {
    last: i64,
    transactional: BTreeMap<String, (i64, i16)>,
}

impl ProducerIds {
    /// A new id.
    pub(crate) fn allot(&mut self) -> i64 {
        self.last += 1;
        self.last
    }

    /// The id that belongs to a transactional id, with its next epoch.
    pub(crate) fn allot_for(&mut self, transactional_id: &str) -> (i64, i16) {
        let next = match self.transactional.get(transactional_id) {
            Some(&(id, epoch)) if epoch < i16::MAX - 1 => (id, epoch + 1),
            _ => (self.allot(), 0),
        };
        self.transactional.insert(transactional_id.to_owned(), next);
        next
    }
}
