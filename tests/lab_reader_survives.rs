//! What a reading has to live through, on real brokers: holes, quotas, topics that come late or anew, brokers that
//! restart, logs that are truncated.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::time::Duration;

use ottla::ids::TopicPartition;
use ottla::partition::LossReason;
use ottla::time::Timestamp;
use ottla::{
    Cluster, Credentials, Decoder, Error, ErrorKind, IsolationLevel, NewRecord, NewTopic, OffsetAt,
    OffsetRange, OnDataLoss, ReadOptions, Reader, WriteOptions, Writer,
};
use ottla_lab::{Listener, OwnCluster, Profile};
use support::lab::{config, connect, settled, with};
use support::within;
use tokio::task::spawn_blocking;

/// No test may take longer.
const PATIENCE: Duration = Duration::from_secs(240);

/// What heals is healed in less, on a busy machine; a reading that is not, ends after a minute.
const HEALED: Duration = Duration::from_secs(40);

const FOR_EVER: i64 = i64::MAX;

async fn lab() -> ottla_lab::Cluster {
    spawn_blocking(|| support::lab::cluster(Profile::Default)).await.unwrap()
}

async fn anybody(lab: &ottla_lab::Cluster) -> Cluster {
    connect(lab, Listener::Plaintext, Credentials::None).await.unwrap()
}

async fn administer(lab: &ottla_lab::Cluster, arguments: Vec<&'static str>) {
    let lab = lab.clone();
    let run = move || lab.admin(&arguments).unwrap_or_else(|error| panic!("{error}"));
    spawn_blocking(run).await.unwrap();
}

async fn make(cluster: &Cluster, topic: NewTopic) {
    cluster.create_topics(vec![topic]).await.unwrap();
}

fn range(topic: &str, from: i64, until: i64) -> Vec<OffsetRange> {
    vec![OffsetRange::new(TopicPartition::new(topic, 0), from, until)]
}

/// Writes `PREFIX0`, `PREFIX1`, .. to a topic of one partition, and waits until they are there.
async fn write(cluster: &Cluster, topic: &str, prefix: &str, numbers: std::ops::Range<u32>) {
    let writer = cluster.write(WriteOptions::new());
    let handle = writer.topic(topic).await.unwrap();
    for number in numbers {
        handle.send(NewRecord::value(&format!("{prefix}{number}"))).await.unwrap();
    }
    within(PATIENCE, "what was written", writer.close()).await.unwrap();
}

/// A record, as these tests tell them apart.
type Told = (i64, String);

fn texts(prefix: &str, first_offset: i64, numbers: std::ops::Range<u32>) -> Vec<Told> {
    (first_offset..).zip(numbers.map(|number| format!("{prefix}{number}"))).collect()
}

/// The next records, `count` or more; fewer if the ranges end.
async fn take(reader: &mut Reader, count: usize) -> Result<Vec<Told>, Error> {
    let (mut records, mut decoder) = (Vec::new(), Decoder::new());
    while records.len() < count
        && let Some(chunk) = reader.next().await?
    {
        chunk.for_each_record(&mut decoder, |record| {
            let value = record.value.unwrap_or_default();
            records.push((record.offset, String::from_utf8_lossy(value).into_owned()));
            Ok::<_, Error>(())
        })?;
    }
    Ok(records)
}

async fn take_soon(reader: &mut Reader, count: usize) -> Vec<Told> {
    within(HEALED, "records", take(reader, count)).await.unwrap()
}

fn lost(reader: &Reader) -> Vec<(std::ops::Range<i64>, LossReason)> {
    reader.losses().iter().map(|loss| (loss.offsets.clone(), loss.reason)).collect()
}

const OLD: i64 = 1_700_000_000_000;

/// Three segments, by their timestamps: 100 keys, 500 records of one key, then 100 keys; one record that keeps what is
/// before it from being the active segment.
async fn write_keys(writer: &Writer, topic: &str) {
    let handle = writer.topic(topic).await.unwrap();
    let mut number = 0;
    let keys = [("a", 100, 1), ("hot", 500, 0), ("b", 100, 1), ("end", 1, 0)];
    for (segment, (key, count, step)) in (0_i64..).zip(keys) {
        for at in 0..count {
            let (key, value) = (format!("{key}{}", at * step), number.to_string());
            let at = Timestamp::from_millis(OLD + segment * 10_000);
            handle.send(NewRecord::value(&value).with_key(&key).with_timestamp(at)).await.unwrap();
            number += 1;
        }
        within(PATIENCE, "a flush", writer.flush()).await.unwrap();
    }
}

