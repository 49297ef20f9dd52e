//! Reading from brokers in memory that do what real ones cannot be made to do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "reader/cluster.rs"]
mod cluster;
mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use cluster::{Brokers, Log, TOPIC};
use ottla::ids::TopicPartition;
use ottla::{Decoder, Error, ErrorKind, LossReason, OffsetRange, OnDataLoss, ReadOptions, Reader};
use support::within;

const LIMIT: Duration = Duration::from_secs(300);

/// The clock that tests pause.
#[expect(clippy::disallowed_methods, reason = "a fact about time needs one")]
fn now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// The offsets of every record by partition, in the order in which they came.
type Seen = BTreeMap<i32, Vec<i64>>;

async fn step(reader: &mut Reader, seen: &mut Seen) -> Result<bool, Error> {
    let Some(chunk) = within(LIMIT, "a chunk", reader.next()).await? else { return Ok(false) };
    let offsets = seen.entry(chunk.topic_partition().partition).or_default();
    chunk.for_each_record(&mut Decoder::new(), |record| {
        offsets.push(record.offset);
        Ok::<_, Error>(())
    })?;
    Ok(true)
}

async fn drain(mut reader: Reader) -> Result<Seen, Error> {
    let mut seen = Seen::new();
    while step(&mut reader, &mut seen).await? {}
    Ok(seen)
}

fn all(partitions: i32, until: i64) -> Seen {
    (0..partitions).map(|partition| (partition, (0..until).collect())).collect()
}

