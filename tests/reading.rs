//! Reading whatever the world does: logs with holes, logs that change, partitions without a leader, brokers
//! that come and go, applications that pause. On embedded brokers, in virtual time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "reading/answers.rs"]
mod answers;
#[path = "reading/forgotten_topics.rs"]
mod forgotten_topics;
#[path = "reading/holes.rs"]
mod holes;
#[path = "reading/leaders.rs"]
mod leaders;
#[path = "reading/losses.rs"]
mod losses;
#[path = "reading/pauses.rs"]
mod pauses;
#[path = "reading/rows.rs"]
mod rows;
#[path = "reading/silence.rs"]
mod silence;
mod support;
#[path = "reading/turns.rs"]
mod turns;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use ottla::ids::TopicPartition;
use ottla::{Cluster, Config, Credentials, Decoder, Error, OffsetRange, ReadOptions, Reader, Security};
use ottla_testkit::{ApiKey, Protocol, Record};
use support::embedded::{bootstrap, pipes};
use support::within;

/// No test takes longer, by its own clock.
const LIMIT: Duration = Duration::from_secs(3_600);

const TOPIC: &str = "t";

/// The clock that tests pause.
#[expect(clippy::disallowed_methods, reason = "a fact about time needs one")]
fn now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// So many brokers, with a topic of one partition that the first of them leads.
fn brokers(count: i32) -> ottla_testkit::Cluster {
    let brokers = ottla_testkit::Cluster::builder().brokers(count).start_in_memory().unwrap();
    brokers.create_topic(TOPIC, 1, 1).unwrap();
    brokers
}

fn config(brokers: &ottla_testkit::Cluster) -> Config {
    let bootstrap = bootstrap(brokers, Protocol::Plaintext);
    Config::new(bootstrap, Security::Plaintext, Credentials::None).with_connector(pipes(brokers))
}

async fn client(brokers: &ottla_testkit::Cluster) -> Cluster {
    Cluster::connect(config(brokers)).await.unwrap()
}

/// Writes one batch of numbered records, each of which has its offset as its value.
fn write(brokers: &ottla_testkit::Cluster, partition: i32, count: i64) {
    write_named(brokers, partition, count, "");
}

fn write_named(brokers: &ottla_testkit::Cluster, partition: i32, count: i64, name: &str) {
    let end = brokers.offsets(TOPIC, partition).unwrap().end;
    let records: Vec<Record> =
        (end..end + count).map(|offset| Record::value(format!("{name}{offset}"))).collect();
    brokers.write(TOPIC, partition, &records).unwrap();
}

fn range(partition: i32, from: i64, until: i64) -> OffsetRange {
    OffsetRange::new(TopicPartition::new(TOPIC, partition), from, until)
}

/// What a reader gave.
#[derive(Debug, Default)]
struct Seen {
    offsets: BTreeMap<i32, Vec<i64>>,
    values: Vec<String>,
}

impl Seen {
    /// The next chunk; `false` at the end.
    async fn step(&mut self, reader: &mut Reader) -> Result<bool, Error> {
        let Some(chunk) = within(LIMIT, "a chunk", reader.next()).await? else { return Ok(false) };
        let offsets = self.offsets.entry(chunk.topic_partition().partition).or_default();
        chunk.for_each_record(&mut Decoder::new(), |record| {
            offsets.push(record.offset);
            self.values.push(String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned());
            Ok::<_, Error>(())
        })?;
        Ok(true)
    }

    /// Chunks until so many records were seen in all.
    async fn until(&mut self, reader: &mut Reader, records: usize) -> Result<(), Error> {
        while self.values.len() < records {
            assert!(self.step(reader).await?, "the end after {} records", self.values.len());
        }
        Ok(())
    }

    async fn drain(&mut self, reader: &mut Reader) -> Result<(), Error> {
        while self.step(reader).await? {}
        Ok(())
    }
}

/// Reads ranges to their end.
async fn read(client: &Cluster, ranges: Vec<OffsetRange>, options: ReadOptions) -> Result<Seen, Error> {
    let mut seen = Seen::default();
    seen.drain(&mut client.read(ranges, options)).await?;
    Ok(seen)
}

/// Whether nothing comes for so long.
async fn is_quiet(reader: &mut Reader, time: Duration) -> bool {
    tokio::time::timeout(time, reader.next()).await.is_err()
}

/// Requests that named a partition, in a span of the cluster's time, but for long polls that were held.
fn asked_in(brokers: &ottla_testkit::Cluster, span: Range<Duration>) -> usize {
    let apis = [ApiKey::Fetch, ApiKey::ListOffsets, ApiKey::OffsetForLeaderEpoch, ApiKey::Metadata];
    let asked = brokers.asked().into_iter();
    let of_readers = asked.filter(|asked| apis.contains(&asked.api) && span.contains(&asked.at));
    of_readers.filter(|asked| asked.held() < Duration::from_millis(200)).count()
}