#[tokio::test]
async fn a_range_that_ends_in_a_hole_of_compaction_ends_in_bounded_requests() {
    let lab = lab().await;
    within(PATIENCE, "the test", async {
        let topic = "reader-hole";
        let cluster = anybody(&lab).await;
        let compacted = NewTopic::new(topic).with_partitions(1).with_config("cleanup.policy", "compact");
        let compacted =
            compacted.with_config("min.cleanable.dirty.ratio", "0").with_config("segment.ms", "1000");
        make(&cluster, compacted).await;
        // Small batches: what is left of one keeps its offsets.
        write_keys(&cluster.write(WriteOptions::new().with_batch_bytes(1 << 10)), topic).await;
        // 599 is the last record of the key that was written again and again.
        let all = async || take_soon(&mut cluster.read(range(topic, 0, 701), ReadOptions::new()), 702).await;
        while all().await.len() > 202 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        for (from, until, count) in
            [(0, 300, 100), (50, 400, 50), (150, 160, 0), (300, 600, 1), (120, 650, 51)]
        {
            let cluster = anybody(&lab).await;
            let mut reader = cluster.read(range(topic, from, until), ReadOptions::new());
            let records =
                within(Duration::from_secs(10), "the end of a range", take(&mut reader, 1000)).await;
            assert_eq!(records.unwrap().len(), count, "{from}..{until}");
            assert!(reader.losses().is_empty());
            let statistics = cluster.statistics();
            assert!(statistics.requests_of("Fetch") <= 4, "{from}..{until}: {statistics:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_quota_does_not_end_a_reading() {
    let lab = lab().await;
    within(PATIENCE, "the test", async {
        let (topic, client) = ("reader-quota", "reader-quota");
        make(&anybody(&lab).await, NewTopic::new(topic).with_partitions(1)).await;
        let writer = anybody(&lab).await;
        let writer = writer.write(WriteOptions::new().with_batch_bytes(8 << 10));
        let handle = writer.topic(topic).await.unwrap();
        // The quota lets 100 kB through, then nothing for some ten seconds.
        for _ in 0..150 {
            handle.send(NewRecord::value(&[b'x'; 1000][..])).await.unwrap();
        }
        within(PATIENCE, "a flush", writer.close()).await.unwrap();
        administer(&lab, vec!["quota", client, "consumer_byte_rate", "10000"]).await;
        let config = config(&lab, Listener::Plaintext, Credentials::None);
        let config = config.with_client_id(client).with_deadline(Duration::from_secs(3));
        let cluster = Cluster::connect(config).await.unwrap();
        let began = support::raw::now();
        let mut reader = cluster.read(range(topic, 0, 150), ReadOptions::new().with_response_bytes(16 << 10));
        assert_eq!(take(&mut reader, 1000).await.unwrap().len(), 150);
        // Else the quota was none.
        assert!(began.elapsed() > Duration::from_secs(4), "{:?}", began.elapsed());
        assert!(cluster.statistics().requests_of("Fetch") < 60, "{:?}", cluster.statistics());
    })
    .await;
}

#[tokio::test]
async fn a_topic_that_is_made_after_its_reading_began_is_read() {
    let lab = lab().await;
    within(PATIENCE, "the test", async {
        let topic = "reader-late";
        let cluster = anybody(&lab).await;
        let mut reader = cluster.read(range(topic, 0, 10), ReadOptions::new());
        let early = tokio::time::timeout(Duration::from_secs(1), reader.next()).await;
        assert!(early.is_err(), "{early:?}");
        let other = anybody(&lab).await;
        make(&other, NewTopic::new(topic).with_partitions(1)).await;
        write(&other, topic, "", 0..10).await;
        assert_eq!(take_soon(&mut reader, 100).await, texts("", 0, 0..10));
    })
    .await;
}

/// Deletes a topic and makes it again, while readers of ten records wait for the eleventh.
async fn make_anew(lab: &ottla_lab::Cluster, topic: &'static str, readers: &mut [Reader]) {
    let other = anybody(lab).await;
    for reader in readers {
        assert_eq!(take_soon(reader, 10).await, texts("old", 0, 0..10));
        let more = tokio::time::timeout(Duration::from_millis(300), reader.next()).await;
        assert!(more.is_err(), "{more:?}");
    }
    other.delete_topics(&[topic.into()]).await.unwrap();
    make(&other, NewTopic::new(topic).with_partitions(1)).await;
    write(&other, topic, "new", 0..5).await;
}

#[tokio::test]
async fn a_reading_goes_on_in_a_topic_that_was_made_anew() {
    let lab = lab().await;
    within(PATIENCE, "the test", async {
        let topic = "reader-anew";
        let cluster = anybody(&lab).await;
        make(&cluster, NewTopic::new(topic).with_partitions(1)).await;
        write(&cluster, topic, "old", 0..10).await;
        let skip = ReadOptions::new().with_data_loss(OnDataLoss::Skip);
        let mut readers = [
            cluster.read(range(topic, 0, FOR_EVER), skip.clone()),
            cluster.read(range(topic, 0, 100), skip),
            cluster.read(range(topic, 0, FOR_EVER), ReadOptions::new()),
        ];
        make_anew(&lab, topic, &mut readers).await;
        let [open, bounded, failing] = &mut readers;
        assert_eq!(take_soon(open, 5).await, texts("new", 0, 0..5));
        assert_eq!(lost(open), [(10..10, LossReason::Recreated)]);
        assert_eq!(take_soon(bounded, 5).await, []);
        assert_eq!(lost(bounded), [(10..100, LossReason::Recreated)]);
        let failed = within(HEALED, "an error", take(failing, 1)).await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::DataLoss, "{failed}");
    })
    .await;
}

/// They end what they run on, and have the machine for themselves.
mod alone {
    use super::*;

    async fn own(brokers: u16) -> OwnCluster {
        spawn_blocking(move || ottla_lab::own_cluster(Profile::Default, brokers)).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn a_broker_that_restarts_does_not_end_a_reading() {
        let own = own(1).await;
        within(PATIENCE, "the test", async {
            let topic = "reader-restart";
            let cluster = anybody(&own).await;
            make(&cluster, NewTopic::new(topic).with_partitions(1)).await;
            write(&cluster, topic, "", 0..10).await;
            let mut reader = cluster.read(range(topic, 0, FOR_EVER), ReadOptions::new());
            assert_eq!(take_soon(&mut reader, 10).await, texts("", 0, 0..10));
            let reading = tokio::spawn(async move { (take(&mut reader, 5).await, reader) });
            let own = with(own, |own| own.broker(1).stop().unwrap()).await;
            let own = with(own, |own| own.broker(1).start().unwrap()).await;
            write(&anybody(&own).await, topic, "", 10..15).await;
            let (records, reader) = within(HEALED, "the records", reading).await.unwrap();
            assert_eq!(records.unwrap(), texts("", 10, 10..15));
            assert!(reader.losses().is_empty());
            with(own, |_| {}).await;
        })
        .await;
    }

    #[tokio::test]
    async fn a_truncation_by_an_unclean_election_is_seen() {
        let own = own(3).await;
        within(PATIENCE, "the test", async {
            let topic = "reader-truncated";
            let unclean = vec!["create-on", topic, "1,2", "unclean.leader.election.enable=true"];
            administer(&own, unclean).await;
            let cluster = anybody(&own).await;
            settled(&cluster, &[topic.into()], 2).await;
            write(&cluster, topic, "old", 0..50).await;
            let own = with(own, |own| own.broker(2).stop().unwrap()).await;
            settled(&cluster, &[topic.into()], 1).await;
            write(&cluster, topic, "old", 50..100).await;
            let mut failing = cluster.read(range(topic, 0, FOR_EVER), ReadOptions::new());
            let skip = ReadOptions::new().with_data_loss(OnDataLoss::Skip);
            let mut skipping = cluster.read(range(topic, 0, FOR_EVER), skip);
            for reader in [&mut failing, &mut skipping] {
                assert_eq!(take_soon(reader, 100).await, texts("old", 0, 0..100));
            }
            // Broker 2 has half of them, and it alone comes back.
            let own = with(own, |own| own.broker(1).stop().unwrap()).await;
            let own = with(own, |own| own.broker(2).start().unwrap()).await;
            settled(&cluster, &[topic.into()], 1).await;
            write(&cluster, topic, "new", 0..100).await;
            assert_eq!(take_soon(&mut skipping, 100).await, texts("new", 50, 0..100));
            assert_eq!(lost(&skipping), [(50..100, LossReason::Truncated)]);
            let failed = within(HEALED, "an error", take(&mut failing, 1)).await.unwrap_err();
            assert_eq!(failed.kind(), ErrorKind::DataLoss, "{failed}");
            let level = IsolationLevel::ReadUncommitted;
            let partitions = cluster.partitions(topic).await.unwrap();
            let end = cluster.list_offsets(&partitions, OffsetAt::Latest, level).await.unwrap();
            assert_eq!(end[&partitions[0]], 150);
            with(own, |_| {}).await;
        })
        .await;
    }
}
