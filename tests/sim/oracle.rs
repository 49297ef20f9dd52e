//! The oracle: knows every log by itself, all that was ever in it, and when what went.
//!
//! It looks at the brokers' logs before and after whatever takes records away, and at each
//! observation; so it knows a log as a row of versions. Within one, records only come; from one to the
//! next, some go: by compaction, deletion, an election, or with the topic.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use ottla::internals::RecordWalk;
use ottla_testkit::{Appended, BrokerId, Cluster, Fate, LoggedRecord};

use super::schedule::Place;

/// What takes records away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Begun,
    Compacted,
    Deleted,
    /// An election took everything from here on.
    Truncated(i64),
    /// The topic is gone, or there again with another id.
    Remade,
}

/// A log between two changes.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) change: Change,
    pub(crate) start: i64,
    /// Where it began to grow.
    pub(crate) least: i64,
    /// The greatest that was seen.
    pub(crate) end: i64,
    pub(crate) stable: i64,
}

/// A record that was in a log in some versions.
#[derive(Clone, Debug)]
struct Entry {
    offset: i64,
    value: String,
    born: usize,
    died: Option<usize>,
}

/// Everything that one partition ever had.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    place: Place,
    entries: Vec<Entry>,
    versions: Vec<Version>,
    /// What batches have that were ever appended, once one of them was compressed.
    unpacked: Vec<Vec<(i64, String)>>,
}

impl Log {
    fn new(place: Place) -> Self {
        let first = Version { change: Change::Begun, start: 0, least: 0, end: 0, stable: 0 };
        Self { place, entries: Vec::new(), versions: vec![first], unpacked: Vec::new() }
    }

    pub(crate) fn now(&self) -> usize {
        self.versions.len() - 1
    }

    pub(crate) fn version(&self, version: usize) -> &Version {
        &self.versions[version]
    }

    pub(crate) fn latest(&self) -> &Version {
        &self.versions[self.now()]
    }

    /// The records of some offsets in one version, of aborted transactions none where `aborted` says so.
    pub(crate) fn view(
        &self,
        version: usize,
        offsets: &Range<i64>,
        aborted: Option<&BTreeSet<String>>,
    ) -> Vec<(i64, &str)> {
        let mut seen: Vec<(i64, &str)> = self
            .entries
            .iter()
            .filter(|entry| entry.born <= version && entry.died.is_none_or(|died| died > version))
            .filter(|entry| offsets.contains(&entry.offset))
            .filter(|entry| aborted.is_none_or(|aborted| !aborted.contains(&entry.value)))
            .map(|entry| (entry.offset, entry.value.as_str()))
            .collect();
        seen.sort_unstable();
        seen
    }

    /// Every place that a record ever had: its offset, and the versions that had it there.
    pub(crate) fn places<'a>(&'a self, value: &'a str) -> impl Iterator<Item = (i64, Range<usize>)> + 'a {
        let found = self.entries.iter().filter(move |entry| entry.value == value);
        found.map(|entry| (entry.offset, entry.born..entry.died.unwrap_or(usize::MAX)))
    }

    /// Looks at the log, after a change or not. Says whether the change took anything.
    fn look(&mut self, brokers: &Cluster, change: Option<Change>) -> bool {
        let Place { topic, partition } = self.place;
        let offsets = brokers.offsets(topic, partition).ok();
        let (start, end, stable) = offsets.map_or((0, 0, 0), |o| (o.start, o.end, o.last_stable));
        if change.is_none() && (self.latest().end, self.latest().stable) == (end, stable) {
            return false;
        }
        let there = match brokers.read(topic, partition) {
            Err(ottla_testkit::Error::Compressed) => self.unpack(brokers),
            there => {
                let of = |record: LoggedRecord| (record.offset, text(record.value.as_deref()));
                there.unwrap_or_default().into_iter().map(of).collect()
            }
        };
        let before = self.latest().start;
        if let Some(change) = change {
            self.versions.push(Version { change, start, least: end, end, stable });
        }
        let version = self.now();
        let latest = &mut self.versions[version];
        (latest.end, latest.stable) = (end, stable);
        let known: BTreeSet<(i64, &str)> = self
            .entries
            .iter()
            .filter(|entry| entry.died.is_none())
            .map(|entry| (entry.offset, entry.value.as_str()))
            .collect();
        let new: Vec<Entry> = there
            .iter()
            .filter(|(offset, value)| !known.contains(&(*offset, value.as_str())))
            .map(|(offset, value)| Entry { offset: *offset, value: value.clone(), born: version, died: None })
            .collect();
        let mut took = before != start;
        if change.is_some() {
            let there: BTreeSet<(i64, &str)> = there.iter().map(|(o, v)| (*o, v.as_str())).collect();
            for entry in self.entries.iter_mut().filter(|entry| entry.died.is_none()) {
                if !there.contains(&(entry.offset, entry.value.as_str())) {
                    entry.died = Some(version);
                    took = true;
                }
            }
        }
        self.entries.extend(new);
        took
    }

