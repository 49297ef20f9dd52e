//! Writing to brokers inside the process, which do what real ones cannot be made to do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "writer/changes.rs"]
mod changes;
#[path = "writer/doubts.rs"]
mod doubts;
#[path = "writer/elections.rs"]
mod elections;
#[path = "writer/ends.rs"]
mod ends;
#[path = "writer/faults.rs"]
mod faults;
#[path = "writer/leaders.rs"]
mod leaders;
#[path = "writer/limits.rs"]
mod limits;
#[path = "pool/log.rs"]
mod log;
#[path = "writer/records.rs"]
mod records;
#[path = "writer/sequences.rs"]
mod sequences;
#[path = "writer/stalls.rs"]
mod stalls;
mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use ottla::partition::Header;
use ottla::{Cluster, Codec, Config, Credentials, ErrorKind, NewRecord, Security, WriteOptions, Writer};
use ottla_testkit::{ClusterBuilder, Protocol};
use support::embedded::{self, pipes};
use support::within;

const LIMIT: Duration = Duration::from_secs(600);
const TOPIC: &str = "t";

/// Brokers in memory with one topic, and a client of them.
pub(crate) struct Setup {
    pub(crate) brokers: ottla_testkit::Cluster,
    pub(crate) client: Cluster,
}

#[expect(clippy::disallowed_methods, reason = "a fact about time needs a clock")]
pub(crate) fn now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

pub(crate) fn builder() -> ClusterBuilder {
    ottla_testkit::Cluster::builder().brokers(3)
}

impl Setup {
    pub(crate) async fn new(partitions: i32) -> Self {
        Self::of(builder(), partitions).await
    }

    pub(crate) async fn of(builder: ClusterBuilder, partitions: i32) -> Self {
        let brokers = builder.start_in_memory().unwrap();
        brokers.create_topic(TOPIC, partitions, 3).unwrap();
        let bootstrap = embedded::bootstrap(&brokers, Protocol::Plaintext);
        let config = Config::new(bootstrap, Security::Plaintext, Credentials::None);
        let client = Cluster::connect(config.with_connector(pipes(&brokers))).await.unwrap();
        Self { brokers, client }
    }

    /// The values in each partition, in the order of their offsets.
    pub(crate) fn values(&self, partitions: i32) -> BTreeMap<i32, Vec<String>> {
        let text = |record: ottla_testkit::LoggedRecord| {
            String::from_utf8(record.value.unwrap_or_default().to_vec()).unwrap()
        };
        let values = |partition| {
            self.brokers.read(TOPIC, partition).unwrap().into_iter().map(text).collect::<Vec<_>>()
        };
        (0..partitions).map(|partition| (partition, values(partition))).collect()
    }

    /// Every one of `count` values once, and in order within each partition.
    pub(crate) fn assert_each_once(&self, partitions: i32, count: usize) {
        let mut all = Vec::new();
        for (partition, values) in self.values(partitions) {
            let numbers: Vec<usize> = values.iter().map(|value| value.parse().unwrap()).collect();
            assert!(numbers.is_sorted(), "partition {partition}: {numbers:?}");
            all.extend(numbers);
        }
        all.sort_unstable();
        assert_eq!(all, (0..count).collect::<Vec<_>>());
    }
}

/// Writes the numbers of a range round the partitions.
pub(crate) async fn write_numbers(writer: &Writer, range: std::ops::Range<usize>, partitions: i32) {
    let topic = writer.topic(TOPIC).await.unwrap();
    for number in range {
        let partition = i32::try_from(number).unwrap() % partitions;
        let value = number.to_string();
        let record = NewRecord::value(&value).with_partition(partition);
        within(LIMIT, "memory for a record", topic.send(record)).await.unwrap();
    }
}

pub(crate) async fn flush(writer: &Writer) -> Result<(), ottla::Error> {
    within(LIMIT, "a flush", writer.flush()).await
}

