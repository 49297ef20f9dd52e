//! Whether what we read is what Java read.

use super::ours::Reading;
use super::{Javas, Seen};

/// What was compared: it shows that the topics were of all kinds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) partitions: usize,
    pub(crate) ranges: usize,
    pub(crate) records: usize,
    pub(crate) lost_ranges: usize,
    /// Partitions with offsets that have no record for a reader of everything.
    pub(crate) with_holes: usize,
    /// Partitions with records in aborted transactions.
    pub(crate) with_aborted: usize,
    /// Partitions that do not begin at 0.
    pub(crate) with_deleted: usize,
    /// Partitions with an open transaction.
    pub(crate) with_open: usize,
    /// Ranges that were compacted while we read.
    pub(crate) changed: usize,
}

impl Figures {
    pub(super) fn of(before: &Javas) -> Self {
        let mut all = Self::default();
        for ((level, topic, partition), section) in before {
            let all_offsets = usize::try_from(section.end - section.start).unwrap_or(0);
            if *level == "read_committed" {
                let everything = &before[&("read_uncommitted", topic.clone(), *partition)];
                let below = everything.records.iter().filter(|seen| seen.offset < section.end).count();
                all.with_aborted += usize::from(below > section.records.len());
                all.with_open += usize::from(section.end < everything.end);
                continue;
            }
            all.partitions += 1;
            all.with_holes += usize::from(section.records.len() < all_offsets);
            all.with_deleted += usize::from(section.start > 0);
        }
        all
    }

    pub(super) fn count(&mut self, reading: &Reading, changed: bool) {
        self.ranges += 1;
        self.changed += usize::from(changed);
        self.records += reading.records.len();
        self.lost_ranges += reading.lost.len();
    }
}

/// Whether the range was compacted meanwhile. An error names the partition, the range, the isolation level and the first
/// difference.
pub(super) fn judge(
    reading: &Reading,
    level: &'static str,
    before: &Javas,
    after: &Javas,
) -> Result<bool, String> {
    let range = &reading.range;
    let key = (level, range.topic_partition.topic.to_string(), range.topic_partition.partition);
    let (first, last) = (&before[&key], &after[&key]);
    let (ours, had, has) = (reading.records.as_slice(), first.within(range), last.within(range));
    let wrong = lost_rightly(reading, first.start).err().or_else(|| {
        let same = if had == has { first_difference(had, ours) } else { None };
        same.or_else(|| outside(ours, had, "is no record that Java read before"))
            .or_else(|| outside(has, ours, "is left, and we did not read it"))
            .or_else(|| (!ours.is_sorted_by_key(|seen| seen.offset)).then(|| "out of order".to_owned()))
    });
    match wrong {
        None => Ok(had != has),
        Some(text) => Err(format!(
            "{}, offsets {}..{}, {level}: {text} (digests {:016x} of {} of Java's, {:016x} of {} of ours; the log begins at {} and ends at {})",
            range.topic_partition,
            range.from,
            range.until,
            digest(had),
            had.len(),
            digest(ours),
            ours.len(),
            first.start,
            first.end
        )),
    }
}

fn digest(records: &[Seen]) -> u64 {
    records.iter().fold(0, |sum: u64, seen| sum.wrapping_add(seen.checksum))
}

fn first_difference(javas: &[Seen], ours: &[Seen]) -> Option<String> {
    let at = (0..javas.len().max(ours.len())).find(|&at| javas.get(at) != ours.get(at))?;
    Some(format!("record {at} of the range is {:?} for Java and {:?} for us", javas.get(at), ours.get(at)))
}

/// The first that is not among the others, which are sorted.
fn outside(some: &[Seen], others: &[Seen], what: &str) -> Option<String> {
    let is_there = |seen: &&Seen| {
        others.binary_search_by_key(&seen.offset, |other| other.offset).is_ok_and(|at| others[at] == **seen)
    };
    some.iter().find(|seen| !is_there(seen)).map(|seen| format!("{seen:?} {what}"))
}

/// Only what lies before the log's start may be lost, and all of that has to be.
fn lost_rightly(reading: &Reading, start: i64) -> Result<(), String> {
    let gone = reading.range.from..start.min(reading.range.until);
    let right = if gone.is_empty() { reading.lost.is_empty() } else { reading.lost == [gone.clone()] };
    if right { Ok(()) } else { Err(format!("lost {:?}, where {gone:?} is gone", reading.lost)) }
}