    /// What the log has now, where some of it is compressed.
    fn unpack(&mut self, brokers: &Cluster) -> Vec<(i64, String)> {
        let appended = brokers.appended(self.place.topic, self.place.partition);
        self.unpacked.extend(appended.iter().skip(self.unpacked.len()).map(values));
        let batches = appended.iter().zip(&self.unpacked);
        let kept = |batch: &Appended, offset: i64| batch.fate(offset) == Fate::Kept;
        batches
            .flat_map(|(batch, records)| {
                records.iter().filter(move |(offset, _)| kept(batch, *offset)).cloned()
            })
            .collect()
    }
}

/// The records of a batch, which may be compressed.
fn values(batch: &Appended) -> Vec<(i64, String)> {
    if batch.is_control() {
        return Vec::new();
    }
    let values = RecordWalk::default().values(&batch.bytes()).expect("a batch that cannot be read");
    values.into_iter().map(|(offset, value)| (offset, text(Some(&value)))).collect()
}

/// What a record says of itself: the first word of its value; the rest is padding.
pub(crate) fn text(value: Option<&[u8]>) -> String {
    let value = String::from_utf8_lossy(value.unwrap_or_default());
    value.split(' ').next().unwrap_or_default().to_owned()
}

/// All logs of the world's topics.
#[derive(Debug)]
pub(crate) struct Oracle {
    brokers: Arc<Cluster>,
    logs: BTreeMap<Place, Log>,
    /// Records of transactions that end badly.
    pub(crate) aborted: BTreeSet<String>,
}

impl Oracle {
    pub(crate) fn new(brokers: Arc<Cluster>, places: impl Iterator<Item = Place>) -> Self {
        let logs = places.map(|place| (place, Log::new(place))).collect();
        Self { brokers, logs, aborted: BTreeSet::new() }
    }

    /// A topic has a partition more.
    pub(crate) fn begin(&mut self, place: Place) {
        self.log(place);
    }

    /// A log as of now.
    pub(crate) fn log(&mut self, place: Place) -> &Log {
        let log = self.logs.entry(place).or_insert_with(|| Log::new(place));
        log.look(&self.brokers, None);
        log
    }

    /// A log as of the last look.
    pub(crate) fn seen(&self, place: Place) -> &Log {
        &self.logs[&place]
    }

    /// Carries out what takes records away. Says whether it took any.
    pub(crate) fn change(&mut self, place: Place, change: Change, act: impl FnOnce(&Cluster)) -> bool {
        self.log(place);
        act(&self.brokers);
        self.note(place, change)
    }

    /// An election of a broker that lacks what is from `at` on. Says whether it took anything.
    pub(crate) fn cut(&mut self, place: Place, to: BrokerId, at: i64) -> bool {
        self.log(place);
        let _ = self.brokers.unclean_leader(place.topic, place.partition, to, at);
        // A batch that spans the offset goes whole.
        let end = self.brokers.offsets(place.topic, place.partition).map_or(0, |offsets| offsets.end);
        self.note(place, Change::Truncated(end))
    }

    /// Looks at all logs of a topic, then acts, then looks at what is left.
    pub(crate) fn remake(&mut self, topic: &str, act: impl FnOnce(&Cluster)) {
        let places: Vec<Place> = self.places().into_iter().filter(|place| place.topic == topic).collect();
        for place in &places {
            self.log(*place);
        }
        act(&self.brokers);
        for place in places {
            self.note(place, Change::Remade);
        }
    }

    fn note(&mut self, place: Place, change: Change) -> bool {
        self.logs.get_mut(&place).is_some_and(|log| log.look(&self.brokers, Some(change)))
    }

    pub(crate) fn places(&self) -> Vec<Place> {
        self.logs.keys().copied().collect()
    }
}
