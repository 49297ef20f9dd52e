//! What we read.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use ottla::ids::TopicPartition;
use ottla::partition::Loss;
use ottla::{Chunk, Cluster, Decoder, Error, OffsetRange, ReadOptions, Reader};
use ottla_lab::{Record, Tally};

use super::Seen;

/// How long a pass may take, on a busy machine.
pub(super) const TOGETHER: Duration = Duration::from_secs(60);

/// How long a range that is read by itself may take.
pub(super) const ALONE: Duration = Duration::from_secs(5);

/// A range, and what came of it.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) range: OffsetRange,
    pub(super) next: i64,
    pub(super) lost: Vec<Range<i64>>,
    pub(super) records: Vec<Seen>,
}

impl Reading {
    fn new(range: OffsetRange) -> Self {
        Self { next: range.from, range, lost: Vec::new(), records: Vec::new() }
    }

    fn awaits(&self, offset: i64) -> bool {
        (self.next..self.range.until).contains(&offset)
    }
}

/// Reads ranges to their ends. A failure says how, and which ones are not done.
pub(super) async fn read(
    cluster: &Cluster,
    ranges: Vec<OffsetRange>,
    options: ReadOptions,
    limit: Duration,
) -> Result<Vec<Reading>, (String, Vec<OffsetRange>)> {
    let mut readings: Vec<Reading> = ranges.iter().cloned().map(Reading::new).collect();
    let mut reader = cluster.read(ranges, options);
    let outcome = tokio::time::timeout(limit, take_all(&mut reader, &mut readings)).await;
    let outcome = outcome.unwrap_or_else(|_| Err(format!("not at the end after {limit:?}")));
    let settled = outcome.and_then(|()| settle(&reader, &mut readings));
    settled.map(|()| std::mem::take(&mut readings)).map_err(|text| {
        let unfinished = readings.iter().filter(|reading| reading.next < reading.range.until);
        (text, unfinished.map(|reading| reading.range.clone()).collect())
    })
}

async fn take_all(reader: &mut Reader, readings: &mut [Reading]) -> Result<(), String> {
    let mut decoder = Decoder::new();
    let mut of_partition: HashMap<TopicPartition, Vec<usize>> = HashMap::new();
    for (at, reading) in readings.iter().enumerate() {
        of_partition.entry(reading.range.topic_partition.clone()).or_default().push(at);
    }
    while let Some(chunk) = reader.next().await.map_err(|error| told(&error))? {
        let offsets = chunk.offsets();
        let some = of_partition.get(chunk.topic_partition()).into_iter().flatten();
        let found = some.copied().find(|&at| readings[at].awaits(offsets.start));
        let reading =
            &mut readings[found.ok_or_else(|| format!("a chunk that nobody waits for: {chunk:?}"))?];
        if reading.next < offsets.start {
            reading.lost.push(reading.next..offsets.start);
        }
        reading.next = offsets.end;
        chunk
            .for_each_record(&mut decoder, |record| {
                reading.records.push(seen(&chunk, &record)?);
                Ok::<_, Error>(())
            })
            .map_err(|error| format!("{chunk:?}: {}", told(&error)))?;
    }
    Ok(())
}

/// What is missing between chunks has to be what the reader says is lost, and nothing else is. A range may end without a
/// chunk that says so, where there is nothing more in it.
fn settle(reader: &Reader, readings: &mut [Reading]) -> Result<(), String> {
    let mut told: Vec<_> = reader.losses().iter().collect();
    for reading in readings {
        let place = &reading.range.topic_partition;
        for lost in &reading.lost {
            let at = told.iter().position(|loss| loss.topic_partition == *place && loss.offsets == *lost);
            told.remove(at.ok_or_else(|| format!("{place}: {lost:?} never came, and no loss tells of it"))?);
        }
        let rest = reading.next..=reading.range.until;
        let of_rest = |loss: &&Loss| {
            loss.topic_partition == *place
                && loss.offsets.start == reading.next
                && rest.contains(&loss.offsets.end)
        };
        if let Some(at) = told.iter().position(of_rest) {
            reading.lost.push(told.remove(at).offsets.clone());
        }
        reading.next = reading.range.until;
    }
    if told.is_empty() { Ok(()) } else { Err(format!("losses of what came: {told:?}")) }
}

pub(super) fn seen(chunk: &Chunk, record: &ottla::partition::Record<'_>) -> Result<Seen, Error> {
    let place = chunk.topic_partition();
    let headers: Vec<_> = record.headers.iter().collect::<Result<_, _>>()?;
    let (mut tally, count) = (Tally::default(), headers.len());
    tally.add(Record {
        topic: &place.topic,
        partition: place.partition,
        offset: record.offset,
        timestamp: record.timestamp.as_millis(),
        key: record.key,
        value: record.value,
        headers: headers.into_iter().map(|header| (header.key, header.value)),
    });
    let length = |bytes: Option<&[u8]>| bytes.map_or(-1, |bytes| i64::try_from(bytes.len()).unwrap());
    Ok(Seen {
        offset: record.offset,
        timestamp: record.timestamp.as_millis(),
        key_bytes: length(record.key),
        value_bytes: length(record.value),
        headers: count,
        checksum: tally.checksum,
    })
}

pub(super) fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}