#[tokio::test(start_paused = true)]
async fn every_offset_of_a_range_comes_once_and_in_order() {
    let brokers = Brokers::new((0..50).map(|index| Log::new(1 + index % 2, 20, 10, 100)));
    let client = brokers.client().await;
    let seen = drain(client.read(brokers.ranges(), ReadOptions::new())).await.unwrap();
    assert_eq!(seen, all(50, 200));
    let statistics = client.statistics();
    assert_eq!((statistics.connections, statistics.requests_of("Metadata")), (2, 1));
    let part = OffsetRange::new(TopicPartition::new(TOPIC, 3), 15, 37);
    let seen = drain(client.read(vec![part], ReadOptions::new())).await.unwrap();
    assert_eq!(seen[&3], (15..37).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn several_ranges_of_one_partition_are_read() {
    let brokers = Brokers::new([Log::new(1, 20, 10, 100)]);
    let range = |from, until| OffsetRange::new(TopicPartition::new(TOPIC, 0), from, until);
    let ranges = vec![range(0, 55), range(55, 120), range(120, 200), range(7, 7)];
    let mut seen = drain(brokers.client().await.read(ranges, ReadOptions::new())).await.unwrap();
    seen.get_mut(&0).unwrap().sort_unstable();
    assert_eq!(seen, all(1, 200));
}

#[tokio::test(start_paused = true)]
async fn what_brokers_cut_off_costs_at_most_two_percent() {
    for (batches, value_bytes) in [(2000, 1000), (300, 10_000), (60, 200_000)] {
        let brokers = Brokers::new([1, 2, 1].map(|leader| Log::new(leader, batches, 8, value_bytes)));
        let client = brokers.client().await;
        let seen = drain(client.read(brokers.ranges(), ReadOptions::new())).await.unwrap();
        assert_eq!(seen, all(3, batches * 8));
        let state = brokers.state();
        let stored: usize = state.logs.values().flat_map(|log| &log.batches).map(|batch| batch.2.len()).sum();
        assert!(state.sent * 100 <= stored * 102, "{} of {stored} for {value_bytes}", state.sent);
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_larger_than_the_whole_budget_is_read() {
    let brokers = Brokers::new([1, 1, 2].map(|leader| Log::new(leader, 3, 2, 3 << 20)));
    let options = ReadOptions::new().with_byte_budget(64 << 10).with_response_bytes(16 << 10);
    assert_eq!(drain(brokers.client().await.read(brokers.ranges(), options)).await.unwrap(), all(3, 6));
}

#[tokio::test(start_paused = true)]
async fn a_silent_broker_holds_up_only_its_own_partitions() {
    let brokers = Brokers::new([1, 2].map(|leader| Log::new(leader, 50, 10, 20_000)));
    let client = brokers.client().await;
    let mut reader = client.read(brokers.ranges(), ReadOptions::new().with_byte_budget(3 << 20));
    let mut seen = Seen::new();
    step(&mut reader, &mut seen).await.unwrap();
    brokers.state().silent.insert(2);
    let began = now();
    while seen.get(&0).is_none_or(|offsets| offsets.len() < 500) {
        assert!(step(&mut reader, &mut seen).await.unwrap());
    }
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    brokers.state().silent.clear();
    while step(&mut reader, &mut seen).await.unwrap() {}
    assert_eq!(seen, all(2, 500));
}

#[tokio::test(start_paused = true)]
async fn a_slow_broker_holds_up_only_its_own_partitions() {
    let brokers = Brokers::new([1, 2].map(|leader| Log::new(leader, 50, 10, 20_000)));
    let client = brokers.client().await;
    brokers.state().slow.insert(2, Duration::from_millis(300));
    let mut reader = client.read(brokers.ranges(), ReadOptions::new().with_response_bytes(1 << 20));
    let mut seen = Seen::new();
    let mut order = Vec::new();
    while let Some(chunk) = within(LIMIT, "a chunk", reader.next()).await.unwrap() {
        let partition = chunk.topic_partition().partition;
        order.push(partition);
        let offsets = seen.entry(partition).or_default();
        chunk
            .for_each_record(&mut Decoder::new(), |record| {
                offsets.push(record.offset);
                Ok::<_, Error>(())
            })
            .unwrap();
    }
    assert_eq!(seen, all(2, 500));
    let last_of_the_fast = order.iter().rposition(|partition| *partition == 0).unwrap();
    let slow_before = order[..last_of_the_fast].iter().filter(|partition| **partition == 1).count();
    assert!(slow_before <= 1 && order.len() > 10, "{order:?}");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_stays_silent_is_an_error_after_the_deadline() {
    let brokers = Brokers::new([1, 2].map(|leader| Log::new(leader, 5, 10, 100)));
    let client = brokers.client().await;
    brokers.state().silent.insert(2);
    let began = now();
    let error = drain(client.read(brokers.ranges(), ReadOptions::new())).await.unwrap_err();
    assert!(error.is_retriable(), "{error}");
    assert!(began.elapsed() < Duration::from_secs(200), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn follows_a_leader_that_moves() {
    let brokers = Brokers::new([1, 2].map(|leader| Log::new(leader, 50, 10, 20_000)));
    let client = brokers.client().await;
    let mut reader = client.read(brokers.ranges(), ReadOptions::new());
    let mut seen = Seen::new();
    for leader in [2, 1, 2] {
        step(&mut reader, &mut seen).await.unwrap();
        brokers.state().logs.get_mut(&0).unwrap().leader = leader;
    }
    while step(&mut reader, &mut seen).await.unwrap() {}
    assert_eq!(seen, all(2, 500));
}

#[tokio::test(start_paused = true)]
async fn bytes_hurt_on_their_way_are_fetched_once_more() {
    let brokers = Brokers::new([Log::new(1, 5, 10, 100)]);
    brokers.state().damage = 1;
    assert_eq!(
        drain(brokers.client().await.read(brokers.ranges(), ReadOptions::new())).await.unwrap(),
        all(1, 50)
    );
    brokers.state().damage = u32::MAX;
    let error = drain(brokers.client().await.read(brokers.ranges(), ReadOptions::new())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert_eq!(error.topic_partition(), Some(&TopicPartition::new(TOPIC, 0)));
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_was_not_asked_for_is_an_error() {
    let brokers = Brokers::new([Log::new(1, 5, 10, 100)]);
    brokers.state().wrong_partition = true;
    let error = drain(brokers.client().await.read(brokers.ranges(), ReadOptions::new())).await.unwrap_err();
    assert_eq!((error.kind(), error.topic_partition().unwrap().partition), (ErrorKind::Protocol, 99));
}

#[tokio::test(start_paused = true)]
async fn offsets_that_retention_took_are_an_error_or_skipped_and_told() {
    let brokers = Brokers::new([Log::new(1, 5, 10, 100)]);
    let ranges = brokers.ranges();
    brokers.state().logs.get_mut(&0).unwrap().batches.drain(..2);
    brokers.state().logs.get_mut(&0).unwrap().start = 20;
    let client = brokers.client().await;
    let error = drain(client.read(ranges.clone(), ReadOptions::new())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DataLoss);
    assert!(error.to_string().contains("offsets 0 to 19"), "{error}");
    let mut reader = client.read(ranges, ReadOptions::new().with_data_loss(OnDataLoss::Skip));
    let mut seen = Seen::new();
    while step(&mut reader, &mut seen).await.unwrap() {}
    assert_eq!(seen[&0], (20..50).collect::<Vec<_>>());
    assert_eq!(reader.losses()[0].offsets, 0..20);
}

#[tokio::test(start_paused = true)]
async fn offsets_without_records_inside_the_log_are_no_loss() {
    let brokers = Brokers::new([Log::new(1, 5, 10, 100)]);
    let ranges = brokers.ranges();
    brokers.state().logs.get_mut(&0).unwrap().batches.drain(1..3);
    let seen = drain(brokers.client().await.read(ranges, ReadOptions::new())).await.unwrap();
    assert_eq!(seen[&0], (0..10).chain(30..50).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_does_not_compare_epochs_is_asked_where_they_ended() {
    for (on_data_loss, moved) in
        [(OnDataLoss::Fail, true), (OnDataLoss::Skip, true), (OnDataLoss::Fail, false)]
    {
        let brokers = Brokers::new([Log::new(1, 10, 10, 100)]);
        let client = brokers.client().await;
        let range = OffsetRange::new(TopicPartition::new(TOPIC, 0), 0, 150);
        let mut reader = client.read(vec![range], ReadOptions::new().with_data_loss(on_data_loss));
        let mut seen = Seen::new();
        step(&mut reader, &mut seen).await.unwrap();
        assert_eq!(seen, all(1, 100));
        let cut = if moved { 50 } else { 100 };
        {
            let mut state = brokers.state();
            let log = state.logs.get_mut(&0).unwrap();
            log.cut(2, cut);
            (0..10).for_each(|_| log.append(10, 100));
        }
        let outcome = async {
            while step(&mut reader, &mut seen).await? {}
            Ok::<_, Error>(())
        }
        .await;
        let requests = client.statistics().requests_of("OffsetForLeaderEpoch");
        assert_eq!(requests, 1);
        match (on_data_loss, moved) {
            (OnDataLoss::Fail, true) => {
                let error = outcome.unwrap_err();
                assert!(error.to_string().contains("offsets 50 to 99"), "{error}");
            }
            _ => {
                outcome.unwrap();
                assert_eq!(seen[&0], (0..100).chain(cut..150).collect::<Vec<_>>());
                let lost = reader.losses().iter().map(|loss| (loss.offsets.clone(), loss.reason));
                let expected = moved.then_some((50..100, LossReason::Truncated));
                assert_eq!(lost.collect::<Vec<_>>(), Vec::from_iter(expected));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn waits_beyond_the_end_on_a_connection_of_its_own() {
    let brokers = Brokers::new([Log::new(1, 0, 0, 0), Log::new(1, 5, 10, 100)]);
    let client = brokers.client().await;
    let beyond = OffsetRange::new(TopicPartition::new(TOPIC, 0), 0, 15);
    let ranges = vec![beyond, brokers.ranges().remove(1)];
    let mut reader = client.read(ranges, ReadOptions::new());
    let mut seen = Seen::new();
    let began = now();
    step(&mut reader, &mut seen).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
    for _ in 0..2 {
        let quiet = tokio::time::timeout(Duration::from_secs(3), step(&mut reader, &mut seen)).await;
        assert!(quiet.is_err());
        brokers.state().logs.get_mut(&0).unwrap().append(10, 100);
        assert!(step(&mut reader, &mut seen).await.unwrap());
    }
    assert!(!step(&mut reader, &mut seen).await.unwrap());
    assert_eq!(seen, Seen::from([(0, (0..15).collect()), (1, (0..50).collect())]));
    // The bootstrap may have been by the other broker.
    assert!(client.statistics().connections <= 3);
    assert!(brokers.state().fetches < 40, "{}", brokers.state().fetches);
}
