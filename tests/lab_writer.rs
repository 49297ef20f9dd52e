//! Writing, against real brokers: what we write is what Java reads, in the partitions that Java
//! would choose.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::fmt::Write as _;
use std::time::Duration;

use ottla::partition::Header;
use ottla::time::Timestamp;
use ottla::{
    Cluster, Codec, Credentials, Decoder, Error, IsolationLevel, NewRecord, NewToken, NewTopic, OffsetAt,
    OffsetRange, ReadOptions, ScramMechanism, Token, TokenSource, TokenWriter, WriteOptions, Writer,
};
use ottla_lab::{Listener, Login, Profile, Record, Tally};
use support::lab::connect;
use support::within;
use tokio::task::spawn_blocking;

/// Java takes its time on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

async fn lab() -> ottla_lab::Cluster {
    spawn_blocking(|| support::lab::cluster(Profile::Default)).await.unwrap()
}

async fn anybody(lab: &ottla_lab::Cluster) -> Cluster {
    connect(lab, Listener::Plaintext, Credentials::None).await.unwrap()
}

async fn java(lab: &ottla_lab::Cluster, program: &'static str, arguments: Vec<String>) -> String {
    let lab = lab.clone();
    let run = move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        lab.java_answer(program, &arguments).unwrap_or_else(|error| panic!("{error}"))
    };
    spawn_blocking(run).await.unwrap()
}

/// What Java reads of a topic.
async fn java_reads(lab: &ottla_lab::Cluster, topic: &str) -> Tally {
    let properties = lab.client_properties_file(Listener::Plaintext, &Login::Nobody).unwrap();
    let arguments = vec![properties.display().to_string(), format!("topic={topic}")];
    let line = java(lab, "Consume", arguments).await;
    Tally::parse(&line).unwrap_or_else(|| panic!("{line}"))
}

/// A record as this test makes it, by its number.
struct Made {
    number: i32,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

const CODECS: [Codec; 5] = [Codec::Uncompressed, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

const FIRST_TIMESTAMP: i64 = 1_700_000_000_000;

impl Made {
    fn new(number: i32) -> Self {
        let length = usize::try_from(number % 150).unwrap();
        Self {
            number,
            key: (number % 3 > 0).then(|| format!("key {number}").into_bytes()),
            value: (number % 7 > 0).then(|| number.to_string().repeat(length).into_bytes()),
            headers: (0..number % 4)
                .map(|h| (format!("é{h}"), (h != 1).then(|| vec![b'h'; length])))
                .collect(),
        }
    }

    fn timestamp(&self) -> i64 {
        FIRST_TIMESTAMP + i64::from(self.number * 7 % 5000)
    }

    async fn tally(&self, writer: &Writer, topic: &str) -> impl Future<Output = Tally> + use<> {
        let headers: Vec<_> =
            self.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() }).collect();
        let mut record = match &self.value {
            Some(value) => NewRecord::value(value),
            None => NewRecord::tombstone(),
        };
        if let Some(key) = &self.key {
            record = record.with_key(key);
        }
        let record = record.with_headers(&headers).with_timestamp(Timestamp::from_millis(self.timestamp()));
        let handle = writer.topic(topic).await.unwrap();
        let receipt = handle.send_with_receipt(record).await.unwrap();
        let made = Self::new(self.number);
        let topic = topic.to_owned();
        async move {
            let place = within(PATIENCE, "a receipt", receipt).await.unwrap();
            let mut tally = Tally::default();
            tally.add(Record {
                topic: &topic,
                partition: place.topic_partition.partition,
                offset: place.offset.unwrap(),
                timestamp: made.timestamp(),
                key: made.key.as_deref(),
                value: made.value.as_deref(),
                headers: made.headers.iter().map(|(key, value)| (key.as_str(), value.as_deref())),
            });
            tally
        }
    }
}

async fn make(cluster: &Cluster, topic: NewTopic) {
    cluster.create_topics(vec![topic]).await.unwrap();
}

#[tokio::test]
async fn java_reads_what_was_written_with_every_codec() {
    let lab = lab().await;
    within(PATIENCE, "the test", async {
        let cluster = anybody(&lab).await;
        for codec in CODECS {
            let topic = format!("writer-{codec}");
            make(&cluster, NewTopic::new(topic.as_str()).with_partitions(5)).await;
            let writer = cluster.write(WriteOptions::new().with_codec(codec));
            let mut awaited = Vec::new();
            for number in 0..4000 {
                awaited.push(Made::new(number).tally(&writer, &topic).await);
            }
            within(PATIENCE, "a flush", writer.flush()).await.unwrap();
            let mut written = Tally::default();
            for tally in awaited {
                written += tally.await;
            }
            assert_eq!(written.count, 4000);
            assert_eq!(java_reads(&lab, &topic).await, written, "{codec}");
        }
        println!("Kafka {}: {:?}", lab.version(), cluster.statistics());
    })
    .await;
}

