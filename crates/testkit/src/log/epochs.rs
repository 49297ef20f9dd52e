//! The leader epochs of a partition: each with the offset at which its leader began (KIP-101).

#[derive(Clone, Debug, Default)]
pub(super) struct Epochs {
    /// Epochs and first offsets, both ascending.
    entries: Vec<(i32, i64)>,
}

impl Epochs {
    /// Notes that an epoch begins at `start`. Epochs that would begin there or later wrote nothing
    /// that is left, and are forgotten.
    pub(super) fn assign(&mut self, epoch: i32, start: i64) {
        if self.entries.last().is_some_and(|&(last, _)| last == epoch) {
            return;
        }
        while self.entries.last().is_some_and(|&(last, from)| last >= epoch || from >= start) {
            self.entries.pop();
        }
        self.entries.push((epoch, start));
    }

    /// The greatest epoch up to `asked`, and where it ended: where the next began, or at the log's
    /// end. None if `asked` is newer than all.
    pub(super) fn end_of(&self, asked: i32, log_end: i64) -> Option<(i32, i64)> {
        if self.entries.last().is_some_and(|&(last, _)| last == asked) {
            return Some((asked, log_end));
        }
        let next = self.entries.partition_point(|&(epoch, _)| epoch <= asked);
        let &(_, end) = self.entries.get(next)?;
        let before = next.checked_sub(1).and_then(|at| self.entries.get(at));
        Some((before.map_or(asked, |&(epoch, _)| epoch), end))
    }

    /// The epoch that wrote `offset`.
    pub(super) fn at(&self, offset: i64) -> Option<i32> {
        let next = self.entries.partition_point(|&(_, start)| start <= offset);
        next.checked_sub(1).and_then(|at| self.entries.get(at)).map(|&(epoch, _)| epoch)
    }

    /// The log now starts at `offset`: the epoch that wrote it starts there too.
    pub(super) fn cut_before(&mut self, offset: i64) {
        let gone = self.entries.partition_point(|&(_, start)| start <= offset);
        if let Some(first) = gone.checked_sub(1) {
            self.entries.drain(..first);
            if let Some((_, start)) = self.entries.first_mut() {
                *start = offset;
            }
        }
    }

    /// The log now ends at `offset`.
    pub(super) fn cut_from(&mut self, offset: i64) {
        self.entries.retain(|&(_, start)| start < offset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_ends_where_the_next_leader_began() {
        let mut epochs = Epochs::default();
        epochs.assign(0, 0);
        epochs.assign(2, 10);
        epochs.assign(5, 10);
        epochs.assign(6, 20);
        assert_eq!(epochs.end_of(6, 25), Some((6, 25)));
        assert_eq!(epochs.end_of(5, 25), Some((5, 20)));
        // Epoch 2 wrote nothing, and no other leader is known between.
        assert_eq!(epochs.end_of(2, 25), Some((0, 10)));
        assert_eq!(epochs.end_of(7, 25), None);
        assert_eq!((epochs.at(9), epochs.at(10), epochs.at(20)), (Some(0), Some(5), Some(6)));
    }

    #[test]
    fn what_is_cut_off_takes_its_epochs_along() {
        let mut epochs = Epochs::default();
        for (epoch, start) in [(0, 0), (1, 10), (2, 20)] {
            epochs.assign(epoch, start);
        }
        epochs.cut_from(15);
        epochs.assign(3, 15);
        assert_eq!(epochs.end_of(2, 30), Some((1, 15)));
        epochs.cut_before(12);
        assert_eq!(epochs.entries, [(1, 12), (3, 15)]);
        assert_eq!(epochs.end_of(0, 30), Some((0, 12)));
    }
}
