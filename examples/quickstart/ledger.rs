//! Which records were read, and how often.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use ottla::OffsetRange;
use ottla::ids::TopicPartition;

/// A bit for each offset of each partition.
pub(crate) struct Ledger(BTreeMap<TopicPartition, Mutex<Page>>);

struct Page {
    first: i64,
    offsets: usize,
    seen: Vec<u64>,
    once: u64,
    again: u64,
}

/// How often records were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    /// Offsets that were to be read.
    pub(crate) expected: u64,
    /// Offsets read at least once.
    pub(crate) once: u64,
    /// Reads of an offset after the first, or of one outside of what was to be read.
    pub(crate) again: u64,
}

impl Ledger {
    pub(crate) fn new(ranges: &[OffsetRange]) -> Self {
        let page = |range: &OffsetRange| {
            let offsets = usize::try_from(range.until - range.from).unwrap_or(0);
            let seen = vec![0; offsets.div_ceil(64)];
            (
                range.topic_partition.clone(),
                Mutex::new(Page { first: range.from, offsets, seen, once: 0, again: 0 }),
            )
        };
        Self(ranges.iter().map(page).collect())
    }

    /// Notes the records of one chunk, and gives how many of the partition were read by now.
    pub(crate) fn note(&self, partition: &TopicPartition, offsets: &[i64]) -> u64 {
        let Some(page) = self.0.get(partition) else { return 0 };
        let mut page = page.lock().unwrap_or_else(PoisonError::into_inner);
        for &offset in offsets {
            page.note(offset);
        }
        page.once
    }

    pub(crate) fn sum(&self) -> Sum {
        let mut sum = Sum::default();
        for page in self.0.values() {
            let page = page.lock().unwrap_or_else(PoisonError::into_inner);
            sum.expected += u64::try_from(page.offsets).unwrap_or(u64::MAX);
            sum.once += page.once;
            sum.again += page.again;
        }
        sum
    }
}

impl Page {
    fn note(&mut self, offset: i64) {
        let place = usize::try_from(offset - self.first).ok().filter(|&place| place < self.offsets);
        let word = place.and_then(|place| Some((place, self.seen.get_mut(place / 64)?)));
        match word {
            Some((place, word)) if *word & (1 << (place % 64)) == 0 => {
                *word |= 1 << (place % 64);
                self.once += 1;
            }
            _ => self.again += 1,
        }
    }
}
