//! What the tasks of an application do, as data: what a seed makes of each.

use std::time::Duration;

use ottla::Codec;

use super::dice::Dice;
use super::schedule::{Place, Shape, places};

/// What one task of the application reads.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    pub(crate) start: Duration,
    /// First offset and end of what is read of a partition; an open range ends at `i64::MAX`.
    pub(crate) ranges: Vec<(Place, i64, i64)>,
    pub(crate) committed: bool,
    pub(crate) skip: bool,
    pub(crate) small_budget: bool,
    /// After one in so many calls the reader is dropped, and another one goes on; 0: after none.
    pub(crate) dropped_one_in: u64,
    pub(crate) manners: Manners,
}

/// What one task of the application writes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Writing {
    pub(crate) start: Duration,
    pub(crate) records: u64,
    pub(crate) size: usize,
    pub(crate) batch_bytes: usize,
    pub(crate) codec: Codec,
    pub(crate) small_memory: bool,
    pub(crate) flush_every: u64,
    /// Records without a receipt, in percent.
    pub(crate) without_receipt: u64,
    pub(crate) ends: Ends,
    /// The listener panics at one in so many batches; 0: there is none.
    pub(crate) panics_one_in: u64,
    /// One in so many records has no key; 0: none.
    pub(crate) keyless_one_in: u64,
    /// Another task writes by a clone of the writer.
    pub(crate) is_shared: bool,
    pub(crate) manners: Manners,
}

/// How a writing task takes its leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    Close,
    Flush,
    /// The writer is dropped with records under way.
    Drop,
}

/// How patient a task is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Manners {
    pub(crate) seed: u64,
    /// One in so many calls is followed by a pause of up to so long.
    pub(crate) pause_one_in: u64,
    pub(crate) pause: Duration,
    /// One in so many calls is given up; 0: none is.
    pub(crate) cancel_one_in: u64,
}

impl Shape {
    pub(crate) fn reading(&self, dice: &mut Dice) -> Reading {
        let mut ranges: Vec<(Place, i64, i64)> = Vec::new();
        for place in places(self.topics, self.partitions) {
            if !ranges.is_empty() && dice.one_in(3) {
                continue;
            }
            self.ranges(place, &mut ranges, dice);
        }
        if dice.one_in(4) {
            ranges.reverse();
        }
        Reading {
            start: self.start(dice),
            ranges,
            committed: dice.one_in(2),
            skip: dice.one_in(2),
            small_budget: dice.one_in(3),
            dropped_one_in: dice.pick(&[0, 0, 0, 4]),
            manners: manners(dice),
        }
    }

    /// What is to be read of a partition: often in pieces. One without an end is the only one in a topic
    /// that is made anew: else nobody could tell which of them goes on in the new log.
    fn ranges(&self, place: Place, ranges: &mut Vec<(Place, i64, i64)>, dice: &mut Dice) {
        let mut from = if dice.one_in(3) { offset(dice, 0, self.initial) } else { 0 };
        let pieces = dice.pick(&[1, 1, 1, 2, 3]);
        for piece in 1..=pieces {
            let until = match dice.below(6) {
                0 if piece == pieces && (pieces == 1 || !self.is_remade) => i64::MAX,
                0 | 1 if piece == pieces => offset(dice, from + 1, self.initial.max(from) + 40),
                _ => offset(dice, from, self.initial.max(from)),
            };
            ranges.push((place, from, until));
            from = until.saturating_add(dice.pick(&[0, 0, 3])).min(self.initial.max(until));
        }
    }

    /// When a task begins: mostly at once or amid all that happens.
    pub(crate) fn start(&self, dice: &mut Dice) -> Duration {
        let part = u32::try_from(dice.pick(&[0, 0, 1, 3, 6, 9])).unwrap();
        self.trouble * part / 10 + Duration::from_millis(dice.pick(&[0, 100, 1_000]))
    }

    pub(crate) fn writing(&self, dice: &mut Dice) -> Writing {
        let writing = self.calm_writing(dice);
        if !dice.one_in(3) {
            return writing;
        }
        // In bursts, of batches of one record each, of which nobody waits for one.
        let pause = Duration::from_secs(dice.pick(&[1, 5, 10]));
        let manners = Manners { pause_one_in: dice.pick(&[8, 20]), pause, ..writing.manners };
        let records = dice.within(40, 90);
        Writing { records, size: 1_000, batch_bytes: 1_024, flush_every: 1_000, manners, ..writing }
    }

    fn calm_writing(&self, dice: &mut Dice) -> Writing {
        Writing {
            start: self.start(dice),
            records: dice.within(5, 60),
            size: dice.pick(&[10, 100, 1_000, 1_000]),
            batch_bytes: dice.pick(&[1_024, 1_024, 4_096, 65_536]),
            codec: dice.pick(&[
                Codec::Uncompressed,
                Codec::Uncompressed,
                Codec::Uncompressed,
                Codec::Uncompressed,
                Codec::Gzip,
                Codec::Snappy,
                Codec::Lz4,
                Codec::Zstd,
            ]),
            small_memory: dice.one_in(4),
            flush_every: dice.pick(&[3, 10, 1_000]),
            without_receipt: dice.pick(&[0, 50]),
            ends: match dice.below(4) {
                0 => Ends::Drop,
                1 => Ends::Flush,
                _ => Ends::Close,
            },
            panics_one_in: dice.pick(&[0, 0, 0, 3]),
            keyless_one_in: if self.compacted { dice.pick(&[0, 4]) } else { 1 },
            is_shared: dice.one_in(4),
            manners: manners(dice),
        }
    }
}

fn offset(dice: &mut Dice, low: i64, high: i64) -> i64 {
    let span = u64::try_from(high - low).unwrap_or(0);
    low + i64::try_from(dice.below(span + 1)).unwrap()
}

pub(crate) fn manners(dice: &mut Dice) -> Manners {
    Manners {
        seed: dice.next(),
        pause_one_in: dice.pick(&[2, 5, 20, 60]),
        pause: Duration::from_millis(dice.pick(&[10, 3_000, 30_000, 90_000])),
        cancel_one_in: dice.pick(&[0, 0, 3, 8]),
    }
}