#[tokio::test(start_paused = true)]
async fn every_record_is_written_once_and_in_order() {
    let setup = Setup::new(7).await;
    let writer = setup.client.write(WriteOptions::new());
    write_numbers(&writer, 0..20_000, 7).await;
    flush(&writer).await.unwrap();
    setup.assert_each_once(7, 20_000);
    let statistics = setup.client.statistics();
    assert_eq!(statistics.requests_of("InitProducerId"), 1);
    assert!(statistics.requests_of("Produce") <= 12, "{statistics:?}");
}

#[tokio::test(start_paused = true)]
async fn keys_headers_nulls_and_timestamps_arrive_as_they_were_given() {
    let setup = Setup::new(1).await;
    let writer = setup.client.write(WriteOptions::new());
    let topic = writer.topic(TOPIC).await.unwrap();
    let time = ottla::time::Timestamp::from_millis;
    let headers = [Header { key: "a", value: Some(b"1") }, Header { key: "a", value: None }];
    topic.send(NewRecord::value("v").with_key("k").with_headers(&headers)).await.unwrap();
    topic.send(NewRecord::tombstone().with_key("k").with_timestamp(time(1_000))).await.unwrap();
    topic.send(NewRecord::value("").with_timestamp(time(-5))).await.unwrap();
    flush(&writer).await.unwrap();
    let records = setup.brokers.read(TOPIC, 0).unwrap();
    let seen: Vec<_> = records.iter().map(|r| (r.key.as_deref(), r.value.as_deref())).collect();
    let (k, v): (&[u8], &[u8]) = (b"k", b"v");
    assert_eq!(seen, [(Some(k), Some(v)), (Some(k), None), (None, Some(&b""[..]))]);
    assert_eq!((records[1].timestamp, records[2].timestamp), (1_000, -5));
    assert!(records[0].timestamp > 1_700_000_000_000);
}

#[tokio::test(start_paused = true)]
async fn receipts_tell_the_offset_of_each_record() {
    let setup = Setup::new(3).await;
    let writer = setup.client.write(WriteOptions::new().with_batch_bytes(2_000));
    let topic = writer.topic(TOPIC).await.unwrap();
    let mut receipts = Vec::new();
    for number in 0..1_000 {
        let value = number.to_string();
        let record = NewRecord::value(&value).with_key(&value);
        receipts.push((value.clone(), topic.send_with_receipt(record).await.unwrap()));
    }
    for (value, receipt) in receipts {
        let place = within(LIMIT, "a receipt", receipt).await.unwrap();
        let records = setup.brokers.read(TOPIC, place.topic_partition.partition).unwrap();
        let written = &records[usize::try_from(place.offset.unwrap()).unwrap()];
        assert_eq!(written.value.as_deref(), Some(value.as_bytes()));
    }
}