#[tokio::test]
async fn records_of_ten_mib_are_written_with_every_codec() {
    let lab = lab().await;
    within(PATIENCE, "the test", async {
        let cluster = anybody(&lab).await;
        let topic =
            NewTopic::new("writer-huge").with_partitions(2).with_config("max.message.bytes", "20000000");
        make(&cluster, topic).await;
        let mut state = 0x9e37_79b9_7f4a_7c15;
        let value: Vec<u8> = (0..10 << 20).map(|_| random(&mut state).to_be_bytes()[0] % 64).collect();
        let record = NewRecord::value(&value).with_timestamp(Timestamp::from_millis(FIRST_TIMESTAMP));
        let mut written = Tally::default();
        for codec in CODECS {
            let writer = cluster.write(WriteOptions::new().with_codec(codec));
            let topic = writer.topic("writer-huge").await.unwrap();
            let receipt = topic.send_with_receipt(record).await.unwrap();
            within(PATIENCE, "the end", writer.close()).await.unwrap();
            let place = receipt.await.unwrap();
            written.add(Record {
                topic: "writer-huge",
                partition: place.topic_partition.partition,
                offset: place.offset.unwrap(),
                timestamp: FIRST_TIMESTAMP,
                key: None,
                value: Some(&value),
                headers: std::iter::empty(),
            });
        }
        assert_eq!((written.count, written.value_bytes), (5, 50 << 20));
        assert_eq!(java_reads(&lab, "writer-huge").await, written);
    })
    .await;
}

/// A generator of numbers that look random (xorshift).
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[tokio::test]
async fn ten_thousand_random_keys_go_where_java_sends_them() {
    const PARTITIONS: i32 = 13;
    let lab = lab().await;
    within(PATIENCE, "the test", async {
        let cluster = anybody(&lab).await;
        make(&cluster, NewTopic::new("writer-keys").with_partitions(PARTITIONS)).await;
        let (mut state, mut hex, mut receipts) = (0x9e37_79b9_7f4a_7c15, String::new(), Vec::new());
        let writer = cluster.write(WriteOptions::new());
        let topic = writer.topic("writer-keys").await.unwrap();
        for _ in 0..10_000 {
            let length = random(&mut state) % 40 + 1;
            let key: Vec<u8> = (0..length).map(|_| random(&mut state).to_be_bytes()[0]).collect();
            key.iter().for_each(|byte| write!(hex, "{byte:02x}").unwrap());
            hex.push('\n');
            let record = NewRecord::value("v").with_key(&key);
            receipts.push(topic.send_with_receipt(record).await.unwrap());
        }
        let mut ours = Vec::new();
        for receipt in receipts {
            ours.push(receipt.await.unwrap().topic_partition.partition);
        }
        let file = std::env::temp_dir().join(format!("ottla-writer-keys-{}", std::process::id()));
        std::fs::write(&file, hex).unwrap();
        let answer = java(&lab, "Partitions", vec![file.display().to_string(), PARTITIONS.to_string()]).await;
        std::fs::remove_file(&file).unwrap();
        let javas: Vec<i32> = answer.lines().map(|line| line.parse().unwrap()).collect();
        assert!(ours == javas, "a key went elsewhere");
    })
    .await;
}

/// The numbers in each partition of a topic, in the order of their offsets.
async fn numbers(cluster: &Cluster, topic: &str) -> Vec<Vec<u32>> {
    let partitions = cluster.partitions(topic).await.unwrap();
    let ends = cluster.list_offsets(&partitions, OffsetAt::Latest, IsolationLevel::default()).await.unwrap();
    let ranges = ends.into_iter().map(|(partition, end)| OffsetRange::new(partition, 0, end)).collect();
    let mut found = vec![Vec::new(); partitions.len()];
    let (mut reader, mut decoder) = (cluster.read(ranges, ReadOptions::new()), Decoder::new());
    while let Some(chunk) = reader.next().await.unwrap() {
        let place = usize::try_from(chunk.topic_partition().partition).unwrap();
        chunk
            .for_each_record::<Error>(&mut decoder, |record| {
                let text = std::str::from_utf8(record.value.unwrap()).unwrap();
                found[place].push(text.trim_end().parse().unwrap());
                Ok(())
            })
            .unwrap();
    }
    found
}

