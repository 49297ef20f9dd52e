//! Offsets without records: compaction, markers, transactions.

use std::time::Duration;

use ottla::{IsolationLevel, ReadOptions};
use ottla_testkit::{ApiKey, Record};

use super::{TOPIC, brokers, client, range, read, write};

/// A hundred records, a hole from 100 to 5098, and the last ones.
fn compacted() -> ottla_testkit::Cluster {
    let brokers = brokers(1);
    (0..52).for_each(|_| write(&brokers, 0, 100));
    brokers.compact(TOPIC, 0, |offset| !(100..5099).contains(&offset)).unwrap();
    brokers
}

#[tokio::test(start_paused = true)]
async fn a_range_that_ends_in_a_hole_ends() {
    let brokers = compacted();
    let client = client(&brokers).await;
    for until in [100, 101, 3000, 5098, 5099] {
        let seen = read(&client, vec![range(0, 0, until)], ReadOptions::new()).await.unwrap();
        assert_eq!(seen.offsets[&0], (0..100).collect::<Vec<_>>(), "until {until}");
    }
    let seen = read(&client, vec![range(0, 200, 3000)], ReadOptions::new()).await.unwrap();
    assert_eq!(seen.values.len(), 0);
    assert!(brokers.counters().requests(ApiKey::Fetch) < 30, "{:?}", brokers.counters());
}

#[tokio::test(start_paused = true)]
async fn a_compacted_partition_can_be_split_anywhere() {
    let brokers = compacted();
    let client = client(&brokers).await;
    for length in [7, 1000, 2600] {
        let ranges = (0..5200).step_by(length);
        let ranges = ranges.map(|from| range(0, from, (from + length as i64).min(5200))).collect();
        let mut seen = read(&client, ranges, ReadOptions::new()).await.unwrap();
        let offsets = seen.offsets.get_mut(&0).unwrap();
        offsets.sort_unstable();
        assert_eq!(*offsets, (0..100).chain(5099..5200).collect::<Vec<_>>());
    }
}

/// Ten committed records and a marker, ten aborted ones and a marker, an open transaction.
fn transactions() -> ottla_testkit::Cluster {
    let brokers = brokers(1);
    let records: Vec<Record> = (0..10).map(|_| Record::value("x")).collect();
    for committed in [true, false] {
        let producer = brokers.write_in_transaction(TOPIC, 0, None, &records).unwrap();
        brokers.end_transaction(TOPIC, 0, producer, committed).unwrap();
    }
    brokers.write_in_transaction(TOPIC, 0, None, &records).unwrap();
    brokers
}

#[tokio::test(start_paused = true)]
async fn a_range_may_end_at_in_or_after_a_marker() {
    let brokers = transactions();
    let client = client(&brokers).await;
    let committed = ReadOptions::new().with_isolation_level(IsolationLevel::ReadCommitted);
    for (from, until, expected) in
        [(0, 10, 10), (0, 11, 10), (5, 12, 5), (0, 21, 10), (0, 22, 10), (10, 22, 0)]
    {
        let seen = read(&client, vec![range(0, from, until)], committed.clone()).await.unwrap();
        assert_eq!(seen.values.len(), expected, "{from} to {until}, committed");
    }
    for (from, until, expected) in [(0, 11, 10), (10, 11, 0), (10, 22, 10), (0, 32, 30)] {
        let seen = read(&client, vec![range(0, from, until)], ReadOptions::new()).await.unwrap();
        assert_eq!(seen.values.len(), expected, "{from} to {until}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_range_beyond_the_last_stable_offset_ends_when_the_transaction_does() {
    let brokers = transactions();
    let client = client(&brokers).await;
    let committed = ReadOptions::new().with_isolation_level(IsolationLevel::ReadCommitted);
    let mut reader = client.read(vec![range(0, 11, 33)], committed);
    let mut seen = super::Seen::default();
    let waited = tokio::time::timeout(Duration::from_secs(100), seen.drain(&mut reader)).await;
    assert!(waited.is_err() && seen.values.is_empty(), "{waited:?}");
    let producer = brokers.appended(TOPIC, 0).last().unwrap().producer_id();
    brokers.end_transaction(TOPIC, 0, producer, true).unwrap();
    seen.drain(&mut reader).await.unwrap();
    assert_eq!(seen.offsets[&0], (22..32).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_hole_before_an_open_transaction_is_waited_in() {
    let brokers = brokers(1);
    write(&brokers, 0, 10);
    brokers.compact(TOPIC, 0, |offset| offset < 5).unwrap();
    let records: Vec<Record> = (0..5).map(|number| Record::value(format!("open{number}"))).collect();
    let producer = brokers.write_in_transaction(TOPIC, 0, None, &records).unwrap();
    let options = ReadOptions::new().with_isolation_level(IsolationLevel::ReadCommitted);
    let mut reader = client(&brokers).await.read(vec![range(0, 0, 15)], options);
    let mut seen = super::Seen::default();
    seen.until(&mut reader, 5).await.unwrap();
    assert!(super::is_quiet(&mut reader, Duration::from_secs(300)).await);
    brokers.end_transaction(TOPIC, 0, producer, true).unwrap();
    seen.drain(&mut reader).await.unwrap();
    assert_eq!(seen.offsets[&0], (0..5).chain(10..15).collect::<Vec<_>>());
}
