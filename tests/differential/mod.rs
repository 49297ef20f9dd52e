//! A reading is a function of the log: random topics that Java made (`crates/lab/java/RandomTopics.java`), random ranges
//! of them, read by Java's consumer and by us, record by record.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

pub(crate) mod cut;
mod judge;
mod ours;

use std::collections::BTreeMap;
use std::path::Path;

use ottla::ids::TopicPartition;
use ottla::{Cluster, Credentials, IsolationLevel, OffsetRange, OnDataLoss, ReadOptions};
use ottla_lab::{Listener, Login};

use judge::Figures;
use ours::Reading;

use crate::support::lab::connect;

/// How many topics are made together.
pub(crate) const TOPICS: u32 = 200;

const PASSES: u32 = 5;

/// What both sides tell of a record. The checksum covers every byte of it, and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    offset: i64,
    timestamp: i64,
    key_bytes: i64,
    value_bytes: i64,
    headers: usize,
    checksum: u64,
}

/// A partition as Java reads it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Section {
    start: i64,
    end: i64,
    records: Vec<Seen>,
}

impl Section {
    fn within(&self, range: &OffsetRange) -> &[Seen] {
        let at = |offset: i64| self.records.partition_point(|seen| seen.offset < offset);
        &self.records[at(range.from)..at(range.until).max(at(range.from))]
    }
}

/// All of what Java read, by isolation level and partition.
pub(crate) type Javas = BTreeMap<(&'static str, String, i32), Section>;

pub(crate) const LEVELS: [(IsolationLevel, &str); 2] = [
    (IsolationLevel::ReadUncommitted, "read_uncommitted"),
    (IsolationLevel::ReadCommitted, "read_committed"),
];

fn parse(text: &str) -> Javas {
    let mut all = Javas::new();
    let mut section = Section::default();
    let mut key = None;
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["range", level, topic, partition, start, end] => {
                let (start, end) = (start.parse().unwrap(), end.parse().unwrap());
                let done = std::mem::replace(&mut section, Section { start, end, records: Vec::new() });
                let level = LEVELS.iter().find(|(_, name)| name == level).unwrap().1;
                let next = (level, (*topic).to_owned(), partition.parse().unwrap());
                all.extend(key.replace(next).map(|key| (key, done)));
            }
            [offset, timestamp, key_bytes, value_bytes, headers, checksum] => section.records.push(Seen {
                offset: offset.parse().unwrap(),
                timestamp: timestamp.parse().unwrap(),
                key_bytes: key_bytes.parse().unwrap(),
                value_bytes: value_bytes.parse().unwrap(),
                headers: headers.parse().unwrap(),
                checksum: u64::from_str_radix(checksum, 16).unwrap(),
            }),
            _ => panic!("a line of Java's: {line}"),
        }
    }
    all.extend(key.map(|key| (key, section)));
    all
}

/// Runs a subcommand of `Differential`.
async fn java(lab: &ottla_lab::Cluster, arguments: Vec<String>) {
    let lab = lab.clone();
    let run = move || {
        let properties = lab.client_properties_file(Listener::Plaintext, &Login::Nobody).unwrap();
        let properties = properties.display().to_string();
        let mut all = vec![properties.as_str()];
        all.extend(arguments.iter().map(String::as_str));
        lab.java_answer("Differential", &all).unwrap_or_else(|error| panic!("{error}"));
    };
    tokio::task::spawn_blocking(run).await.unwrap();
}

async fn java_reads(lab: &ottla_lab::Cluster, command: &[&str], file: &Path) -> Javas {
    let file = file.display().to_string();
    java(lab, command.iter().copied().chain([file.as_str()]).map(str::to_owned).collect()).await;
    parse(&std::fs::read_to_string(file).unwrap())
}

/// Makes the topics of a seed, and compares what Java and we read of them.
pub(crate) async fn compare(lab: &ottla_lab::Cluster, seed: u64, topics: u32) -> Result<Figures, String> {
    let dir = tempfile::tempdir().unwrap();
    let (word, topics) = (seed.to_string(), topics.to_string());
    let before = java_reads(lab, &["make", &word, &topics, "any"], &dir.path().join("before")).await;
    let cluster = connect(lab, Listener::Plaintext, Credentials::None).await.unwrap();
    let figures = read_as_java(lab, &cluster, seed, PASSES, &before).await;
    java(lab, vec!["delete".into(), word]).await;
    figures
}

