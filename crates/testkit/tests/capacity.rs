//! How much a cluster carries. `cargo test --release -p ottla-testkit --test capacity` demands what is
//! promised; without optimisation the bounds are loose, and catch what is wrong by a factor.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test stops at the first thing that is wrong, and measures time"
)]

mod support;

use std::time::Duration;

use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::*;
use ottla_testkit::{Cluster, Protocol, Record};
use support::Client;

/// Records of 100 B a second, client and broker on one core.
const RATE: i128 = if cfg!(debug_assertions) { 20_000 } else { 500_000 };
const START: Duration = Duration::from_millis(if cfg!(debug_assertions) { 2_000 } else { 200 });

fn fetch(offset: i64) -> FetchRequest {
    let partition = FetchPartition::default()
        .with_fetch_offset(offset)
        .with_current_leader_epoch(-1)
        .with_last_fetched_epoch(-1)
        .with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default().with_topic(TopicName("t".into())).with_partitions(vec![partition]);
    FetchRequest::default().with_max_bytes(1 << 20).with_topics(vec![topic])
}

/// The last offset of the last whole batch, plus one.
fn next_offset(mut records: &[u8]) -> i64 {
    let mut next = 0;
    while records.len() >= 61 {
        let length = usize::try_from(i32::from_be_bytes(records[8..12].try_into().unwrap())).unwrap() + 12;
        if length > records.len() {
            break;
        }
        let base = i64::from_be_bytes(records[..8].try_into().unwrap());
        next = base + i64::from(i32::from_be_bytes(records[23..27].try_into().unwrap())) + 1;
        records = &records[length..];
    }
    next
}

#[tokio::test]
async fn one_client_is_served_many_records() {
    let cluster = Cluster::builder().start_tcp().await.unwrap();
    cluster.create_topic("t", 1, 1).unwrap();
    let record = Record::value(vec![b'x'; 100]);
    for _ in 0..200 {
        cluster.write("t", 0, &vec![record.clone(); 1_000]).unwrap();
    }
    let mut client = Client::tcp(&cluster, 1, Protocol::Plaintext).await;
    let started = std::time::Instant::now();
    let (mut offset, mut records) = (0, 0_i64);
    while started.elapsed() < Duration::from_millis(500) || records < 200_000 {
        let answer = client.call(fetch(offset), 12).await.unwrap();
        let read = next_offset(answer.responses[0].partitions[0].records.as_ref().unwrap());
        records += (read - offset).max(0);
        offset = if read == 200_000 { 0 } else { read };
    }
    let rate = i128::from(records) * 1_000_000 / i128::try_from(started.elapsed().as_micros()).unwrap();
    println!("{rate} records/s of 100 B");
    assert!(rate >= RATE);
}

#[tokio::test]
async fn a_thousand_partitions_start_at_once() {
    let started = std::time::Instant::now();
    let cluster = Cluster::builder().brokers(3).start_tcp().await.unwrap();
    cluster.create_topic("t", 1_000, 3).unwrap();
    println!("1,000 partitions on 3 brokers started in {:?}", started.elapsed());
    assert!(started.elapsed() < START);
    assert_eq!(cluster.offsets("t", 999).unwrap().end, 0);
}
