//! Answers that bring nothing though no error stands in them: what was asked for is left out, or named by a number
//! that is not its own, or its log called another one without saying where.

use std::time::Duration;

use ottla::{BrokerError, Error, ErrorKind, ReadOptions, Reader};
use ottla_testkit::{Action, ApiKey, Fault};

use super::{LIMIT, Seen, TOPIC, asked_in, client, is_quiet, now, range, read, write, write_named};
use crate::support::within;

const SECOND: Duration = Duration::from_secs(1);

/// Two partitions with ten records each.
fn brokers() -> ottla_testkit::Cluster {
    let brokers = ottla_testkit::Cluster::builder().start_in_memory().unwrap();
    brokers.create_topic(TOPIC, 2, 1).unwrap();
    (0..2).for_each(|partition| write(&brokers, partition, 10));
    brokers
}

fn left_out() -> Action {
    Action::LeaveOut { topic: TOPIC.to_owned(), partition: 0 }
}

/// An end beyond what was read, in the epoch of it: nothing of it is gone.
fn parts_nowhere() -> Action {
    Action::Diverge { topic: TOPIC.to_owned(), partition: 0, epoch: 0, end_offset: 1_000 }
}

/// Adds a fault of fetches, and waits until the polls of before are answered.
async fn add(brokers: &ottla_testkit::Cluster, action: Action) {
    brokers.faults().add(Fault::new(action).on_api(ApiKey::Fetch));
    tokio::time::sleep(SECOND).await;
}

/// A reading of both partitions that has read all that is there.
async fn begun(brokers: &ottla_testkit::Cluster) -> (Reader, Seen) {
    let ranges = vec![range(0, 0, 20), range(1, 0, 20)];
    let mut reader = client(brokers).await.read(ranges, ReadOptions::new());
    let mut seen = Seen::default();
    seen.until(&mut reader, 20).await.unwrap();
    (reader, seen)
}

/// The next error.
async fn failure(reader: &mut Reader) -> Error {
    within(LIMIT, "an error", async {
        loop {
            if let Err(error) = reader.next().await {
                return error;
            }
        }
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn what_an_answer_leaves_out_is_asked_for_ever_more_seldom_and_read_when_it_comes() {
    let brokers = brokers();
    add(&brokers, left_out()).await;
    let mut reader = client(&brokers).await.read(vec![range(0, 0, 10)], ReadOptions::new());
    assert!(is_quiet(&mut reader, 50 * SECOND).await);
    let asked = asked_in(&brokers, Duration::ZERO..60 * SECOND);
    assert!((5..=40).contains(&asked), "{:#?}", brokers.asked());
    brokers.faults().clear();
    let mut seen = Seen::default();
    seen.drain(&mut reader).await.unwrap();
    assert_eq!(seen.offsets[&0], (0..10).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_called_another_one_without_saying_where_is_asked_for_ever_more_seldom() {
    let brokers = brokers();
    let mut reader = client(&brokers).await.read(vec![range(0, 0, 20)], ReadOptions::new());
    let mut seen = Seen::default();
    seen.until(&mut reader, 10).await.unwrap();
    add(&brokers, parts_nowhere()).await;
    write(&brokers, 0, 10);
    assert!(is_quiet(&mut reader, 50 * SECOND).await);
    let asked = asked_in(&brokers, Duration::ZERO..60 * SECOND);
    assert!((5..=40).contains(&asked), "{:#?}", brokers.asked());
    brokers.faults().clear();
    seen.drain(&mut reader).await.unwrap();
    assert_eq!(seen.offsets[&0], (0..20).collect::<Vec<_>>());
    assert!(reader.losses().is_empty());
}

#[tokio::test(start_paused = true)]
async fn partitions_beside_one_that_brings_nothing_are_read_on() {
    for action in [left_out(), parts_nowhere()] {
        let brokers = brokers();
        let (mut reader, mut seen) = begun(&brokers).await;
        add(&brokers, action).await;
        (0..2).for_each(|partition| write(&brokers, partition, 10));
        let began = now();
        seen.until(&mut reader, 30).await.unwrap();
        assert_eq!(seen.offsets[&1], (0..20).collect::<Vec<_>>());
        assert!(began.elapsed() < 2 * SECOND, "{:?}", began.elapsed());
        brokers.faults().clear();
        seen.drain(&mut reader).await.unwrap();
        assert_eq!(seen.offsets[&0], (0..20).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_brings_nothing_for_the_whole_deadline_ends_the_reading() {
    for (action, says) in [(left_out(), "leaves out"), (parts_nowhere(), "UNKNOWN_LEADER_EPOCH")] {
        let brokers = brokers();
        let (mut reader, _) = begun(&brokers).await;
        add(&brokers, action).await;
        write(&brokers, 0, 10);
        let began = now();
        let error = failure(&mut reader).await;
        assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Broker(_)), "{error}");
        assert!(error.to_string().contains(says) && error.to_string().contains("t-0"), "{error}");
        assert!((59 * SECOND..66 * SECOND).contains(&began.elapsed()), "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_an_answer_leaves_out_or_tells_without_partitions_is_asked_for_again_and_then_unknown() {
    for partition in [-1, 0] {
        let brokers = ottla_testkit::Cluster::builder().start_in_memory().unwrap();
        brokers.create_topic(TOPIC, 1, 1).unwrap();
        let left_out = Action::LeaveOut { topic: TOPIC.to_owned(), partition };
        let fault = || Fault::new(left_out.clone()).on_api(ApiKey::Metadata);
        let client = client(&brokers).await;
        brokers.faults().add(fault().times(3));
        let told = within(LIMIT, "the topic", client.describe_topics(&[TOPIC.into()])).await.unwrap();
        assert_eq!(told[0].partitions.len(), 1);
        brokers.faults().add(fault().times(3));
        assert_eq!(within(LIMIT, "its partitions", client.partitions(TOPIC)).await.unwrap().len(), 1);
        brokers.faults().add(fault());
        let error = within(LIMIT, "an error", client.describe_topics(&[TOPIC.into()])).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Broker(BrokerError::UNKNOWN_TOPIC_OR_PARTITION), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fetch_answer_that_names_a_partition_twice_gives_nobody_the_records_of_another() {
    let brokers = ottla_testkit::Cluster::builder().start_in_memory().unwrap();
    brokers.create_topic(TOPIC, 4, 1).unwrap();
    (0..4).for_each(|partition| write_named(&brokers, partition, 10, &format!("{partition}-")));
    let client = client(&brokers).await;
    // The first request is for partitions 0 and 1: of its answer the index of the first becomes 1. Before it come
    // length, correlation id, tags, throttle time, error, session, the number of topics, an id and a number.
    let at = 4 + 4 + 1 + 4 + 2 + 4 + 1 + 16 + 1;
    let other = Action::Overwrite { at, bytes: vec![0, 0, 0, 1] };
    let fault = brokers.faults().add_numbered(Fault::new(other).on_api(ApiKey::Fetch).times(1));
    let ranges = (0..4).map(|partition| range(partition, 0, 10)).collect();
    let mut seen = read(&client, ranges, ReadOptions::new()).await.unwrap();
    assert_eq!(brokers.faults().hits(fault), 1);
    seen.values.sort_unstable();
    let written = (0..4).flat_map(|partition| (0..10).map(move |offset| format!("{partition}-{offset}")));
    assert_eq!(seen.values, written.collect::<Vec<_>>());
}