#[tokio::test(start_paused = true)]
async fn records_without_a_key_come_to_all_partitions_batch_by_batch() {
    let setup = Setup::new(6).await;
    let writer = setup.client.write(WriteOptions::new().with_batch_bytes(4_000));
    let topic = writer.topic(TOPIC).await.unwrap();
    for number in 0..20_000_usize {
        topic.send(NewRecord::value(&number.to_string())).await.unwrap();
    }
    flush(&writer).await.unwrap();
    setup.assert_each_once(6, 20_000);
    let counts: Vec<_> = setup.values(6).into_values().map(|values| values.len()).collect();
    assert!(counts.iter().all(|count| *count > 500), "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_record_lingers_for_others_and_not_longer() {
    let setup = Setup::new(1).await;
    let writer = setup.client.write(WriteOptions::new().with_linger(Duration::from_secs(10)));
    let topic = writer.topic(TOPIC).await.unwrap();
    topic.send(NewRecord::value("0")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(9)).await;
    topic.send(NewRecord::value("1")).await.unwrap();
    assert!(setup.brokers.read(TOPIC, 0).unwrap().is_empty());
    tokio::time::sleep(Duration::from_secs(2)).await;
    setup.assert_each_once(1, 2);
    assert_eq!(setup.client.statistics().requests_of("Produce"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_sender_waits_while_the_memory_is_taken_and_loses_nothing() {
    let setup = Setup::new(4).await;
    let options = WriteOptions::new().with_memory(64 << 10).with_batch_bytes(8 << 10);
    let writer = setup.client.write(options.with_linger(Duration::from_secs(60)));
    write_numbers(&writer, 0..50_000, 4).await;
    flush(&writer).await.unwrap();
    setup.assert_each_once(4, 50_000);
}

#[tokio::test(start_paused = true)]
async fn a_full_writer_says_so_to_who_does_not_wait() {
    let setup = Setup::new(1).await;
    let writer = setup.client.write(WriteOptions::new().with_memory(64 << 10).with_batch_bytes(32 << 10));
    let topic = writer.topic(TOPIC).await.unwrap();
    let mut taken = 0;
    while topic.try_send(NewRecord::value(&taken.to_string())).unwrap() {
        taken += 1;
    }
    assert!(taken > 1_000, "{taken}");
    flush(&writer).await.unwrap();
    assert!(topic.try_send(NewRecord::value(&taken.to_string())).unwrap());
    flush(&writer).await.unwrap();
    setup.assert_each_once(1, taken + 1);
}

#[tokio::test(start_paused = true)]
async fn a_record_larger_than_a_batch_is_one_of_its_own() {
    let setup = Setup::of(builder().max_message_bytes(20 << 20), 2).await;
    let writer = setup.client.write(WriteOptions::new());
    let topic = writer.topic(TOPIC).await.unwrap();
    let large = vec![b'x'; 10 << 20];
    for _ in 0..5 {
        topic.send(NewRecord::value(&large).with_partition(1)).await.unwrap();
        topic.send(NewRecord::value("small").with_partition(1)).await.unwrap();
    }
    flush(&writer).await.unwrap();
    let lengths: Vec<_> = setup.values(2)[&1].iter().map(String::len).collect();
    assert_eq!(lengths, [large.len(), 5].repeat(5));
    let error = topic.send(NewRecord::value(&vec![0; 33 << 20])).await.unwrap_err();
    assert_eq!((error.kind(), error.possibly_written()), (ErrorKind::Misuse, false));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_exist_cannot_be_written_to() {
    let setup = Setup::new(2).await;
    let writer = setup.client.write(WriteOptions::new());
    let error = within(LIMIT, "the topic", writer.topic("nowhere")).await.unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
    let record = NewRecord::value("v");
    for partition in [2, -1, i32::MAX] {
        let error = writer.send(TOPIC, record.with_partition(partition)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn batches_of_every_codec_are_read_back() {
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd, Codec::Uncompressed] {
        let setup = Setup::new(2).await;
        let writer = setup.client.write(WriteOptions::new().with_codec(codec).with_batch_bytes(10_000));
        write_numbers(&writer, 0..5_000, 2).await;
        flush(&writer).await.unwrap();
        let seen = within(LIMIT, "reading", embedded::read_all(&setup.client, TOPIC)).await.unwrap();
        assert_eq!(seen, embedded::every_offset(2, 2_500), "{codec}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_is_dropped_tells_so_to_who_waits() {
    let setup = Setup::new(1).await;
    let writer = setup.client.write(WriteOptions::new().with_linger(Duration::from_secs(60)));
    let receipt = writer.topic(TOPIC).await.unwrap().send_with_receipt(NewRecord::value("v")).await.unwrap();
    drop(writer);
    let error = within(LIMIT, "the receipt", receipt).await.unwrap_err();
    assert_eq!((error.kind(), error.possibly_written()), (ErrorKind::Shutdown, false));
}

#[tokio::test(start_paused = true)]
async fn the_listener_is_told_about_every_batch() {
    let setup = Setup::new(3).await;
    let told = std::sync::Arc::new(std::sync::Mutex::new(BTreeMap::<i32, u32>::new()));
    let (to, options) = (told.clone(), WriteOptions::new().with_batch_bytes(3_000));
    let options = options.with_batch_listener(move |batch| {
        assert!(batch.base_offset.is_ok());
        *to.lock().unwrap().entry(batch.topic_partition.partition).or_default() += batch.records;
    });
    let writer = setup.client.write(options);
    write_numbers(&writer, 0..3_000, 3).await;
    flush(&writer).await.unwrap();
    assert_eq!(*told.lock().unwrap(), BTreeMap::from([(0, 1000), (1, 1000), (2, 1000)]));
}
