//! What a writer has to live through, on real brokers: one that falls silent, beside a reader; records that the broker
//! refuses one by one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use ottla::ids::TopicPartition;
use ottla::partition::BatchOutcome;
use ottla::{
    Cluster, Credentials, Decoder, Error, ErrorKind, IsolationLevel, NewRecord, NewTopic, OffsetAt,
    OffsetRange, ReadOptions, TopicWriter, WriteOptions,
};
use ottla_lab::{Listener, Profile};
use support::lab::connect;
use support::raw::{Raw, now};
use support::within;
use tokio::task::spawn_blocking;

/// No test may take longer.
const PATIENCE: Duration = Duration::from_secs(240);

async fn anybody(lab: &ottla_lab::Cluster) -> Cluster {
    connect(lab, Listener::Plaintext, Credentials::None).await.unwrap()
}

/// All records' values as numbers, in ascending order.
async fn numbers(cluster: &Cluster, topic: &str) -> Vec<u32> {
    let partitions = cluster.partitions(topic).await.unwrap();
    let ends = cluster.list_offsets(&partitions, OffsetAt::Latest, IsolationLevel::default()).await.unwrap();
    let ranges = ends.into_iter().map(|(partition, end)| OffsetRange::new(partition, 0, end)).collect();
    let (mut reader, mut decoder) = (cluster.read(ranges, ReadOptions::new()), Decoder::new());
    let mut found = Vec::new();
    while let Some(chunk) = reader.next().await.unwrap() {
        chunk
            .for_each_record(&mut decoder, |record| {
                let text = std::str::from_utf8(record.value.unwrap()).unwrap();
                found.push(text.trim_end().parse().unwrap());
                Ok::<_, Error>(())
            })
            .unwrap();
    }
    found.sort_unstable();
    found
}

#[tokio::test]
async fn a_record_that_is_refused_is_named_and_those_of_its_batch_say_why_they_are_not_written() {
    let lab = spawn_blocking(|| support::lab::cluster(Profile::Default)).await.unwrap();
    within(PATIENCE, "the test", async {
        let topic = "writer-refused";
        let cluster = anybody(&lab).await;
        let compacted = NewTopic::new(topic).with_partitions(1).with_config("cleanup.policy", "compact");
        cluster.create_topics(vec![compacted]).await.unwrap();
        let writer = cluster.write(WriteOptions::new().with_linger(Duration::from_secs(1)));
        let handle = writer.topic(topic).await.unwrap();
        let mut receipts = Vec::new();
        for key in [Some("a"), None, Some("b")] {
            let record = NewRecord::value("0");
            let record = key.map_or(record, |key| record.with_key(key));
            receipts.push(handle.send_with_receipt(record).await.unwrap());
        }
        let mut errors = Vec::new();
        for receipt in receipts {
            errors.push(receipt.await.unwrap_err());
        }
        for error in &errors {
            assert!(matches!(error.kind(), ErrorKind::Broker(_)), "{error}");
            assert!(!error.possibly_written(), "{error}");
        }
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        // The words are the broker's.
        assert!(texts[1].contains("Compacted topic cannot accept message without key"), "{texts:?}");
        assert_eq!(texts[0], texts[2]);
        assert!(texts[0].contains("same batch"), "{texts:?}");
        assert_eq!(numbers(&cluster, topic).await, []);
        // And the writer goes on.
        let record = NewRecord::value("1").with_key("c");
        assert_eq!(handle.send_with_receipt(record).await.unwrap().await.unwrap().offset, Some(0));
        assert_eq!(numbers(&cluster, topic).await, [1]);
    })
    .await;
}

const SILENT: &str = "writer-silent";
const PARTITIONS: i32 = 6;

/// Who leads what, as a broker tells it.
fn leaders(raw: &mut Raw) -> BTreeMap<i32, i32> {
    let name = TopicName(StrBytes::from_static_str(SILENT));
    let topic = MetadataRequestTopic::default().with_name(Some(name));
    let answer = raw.call(9, &MetadataRequest::default().with_topics(Some(vec![topic]))).unwrap();
    answer.topics[0].partitions.iter().map(|one| (one.partition_index, one.leader_id.0)).collect()
}

