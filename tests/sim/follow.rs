//! Law 1 for one range: what a reader gave, held against what the oracle knows.
//!
//! A chunk is the log of its offsets as it was in one version, and no later chunk is of an earlier one.
//! What lies between chunks had no records in such a version, or a loss names it.

use std::ops::Range;
use std::time::Duration;

use super::oracle::{Change, Log, Oracle};
use super::schedule::Place;

/// Why a loss is one, as the reader tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    Deleted,
    Truncated,
    Recreated,
}

/// How far a range was read, as its reader tells.
#[derive(Clone, Debug)]
pub(crate) struct Follow {
    pub(crate) place: Place,
    /// Where the range began, when it was asked for.
    first: i64,
    from: i64,
    pub(crate) next: i64,
    pub(crate) until: i64,
    pub(crate) committed: bool,
    /// No chunk was of an earlier version.
    version: usize,
    /// It goes on in a new log, wherever that begins when it looks.
    anew: bool,
    /// From then on the reader knows of which epoch it reads.
    has_read: bool,
    /// The version of when the reading began, and its end at that time.
    begun: (usize, i64),
    /// For how long the application had asked when something came last, and when that was.
    pub(crate) heard: (Duration, Duration),
}

impl Follow {
    pub(crate) fn new(oracle: &mut Oracle, (place, from, until): (Place, i64, i64), committed: bool) -> Self {
        let log = oracle.log(place);
        let begun = (log.now(), log.latest().end);
        Self {
            place,
            first: from,
            from,
            next: from,
            until,
            committed,
            version: 0,
            anew: false,
            has_read: false,
            begun,
            heard: (Duration::ZERO, Duration::ZERO),
        }
    }

    /// The same for another reader, which goes on where this one is.
    pub(crate) fn again(&self, oracle: &mut Oracle) -> Self {
        let range = (self.place, self.next.min(self.until), self.until);
        Self { version: self.version, ..Self::new(oracle, range, self.committed) }
    }

    /// Whether it is the one that these offsets are of. One without an end may begin anew at 0.
    pub(crate) fn has(&self, place: Place, offsets: &Range<i64>) -> bool {
        let first = if self.until == i64::MAX { self.first.min(self.from) } else { self.first };
        self.place == place && first <= offsets.start && offsets.end <= self.until
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.next >= self.until
    }

    /// The versions that what comes next may be of: not beyond one that took away what was read.
    fn possible(&self, log: &Log) -> Range<usize> {
        let parted = (self.version + 1..=log.now()).find(|version| match log.version(*version).change {
            Change::Truncated(at) => self.has_read && at.max(self.from) < self.next,
            Change::Remade => self.has_read,
            _ => false,
        });
        self.version..parted.unwrap_or(log.now() + 1)
    }

    /// A chunk that settles these offsets by these records.
    pub(crate) fn chunk(
        &mut self,
        oracle: &mut Oracle,
        offsets: Range<i64>,
        records: &[(i64, String)],
    ) -> Result<(), String> {
        self.begin_anew(oracle, offsets.start);
        if offsets.start > self.next {
            self.settle(oracle, offsets.start, &[])?;
        }
        if offsets.start != self.next || offsets.end > self.until {
            return Err(format!("a chunk of {offsets:?} where {} to {} are to come", self.next, self.until));
        }
        self.settle(oracle, offsets.end, records)?;
        self.has_read = true;
        Ok(())
    }

    /// The reader says that everything up to the end was read.
    pub(crate) fn end(&mut self, oracle: &mut Oracle) -> Result<(), String> {
        if self.next < self.until { self.settle(oracle, self.until, &[]) } else { Ok(()) }
    }

    fn settle(&mut self, oracle: &mut Oracle, until: i64, records: &[(i64, String)]) -> Result<(), String> {
        oracle.log(self.place);
        let log = oracle.seen(self.place);
        let aborted = self.committed.then_some(&oracle.aborted);
        let offsets = self.next..until;
        let same = |version: usize| {
            let view = log.view(version, &offsets, aborted);
            let mut seen = records.iter().map(|(offset, value)| (*offset, value.as_str()));
            view.len() == records.len() && view.into_iter().all(|record| seen.next() == Some(record))
        };
        let could = |version: &usize| {
            let known = log.version(*version);
            let end = if self.committed { known.stable } else { known.end };
            known.start <= offsets.start && end >= until && same(*version)
        };
        let Some(version) = self.possible(log).find(could) else {
            return Err(self.explain(log, &offsets, records, log.view(log.now(), &offsets, aborted)));
        };
        (self.version, self.next) = (version, until);
        Ok(())
    }

    fn explain(
        &self,
        log: &Log,
        offsets: &Range<i64>,
        records: &[(i64, String)],
        view: Vec<(i64, &str)>,
    ) -> String {
        let given: Vec<(i64, &str)> =
            records.iter().map(|(offset, value)| (*offset, value.as_str())).collect();
        let missing: Vec<_> = view.iter().filter(|record| !given.contains(record)).collect();
        let wrong: Vec<_> = given.iter().filter(|record| !view.contains(record)).collect();
        format!(
            "{}, offsets {offsets:?}: {} records came; of those there now are missing {missing:?}; \
             not there now {wrong:?}; read so far in version {} of {:?}",
            self.place,
            given.len(),
            self.version,
            log.latest(),
        )
    }