/// Compares passes of each isolation level with what Java has read.
///
/// Compaction goes on meanwhile, so Java reads again after us: where it sees the same both times, so must we;
/// elsewhere all that is left afterwards, and nothing that was not there before.
async fn read_as_java(
    lab: &ottla_lab::Cluster,
    cluster: &Cluster,
    seed: u64,
    passes: u32,
    before: &Javas,
) -> Result<Figures, String> {
    let mut random = Random(seed);
    let mut readings = Vec::new();
    for (level, name) in LEVELS {
        for pass in 0..passes {
            let (asked, options) = plan(before, name, pass, &mut random);
            let options = options.with_isolation_level(level);
            let read = read(cluster, asked, &options).await;
            readings.push((name, read.map_err(|text| format!("seed {seed}, {name}, {options:?}: {text}"))?));
        }
    }
    let after = java_reads_now(lab, seed).await;
    let mut figures = Figures::of(before);
    for (level, readings) in readings {
        for reading in readings {
            let judged = judge::judge(&reading, level, before, &after);
            figures.count(&reading, judged.map_err(|text| format!("seed {seed}, {text}"))?);
        }
    }
    Ok(figures)
}

/// What Java reads of a seed's topics.
async fn java_reads_now(lab: &ottla_lab::Cluster, seed: u64) -> Javas {
    let dir = tempfile::tempdir().unwrap();
    java_reads(lab, &["read", &seed.to_string()], &dir.path().join("read")).await
}

/// Reads all ranges side by side. If that fails, each range that is not done is read by itself, to find the one.
async fn read(
    cluster: &Cluster,
    ranges: Vec<OffsetRange>,
    options: &ReadOptions,
) -> Result<Vec<Reading>, String> {
    let (text, unfinished) = match ours::read(cluster, ranges, options.clone(), ours::TOGETHER).await {
        Ok(readings) => return Ok(readings),
        Err(failed) => failed,
    };
    for range in unfinished.iter().take(100) {
        if let Err((alone, _)) = ours::read(cluster, vec![range.clone()], options.clone(), ours::ALONE).await
        {
            let OffsetRange { topic_partition, from, until } = range;
            return Err(format!("{topic_partition}, offsets {from}..{until}: {alone} (together: {text})"));
        }
    }
    Err(format!("{text}; one by one {} ranges were read to their ends", unfinished.len()))
}

/// What is read in a pass of an isolation level, and how: in the first one all, in the others up to three ranges of
/// each partition.
fn plan(javas: &Javas, name: &str, pass: u32, random: &mut Random) -> (Vec<OffsetRange>, ReadOptions) {
    let mut options = ReadOptions::new();
    let mut ranges = Vec::new();
    let skips = pass.is_multiple_of(2) && pass > 0;
    if skips {
        options = options.with_data_loss(OnDataLoss::Skip);
    }
    if pass > 1 {
        options = options.with_response_bytes(1 << (14 + random.below(6)));
        options = options.with_byte_budget(1 << (16 + random.below(8)));
    }
    for ((_, topic, partition), section) in javas.iter().filter(|((level, ..), _)| *level == name) {
        let place = TopicPartition::new(topic.as_str(), *partition);
        let first = if skips { 0 } else { section.start };
        if pass == 0 {
            ranges.push(OffsetRange::new(place, first, section.end));
            continue;
        }
        // A leader that has just begun may not know yet how far its log is stable.
        let length = u64::try_from(section.end - first).unwrap_or(0) + 1;
        let cut = |_| first + i64::try_from(random.below(length)).unwrap();
        let mut cuts: Vec<i64> = (0..6).map(cut).collect();
        cuts.sort_unstable();
        let pairs = cuts.chunks(2).filter(|pair| pair[0] < pair[1]);
        ranges.extend(pairs.map(|pair| OffsetRange::new(place.clone(), pair[0], pair[1])));
    }
    (ranges, options)
}

/// Numbers that look random (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % bound
    }
}
