//! How much a cluster carries, by the processor that it takes: client and brokers run on one thread, and a
//! busy machine changes nothing.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is wrong"
)]

mod support;

use std::time::Duration;

use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::*;
use ottla_testkit::{Cluster, Protocol, Record};
use support::Client;

/// How long this thread had a processor.
fn on_processor() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

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
    let before = on_processor();
    let (mut offset, mut records) = (0, 0_i64);
    while records < 2_000_000 {
        let answer = client.call(fetch(offset), 12).await.unwrap();
        let read = next_offset(answer.responses[0].partitions[0].records.as_ref().unwrap());
        records += (read - offset).max(0);
        offset = if read == 200_000 { 0 } else { read };
    }
    let took = on_processor() - before;
    let rate = i128::from(records) * 1_000_000 / i128::try_from(took.as_micros()).unwrap();
    println!("{rate} records/s of 100 B");
    assert!(rate >= 500_000);
}

#[tokio::test]
async fn a_thousand_partitions_start_at_once() {
    let before = on_processor();
    let cluster = Cluster::builder().brokers(3).start_tcp().await.unwrap();
    cluster.create_topic("t", 1_000, 3).unwrap();
    let took = on_processor() - before;
    println!("1,000 partitions on 3 brokers started in {took:?}");
    assert!(took < Duration::from_millis(200));
    assert_eq!(cluster.offsets("t", 999).unwrap().end, 0);
}
