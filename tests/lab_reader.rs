//! Reading, against real brokers: what Java wrote and read is what we read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::time::Duration;

use ottla::{
    Chunk, Cluster, Credentials, Decoder, Error, IsolationLevel, NewTopic, OffsetAt, OffsetRange, OnDataLoss,
    ReadOptions, Reader,
};
use ottla_lab::{Listener, Login, Profile, Record, Tally};
use support::lab::{config, connect};
use support::within;

/// Java and a thousand partitions take their time on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

const ADMIN: Login = Login::Nobody;

async fn java(lab: &ottla_lab::Cluster, program: &'static str, more: &str, arguments: &[&str]) -> String {
    let properties = lab.client_properties(Listener::Plaintext, &ADMIN) + "\n" + more;
    let lab = lab.clone();
    let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
    let run = move || {
        let file = std::env::temp_dir().join(format!("ottla-reader-{}-{}", std::process::id(), arguments[0]));
        std::fs::write(&file, properties).unwrap();
        let all: Vec<&str> =
            std::iter::once(file.to_str().unwrap()).chain(arguments.iter().map(String::as_str)).collect();
        let answer = lab.java_answer(program, &all);
        std::fs::remove_file(&file).unwrap();
        answer.unwrap_or_else(|error| panic!("{error}"))
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

async fn ranges(cluster: &Cluster, topic: &str) -> Vec<OffsetRange> {
    let partitions = cluster.partitions(topic).await.unwrap();
    let level = IsolationLevel::ReadUncommitted;
    let from = cluster.list_offsets(&partitions, OffsetAt::Earliest, level).await.unwrap();
    let until = cluster.list_offsets(&partitions, OffsetAt::Latest, level).await.unwrap();
    let range = |partition| {
        let (from, until) = (from[&partition], until[&partition]);
        OffsetRange::new(partition, from, until)
    };
    partitions.into_iter().map(range).collect()
}

fn add(tally: &mut Tally, chunk: &Chunk, decoder: &mut Decoder) -> Result<(), Error> {
    let place = chunk.topic_partition();
    chunk.for_each_record(decoder, |record| {
        assert!(chunk.offsets().contains(&record.offset));
        let headers: Result<Vec<_>, _> = record.headers.iter().collect();
        tally.add(Record {
            topic: &place.topic,
            partition: place.partition,
            offset: record.offset,
            timestamp: record.timestamp.as_millis(),
            key: record.key,
            value: record.value,
            headers: headers?.into_iter().map(|header| (header.key, header.value)),
        });
        Ok(())
    })
}

async fn drain(mut reader: Reader) -> Result<Tally, Error> {
    let (mut tally, mut decoder) = (Tally::default(), Decoder::new());
    while let Some(chunk) = reader.next().await? {
        add(&mut tally, &chunk, &mut decoder)?;
    }
    Ok(tally)
}

async fn compare(lab: &ottla_lab::Cluster, topic: &str, produce: &[&str], levels: &[(IsolationLevel, &str)]) {
    let cluster = connect(lab, Listener::Plaintext, Credentials::None).await.unwrap();
    let named = format!("topic={topic}");
    let written = java(lab, "Produce", "", &[&[named.as_str()], produce].concat()).await;
    for (level, name) in levels {
        let isolation = format!("isolation={name}");
        let read = java(lab, "Consume", "", &[&named, &isolation]).await;
        if *level == IsolationLevel::ReadCommitted {
            assert_eq!(Tally::parse(&read), Tally::parse(&written), "{read} {written}");
        }
        let options = ReadOptions::new().with_isolation_level(*level);
        let ours = drain(cluster.read(ranges(&cluster, topic).await, options)).await.unwrap();
        assert_eq!(Some(ours), Tally::parse(&read), "{topic} {name}");
        assert!(ours.count > 0);
    }
}

const COMMITTED: (IsolationLevel, &str) = (IsolationLevel::ReadCommitted, "read_committed");
const BOTH: [(IsolationLevel, &str); 2] = [COMMITTED, (IsolationLevel::ReadUncommitted, "read_uncommitted")];

#[tokio::test]
async fn reads_what_java_wrote_plain_and_packed() {
    let lab = support::lab::cluster(Profile::Default);
    within(PATIENCE, "the test", async {
        let fields =
            ["partitions=6", "replicas=1", "count=20000", "key_bytes=12", "null_value_every=7", "headers=2"];
        for codec in CODECS {
            let codec_option = format!("codec={codec}");
            let produce = [&fields[..], &[codec_option.as_str()]].concat();
            compare(&lab, &format!("reader-{codec}"), &produce, &[COMMITTED]).await;
        }
    })
    .await;
}

#[tokio::test]
async fn leaves_out_aborted_transactions_only_for_readers_of_committed_records() {
    let lab = support::lab::cluster(Profile::Default);
    within(PATIENCE, "the test", async {
        let produce = ["partitions=3", "count=3000", "transaction=100", "abort_every=3", "key_bytes=4"];
        compare(&lab, "reader-transactions", &produce, &BOTH).await;
    })
    .await;
}

/// Makes a topic and waits until all of its partitions are led: Java's producer may mistake the
/// meantime for a lost sequence.
async fn make(lab: &ottla_lab::Cluster, new: NewTopic, topic: &str) {
    let cluster = connect(lab, Listener::Plaintext, Credentials::None).await.unwrap();
    cluster.create_topics(vec![new]).await.unwrap();
    let level = IsolationLevel::ReadUncommitted;
    loop {
        let partitions = cluster.partitions(topic).await.unwrap();
        match cluster.list_offsets(&partitions, OffsetAt::Latest, level).await {
            Ok(_) => return,
            Err(error) => assert!(error.is_retriable(), "{error}"),
        }
    }
}

#[tokio::test]
async fn reads_a_thousand_partitions_over_one_connection_a_broker() {
    let lab = support::lab::cluster(Profile::Default);
    within(PATIENCE, "the test", async {
        let topic = "reader-thousand";
        make(&lab, NewTopic::new(topic).with_partitions(1000), topic).await;
        let produce = ["topic=reader-thousand", "partitions=1000", "count=50000", "value_bytes=300"];
        let written = java(&lab, "Produce", "", &produce).await;
        let cluster = connect(&lab, Listener::Plaintext, Credentials::None).await.unwrap();
        let tally = drain(cluster.read(ranges(&cluster, topic).await, ReadOptions::new())).await.unwrap();
        assert_eq!(Some(tally), Tally::parse(&written));
        let statistics = cluster.statistics();
        assert!(statistics.connections <= 3, "{statistics:?}");
        assert!(statistics.requests_of("Metadata") <= 1, "{statistics:?}");
        assert!(statistics.requests_of("ListOffsets") <= 2 * 3, "{statistics:?}");
        println!("{statistics:?}");
    })
    .await;
}

#[tokio::test]
async fn reads_batches_larger_than_every_limit_with_every_codec() {
    let lab = support::lab::cluster(Profile::Default);
    within(PATIENCE, "the test", async {
        let cluster = connect(&lab, Listener::Plaintext, Credentials::None).await.unwrap();
        let topic =
            NewTopic::new("reader-huge").with_partitions(2).with_config("max.message.bytes", "20000000");
        cluster.create_topics(vec![topic]).await.unwrap();
        let bounds = "max.request.size=20000000\nbuffer.memory=67108864\n";
        let mut written = Tally::default();
        for codec in CODECS {
            let codec = format!("codec={codec}");
            let produce = ["topic=reader-huge", "partitions=2", "count=2", "value_bytes=10485760", &codec];
            written += Tally::parse(&java(&lab, "Produce", bounds, &produce).await).unwrap();
        }
        assert_eq!((written.count, written.value_bytes), (10, 100 << 20));
        let options = ReadOptions::new().with_byte_budget(1 << 20).with_response_bytes(64 << 10);
        let tally = drain(cluster.read(ranges(&cluster, "reader-huge").await, options)).await.unwrap();
        assert_eq!(tally, written);
    })
    .await;
}

#[tokio::test]
async fn waits_for_records_beyond_the_end_while_others_are_read() {
    let lab = support::lab::cluster(Profile::Default);
    within(PATIENCE, "the test", async {
        let cluster = connect(&lab, Listener::Plaintext, Credentials::None).await.unwrap();
        let topic = NewTopic::new("reader-waits").with_partitions(1);
        cluster.create_topics(vec![topic]).await.unwrap();
        let partition = cluster.partitions("reader-waits").await.unwrap().remove(0);
        let mut reader = cluster.read(vec![OffsetRange::new(partition, 0, 500)], ReadOptions::new());
        let quiet = tokio::time::timeout(Duration::from_millis(700), reader.next()).await;
        assert!(quiet.is_err(), "an empty partition has no chunk");
        let produce = ["topic=reader-waits", "count=600"];
        let (_, tally) = tokio::join!(java(&lab, "Produce", "", &produce), drain(reader));
        assert_eq!(tally.unwrap().count, 500);
    })
    .await;
}

#[tokio::test]
async fn a_range_that_begins_beyond_the_end_is_an_error_that_names_the_end() {
    let lab = support::lab::cluster(Profile::Default);
    within(PATIENCE, "the test", async {
        java(&lab, "Produce", "", &["topic=reader-gone", "count=100"]).await;
        let cluster = connect(&lab, Listener::Plaintext, Credentials::None).await.unwrap();
        let partition = cluster.partitions("reader-gone").await.unwrap().remove(0);
        let beyond = vec![OffsetRange::new(partition.clone(), 150, 200)];
        for on_data_loss in [OnDataLoss::Fail, OnDataLoss::Skip] {
            let options = ReadOptions::new().with_data_loss(on_data_loss);
            let failed = drain(cluster.read(beyond.clone(), options)).await.unwrap_err();
            assert!(
                failed.to_string().contains("beyond the end of the log, which is offset 100"),
                "{failed}"
            );
            assert_eq!(failed.topic_partition(), Some(&partition));
        }
    })
    .await;
}

/// They end what they run on, and have the machine for themselves.
mod alone {
    use super::*;

    #[tokio::test]
    async fn a_broker_that_dies_costs_no_record_and_doubles_none() {
        let own = tokio::task::spawn_blocking(|| ottla_lab::own_cluster(Profile::Default, 3))
            .await
            .unwrap()
            .unwrap();
        within(PATIENCE, "the test", async {
            let produce =
                ["topic=reader-dies", "partitions=6", "replicas=3", "count=60000", "value_bytes=1000"];
            let written = java(&own, "Produce", "", &produce).await;
            let config = config(&own, Listener::Plaintext, Credentials::None);
            let cluster = Cluster::connect(config).await.unwrap();
            let options = ReadOptions::new().with_byte_budget(1 << 20).with_response_bytes(64 << 10);
            let mut reader = cluster.read(ranges(&cluster, "reader-dies").await, options);
            let (mut tally, mut decoder) = (Tally::default(), Decoder::new());
            let mut own = Some(own);
            while let Some(chunk) = reader.next().await.unwrap() {
                add(&mut tally, &chunk, &mut decoder).unwrap();
                drop(chunk);
                if tally.count > 10_000
                    && let Some(killed) = own.take()
                {
                    // The cluster lives as long as the value.
                    let kill = move || {
                        killed.broker(2).kill().unwrap();
                        killed
                    };
                    own = Some(tokio::task::spawn_blocking(kill).await.unwrap());
                    break;
                }
            }
            while let Some(chunk) = reader.next().await.unwrap() {
                add(&mut tally, &chunk, &mut decoder).unwrap();
            }
            assert_eq!(Some(tally), Tally::parse(&written));
            drop(own);
        })
        .await;
    }
}