/// What happens while records are written: a broker is killed and comes back, the token is replaced
/// and the old one deleted, leadership goes back to the broker that was killed.
async fn troubles(
    lab: ottla_lab::OwnCluster,
    owner: Cluster,
    source: TokenWriter,
    first: Token,
) -> ottla_lab::OwnCluster {
    let pause = || tokio::time::sleep(WRITING / 6);
    pause().await;
    let lab = spawn_blocking(move || {
        lab.broker(2).kill().unwrap();
        lab
    });
    let lab = lab.await.unwrap();
    pause().await;
    let second = owner.create_delegation_token(NewToken::new()).await.unwrap();
    let known = second.clone();
    let lab = spawn_blocking(move || {
        lab.broker(2).start().unwrap();
        support::lab::await_known(&lab, &known);
        lab
    });
    let lab = lab.await.unwrap();
    assert!(source.replace(second));
    pause().await;
    owner.expire_delegation_token(&first, None).await.unwrap();
    let lab = spawn_blocking(move || {
        let moved = || lab.admin(&["elect-preferred", SURVIVES]).unwrap().trim().parse::<u32>().unwrap();
        let patience = support::raw::now() + PATIENCE;
        while moved() == 0 {
            assert!(support::raw::now() < patience, "the broker that was killed leads nothing again");
        }
        lab
    });
    lab.await.unwrap()
}

/// Writes numbers round the partitions for some time, and gives how many.
async fn write_numbers(writer: &Writer, time: Duration) -> u32 {
    let until = support::raw::now() + time;
    let topic = writer.topic(SURVIVES).await.unwrap();
    let mut count = 0_u32;
    while support::raw::now() < until {
        for _ in 0..100 {
            let value = format!("{count:<100}");
            let partition = i32::try_from(count % 6).unwrap();
            topic.send(NewRecord::value(&value).with_partition(partition)).await.unwrap();
            count += 1;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    within(PATIENCE, "a flush", writer.flush()).await.unwrap();
    count
}

const WRITING: Duration = Duration::from_secs(60);
const SURVIVES: &str = "writer-survives";

/// They end what they run on, and have the machine for themselves.
mod alone {
    use super::*;

    #[tokio::test]
    async fn a_killed_broker_a_replaced_token_moved_leaders_and_short_sessions_lose_and_double_nothing() {
        within(PATIENCE, "the test", async {
            let lab = spawn_blocking(|| ottla_lab::own_cluster(Profile::Reauth5s, 3)).await.unwrap().unwrap();
            let mechanism = ScramMechanism::Sha256;
            let owner = support::lab::scram(mechanism, "admin");
            let owner = connect(&lab, Listener::SaslPlaintext, owner).await.unwrap();
            let topic = NewTopic::new(SURVIVES).with_partitions(6).with_replication_factor(3);
            make(&owner, topic.with_config("min.insync.replicas", "1")).await;
            let first = owner.create_delegation_token(NewToken::new()).await.unwrap();
            let known = first.clone();
            let lab = spawn_blocking(move || {
                support::lab::await_known(&lab, &known);
                lab
            });
            let lab = lab.await.unwrap();
            let (source, watched) = TokenSource::watched(first.clone());
            let credentials = Credentials::Token { mechanism, source: watched };
            let cluster = connect(&lab, Listener::SaslPlaintext, credentials).await.unwrap();
            let writer = cluster.write(WriteOptions::new().with_batch_bytes(4 << 10));
            let troubles = tokio::spawn(troubles(lab, owner, source, first));
            let count = write_numbers(&writer, WRITING).await;
            let lab = troubles.await.unwrap();
            let mut all = Vec::new();
            for numbers in numbers(&cluster, SURVIVES).await {
                assert!(numbers.is_sorted(), "out of order");
                all.extend(numbers);
            }
            all.sort_unstable();
            let statistics = cluster.statistics();
            println!("Kafka {}: {count} records, {statistics:?}", lab.version());
            assert!(all == (0..count).collect::<Vec<_>>(), "{} records of {count}", all.len());
            // Sessions last five seconds.
            assert!(statistics.reauthentications >= 10, "{statistics:?}");
            spawn_blocking(move || drop(lab)).await.unwrap();
        })
        .await;
    }
}