    /// A loss that the reader tells of.
    pub(crate) fn loss(
        &mut self,
        oracle: &mut Oracle,
        offsets: &Range<i64>,
        reason: Gone,
    ) -> Result<(), String> {
        let told = match reason {
            Gone::Truncated => self.truncated(oracle, offsets),
            Gone::Recreated => self.recreated(oracle, offsets),
            Gone::Deleted => self.deleted(oracle, offsets)?,
        };
        let latest = oracle.log(self.place).latest().clone();
        told.then_some(()).ok_or_else(|| {
            format!("{offsets:?} are told as lost ({reason:?}), at {} of {latest:?}", self.next)
        })
    }

    /// Where a reader begins in a new log: where that begins at the time.
    fn begin_anew(&mut self, oracle: &mut Oracle, at: i64) {
        let log = oracle.log(self.place);
        let begins = |version: &usize| log.version(*version).start == at;
        if std::mem::take(&mut self.anew)
            && at > self.next
            && let Some(version) = self.possible(log).find(begins)
        {
            (self.version, self.next, self.from) = (version, at, at);
        }
    }

    /// The log begins after them.
    fn deleted(&mut self, oracle: &mut Oracle, offsets: &Range<i64>) -> Result<bool, String> {
        self.begin_anew(oracle, offsets.start);
        if offsets.start > self.next {
            self.settle(oracle, offsets.start, &[])?;
        }
        let log = oracle.log(self.place);
        let exact = |version: &usize| {
            let start = log.version(*version).start;
            start > offsets.start && start.min(self.until) == offsets.end
        };
        let found = self.possible(log).find(exact).filter(|_| offsets.start == self.next);
        if let Some(version) = found {
            (self.version, self.next) = (version, offsets.end);
        }
        Ok(found.is_some())
    }

    /// What was given from where the logs part is in the log no longer, and is read anew.
    fn truncated(&mut self, oracle: &mut Oracle, offsets: &Range<i64>) -> bool {
        let log = oracle.log(self.place);
        let mut parted = i64::MAX;
        for version in self.version + 1..=log.now() {
            match log.version(version).change {
                Change::Truncated(at) => parted = parted.min(at.max(self.from)),
                Change::Remade => break,
                _ => {}
            }
            if *offsets == (parted..self.next) {
                (self.version, self.next) = (version, parted);
                return true;
            }
        }
        false
    }

    /// A range with an end is over; one without goes on at the start of the new log.
    fn recreated(&mut self, oracle: &mut Oracle, offsets: &Range<i64>) -> bool {
        let log = oracle.log(self.place);
        // What comes next may as well be of a later one.
        let Some(version) = (self.version + 1..=log.now()).find(|v| log.version(*v).change == Change::Remade)
        else {
            return false;
        };
        let had = (0..version).map(|version| log.version(version).end).max().unwrap_or(0);
        if self.until < i64::MAX {
            (self.version, self.next) = (version, self.until);
            return offsets.end == self.until;
        }
        (self.version, self.next, self.has_read) = (version, log.version(version).start, false);
        self.anew = true;
        self.from = self.next;
        offsets.end <= had.max(offsets.start)
    }

    /// Whether, while it was read, the log ended where it is said to, before the first offset of the range.
    pub(crate) fn begins_beyond(&self, oracle: &mut Oracle, told: i64) -> bool {
        let log = oracle.log(self.place);
        let (first, least) = self.begun;
        let mut ends = (first..=log.now()).map(|version| {
            let known = log.version(version);
            if version == first { least..=known.end } else { known.least..=known.end }
        });
        !self.has_read && told < self.next && ends.any(|ends| ends.contains(&told))
    }

    /// Whether nothing is left of a range with an end but a hole, of which the reader says nothing.
    pub(crate) fn ends_in_a_hole(&self, oracle: &mut Oracle) -> bool {
        self.until < i64::MAX && self.can_end(oracle) && !self.has_more(oracle)
    }

    /// Whether anything that is to be read was taken away, so that the reading may fail for it.
    pub(crate) fn has_lost(&self, oracle: &mut Oracle) -> bool {
        let log = oracle.log(self.place);
        (self.version..=log.now()).any(|version| {
            let known = log.version(version);
            match known.change {
                Change::Truncated(at) => at.max(self.from) < self.next,
                Change::Remade => true,
                _ => known.start > self.next,
            }
        })
    }

    /// Whether there are records to read now.
    pub(crate) fn has_more(&self, oracle: &mut Oracle) -> bool {
        oracle.log(self.place);
        let log = oracle.seen(self.place);
        let aborted = self.committed.then_some(&oracle.aborted);
        let end = self.end_of(log).min(self.until);
        !log.view(log.now(), &(self.next..end), aborted).is_empty()
    }

    /// Whether nothing is to be waited for: the log reaches to the end of the range.
    pub(crate) fn can_end(&self, oracle: &mut Oracle) -> bool {
        self.end_of(oracle.log(self.place)) >= self.until
    }

    fn end_of(&self, log: &Log) -> i64 {
        if self.committed { log.latest().stable } else { log.latest().end }
    }
}
