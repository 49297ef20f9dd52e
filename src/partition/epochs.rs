//! In which leader epochs the records were written that a range has read (KIP-320).

use crate::ids::LeaderEpoch;
use crate::wire::codec::fetch::EpochEnd;

/// So many epochs are remembered: a log that parts from before them parts at the oldest.
const KEPT: usize = 32;

/// The epochs that were read, each with the first offset read of it, ascending.
#[derive(Debug, Default)]
pub(super) struct Epochs(Vec<(LeaderEpoch, i64)>);

impl Epochs {
    /// The epoch of the last record that was read, if it is known.
    pub(super) fn last(&self) -> Option<LeaderEpoch> {
        self.0.last().map(|(epoch, _)| *epoch)
    }

    /// Notes the epoch of what was read from `offset` on.
    pub(super) fn note(&mut self, epoch: LeaderEpoch, offset: i64) {
        if self.last() < Some(epoch) {
            if self.0.len() == KEPT {
                self.0.remove(0);
            }
            self.0.push((epoch, offset));
        }
    }

    /// Where the log that was read and the leader's part, of which the leader says where the greatest
    /// epoch ends that it has up to the last one read.
    pub(super) fn parting(&self, told: EpochEnd) -> i64 {
        let newer = self.0.iter().find(|(epoch, _)| *epoch > told.epoch);
        newer.map_or(told.end_offset, |(_, first)| told.end_offset.min(*first))
    }

    /// Forgets what was read from `offset` on.
    pub(super) fn cut(&mut self, offset: i64) {
        self.0.retain(|(_, first)| *first < offset);
    }

    /// Forgets all.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(epoch: i32, end_offset: i64) -> EpochEnd {
        EpochEnd { epoch: LeaderEpoch(epoch), end_offset }
    }

    #[test]
    fn logs_part_where_the_common_epoch_ends_in_one_of_them() {
        let mut epochs = Epochs::default();
        for (epoch, offset) in [(0, 0), (0, 10), (2, 50), (1, 60), (5, 80)] {
            epochs.note(LeaderEpoch(epoch), offset);
        }
        assert_eq!(epochs.last(), Some(LeaderEpoch(5)));
        assert_eq!(epochs.parting(told(5, 90)), 90, "in the epoch that was read last");
        assert_eq!(epochs.parting(told(2, 70)), 70, "earlier in the leader's log");
        assert_eq!(epochs.parting(told(0, 70)), 50, "earlier in the log that was read");
        epochs.cut(50);
        assert_eq!(epochs.last(), Some(LeaderEpoch(0)));
        epochs.cut(0);
        assert_eq!(epochs.last(), None);
    }

    #[test]
    fn few_epochs_are_kept() {
        let mut epochs = Epochs::default();
        (0..100).for_each(|n| epochs.note(LeaderEpoch(n), n.into()));
        assert_eq!(epochs.parting(told(0, 1000)), 100 - 32);
    }
}