/// Waits until each of these partitions is led by another broker.
fn await_other_leaders(raw: &mut Raw, partitions: &[i32], old: i32) -> Instant {
    let patience = now() + PATIENCE;
    loop {
        let leaders = leaders(raw);
        let moved = |partition| leaders.get(partition).is_some_and(|&id| id != old && id >= 0);
        if partitions.iter().all(moved) {
            return now();
        }
        assert!(now() < patience, "{leaders:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// When batches of a partition were acknowledged, or came.
type Noted = Arc<Mutex<Vec<(i32, Instant)>>>;

/// How long after `then` the first batch of a partition was noted.
fn first_after(then: Instant, partition: i32, noted: &[(i32, Instant)]) -> Duration {
    let mut later = noted.iter().filter(|&&(one, when)| one == partition && when >= then);
    later.next().map_or(Duration::MAX, |&(_, when)| when - then)
}

/// The longest time after `then` in which no batch of the partition was noted.
fn longest_gap_after(then: Instant, partition: i32, noted: &[(i32, Instant)]) -> Duration {
    let mut last = then;
    let later = noted.iter().filter(|&&(one, when)| one == partition && when >= then);
    let gaps = later.map(|&(_, when)| when - std::mem::replace(&mut last, when));
    gaps.max().unwrap_or(Duration::MAX)
}

/// Notes what comes of all partitions, for ever.
async fn read_steadily(cluster: Cluster, noted: Noted) {
    let of_partition = |number| OffsetRange::new(TopicPartition::new(SILENT, number), 0, i64::MAX);
    let mut reader = cluster.read((0..PARTITIONS).map(of_partition).collect(), ReadOptions::new());
    while let Some(chunk) = reader.next().await.unwrap() {
        noted.lock().unwrap().push((chunk.topic_partition().partition, now()));
    }
}

/// Writes numbers round the partitions, three hundred a second, until told to stop. Gives how many, and how long a call
/// of `send` took at most to a partition that is not among the silent broker's.
async fn write_steadily(
    topic: TopicWriter,
    silent: Vec<i32>,
    stop: tokio::sync::oneshot::Receiver<()>,
) -> (u32, Duration) {
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    let (mut count, mut longest, mut stop) = (0_u32, Duration::ZERO, stop);
    while stop.try_recv().is_err() {
        ticks.tick().await;
        for _ in 0..3 {
            let partition = i32::try_from(count).unwrap() % PARTITIONS;
            let value = format!("{count:<20}");
            let began = now();
            topic.send(NewRecord::value(&value).with_partition(partition)).await.unwrap();
            if !silent.contains(&partition) {
                longest = longest.max(began.elapsed());
            }
            count += 1;
        }
    }
    (count, longest)
}

/// They end what they run on, and have the machine for themselves.
mod alone {
    use super::*;

    fn signal(pid: u32, name: &str) {
        let done = std::process::Command::new("kill").args([name, &pid.to_string()]).status();
        assert!(done.unwrap().success(), "kill {name} {pid}");
    }

    /// The names of the cluster, but for one that leads to where nobody listens: what is asked of this client is no
    /// matter of the broker that is silent.
    async fn beside(lab: &ottla_lab::Cluster, broker: u16) -> Cluster {
        let mut connector = ottla::TcpConnector::new();
        for (name, address) in lab.names() {
            let nobody = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));
            connector = connector
                .with_name(name.clone(), if name == format!("b{broker}") { nobody } else { address });
        }
        let config =
            support::lab::config(lab, Listener::Plaintext, Credentials::None).with_connector(connector);
        Cluster::connect(config).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_silent_broker_holds_up_its_own_partitions_alone_and_those_for_a_second_after_they_have_a_leader()
     {
        let lab = spawn_blocking(|| ottla_lab::own_cluster(Profile::Default, 3)).await.unwrap().unwrap();
        within(PATIENCE, "the test", async {
            let cluster = anybody(&lab).await;
            let topic = NewTopic::new(SILENT).with_partitions(PARTITIONS).with_replication_factor(3);
            cluster.create_topics(vec![topic]).await.unwrap();
            let (acknowledged, came) = (Noted::default(), Noted::default());
            let reading = tokio::spawn(read_steadily(anybody(&lab).await, Arc::clone(&came)));
            let noted = Arc::clone(&acknowledged);
            let writer =
                cluster.write(WriteOptions::new().with_batch_listener(move |outcome: &BatchOutcome| {
                    assert!(outcome.base_offset.is_ok(), "{outcome:?}");
                    noted.lock().unwrap().push((outcome.topic_partition.partition, now()));
                }));
            let handle = writer.topic(SILENT).await.unwrap();
            let mut raw = Raw::connect(&lab, 1, Listener::Plaintext);
            let silent: Vec<i32> =
                leaders(&mut raw).into_iter().filter(|&(_, id)| id == 2).map(|(p, _)| p).collect();
            assert!(!silent.is_empty());
            let (stop, stopped) = tokio::sync::oneshot::channel();
            let writing = tokio::spawn(write_steadily(handle, silent.clone(), stopped));
            tokio::time::sleep(Duration::from_secs(1)).await;
            let pid = lab.pid(2).unwrap();
            signal(pid, "-STOP");
            let watched = silent.clone();
            let named = spawn_blocking(move || await_other_leaders(&mut raw, &watched, 2)).await.unwrap();
            tokio::time::sleep(Duration::from_secs(3)).await;
            stop.send(()).unwrap();
            let (count, longest) = within(PATIENCE, "the last send", writing).await.unwrap();
            within(Duration::from_secs(30), "a flush", writer.flush()).await.unwrap();
            assert!(!reading.is_finished());
            reading.abort();
            let (acknowledged, came) = (acknowledged.lock().unwrap().clone(), came.lock().unwrap().clone());
            // Four nodes share this machine, so what brokers that are not silent take counts besides: for the look
            // and for the batch.
            let others = (0..PARTITIONS).filter(|one| !silent.contains(one));
            let slow = others.map(|one| longest_gap_after(named, one, &acknowledged)).max().unwrap();
            println!("beside a silent broker batches took {slow:?} at most");
            assert!(slow < Duration::from_secs(3), "{slow:?}");
            for partition in silent {
                let written = first_after(named, partition, &acknowledged);
                let read = first_after(named, partition, &came);
                println!(
                    "partition {partition}: written {written:?}, read {read:?} after its leader was named"
                );
                let late = written.max(read.saturating_sub(slow));
                assert!(late < Duration::from_secs(1) + 2 * slow, "{partition}: {late:?}, others {slow:?}");
            }
            println!("send took {longest:?} at most");
            assert!(longest < Duration::from_secs(1), "{longest:?}");
            let other = beside(&lab, 2).await;
            assert!(numbers(&other, SILENT).await == (0..count).collect::<Vec<_>>(), "{count} records");
            signal(pid, "-CONT");
            spawn_blocking(move || drop(lab)).await.unwrap();
        })
        .await;
    }
}
