//! Ranges that wait for their turn beside others: that time is no silence of their broker's.

use std::time::Duration;

use ottla::{Error, ErrorKind, OffsetRange, ReadOptions, Reader};
use ottla_testkit::{Action, ApiKey, BrokerId, Fault, Record};

use super::support::within;
use super::{LIMIT, Seen, TOPIC, client, config, now, range, read, write};

const SECOND: Duration = Duration::from_secs(1);

/// What a reading may go without progress.
const DEADLINE: Duration = Duration::from_secs(10);

/// So many ranges of three batches, of which each answer brings one.
const RANGES: i64 = 40;

/// A broker with a topic of so many partitions, in each so many batches of which an answer has room for one.
fn large_batches(partitions: i32, batches: i64) -> ottla_testkit::Cluster {
    let brokers = ottla_testkit::Cluster::builder().start_in_memory().unwrap();
    brokers.create_topic(TOPIC, partitions, 1).unwrap();
    let record = Record::value(vec![b'v'; 10_000]);
    for partition in 0..partitions {
        for _ in 0..batches {
            brokers.write(TOPIC, partition, std::slice::from_ref(&record)).unwrap();
        }
    }
    brokers
}

/// Reads so many chunks, each of which the application looks at for half a second.
async fn slowly(reader: &mut Reader, seen: &mut Seen, chunks: usize) -> Result<(), Error> {
    for _ in 0..chunks {
        assert!(seen.step(reader).await?, "the end after {} records", seen.values.len());
        tokio::time::sleep(SECOND / 2).await;
    }
    Ok(())
}

/// A reading whose broker was away for a moment, and whose ranges had no second turn yet for longer than the deadline.
async fn queue_after_an_outage(brokers: &ottla_testkit::Cluster, ranges: Vec<OffsetRange>) -> (Reader, Seen) {
    let client = ottla::Cluster::connect(config(brokers).with_deadline(DEADLINE)).await.unwrap();
    let options = ReadOptions::new().with_response_bytes(16 << 10).with_byte_budget(64 << 10);
    let (mut reader, mut seen) = (client.read(ranges, options), Seen::default());
    seen.step(&mut reader).await.unwrap();
    brokers.stop_broker(BrokerId(1)).unwrap();
    while tokio::time::timeout(3 * SECOND, seen.step(&mut reader)).await.is_ok() {}
    brokers.start_broker(BrokerId(1)).unwrap();
    let began = now();
    slowly(&mut reader, &mut seen, 25).await.unwrap();
    assert!(began.elapsed() > DEADLINE, "{:?}", began.elapsed());
    (reader, seen)
}

#[tokio::test(start_paused = true)]
async fn partitions_that_waited_for_their_turn_since_an_outage_are_not_given_up_at_the_next_failure() {
    let partitions = i32::try_from(RANGES).unwrap();
    let brokers = large_batches(partitions, 3);
    let ranges = (0..partitions).map(|partition| range(partition, 0, 3)).collect();
    let (mut reader, mut seen) = queue_after_an_outage(&brokers, ranges).await;
    brokers.close_connections(BrokerId(1)).unwrap();
    seen.drain(&mut reader).await.unwrap();
    for partition in 0..partitions {
        assert_eq!(seen.offsets[&partition], [0, 1, 2], "{partition}");
    }
}

#[tokio::test(start_paused = true)]
async fn ranges_of_one_partition_that_waited_for_their_turn_are_not_given_up_when_it_is_refused_once() {
    let brokers = large_batches(1, 3 * RANGES);
    let ranges = (0..RANGES).map(|part| range(0, 3 * part, 3 * part + 3)).collect();
    let (mut reader, mut seen) = queue_after_an_outage(&brokers, ranges).await;
    let refused = Action::RefusePartition { topic: TOPIC.to_owned(), partition: 0, code: 6 };
    brokers.faults().add(Fault::new(refused).on_api(ApiKey::Fetch).times(1));
    seen.drain(&mut reader).await.unwrap();
    let mut offsets = seen.offsets.remove(&0).unwrap();
    offsets.sort_unstable();
    assert_eq!(offsets, (0..3 * RANGES).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_takes_connections_and_answers_no_fetch_ends_a_reading_at_the_deadline() {
    for partitions in [1, 100] {
        let brokers = large_batches(partitions, 1);
        let client = client(&brokers).await;
        brokers.faults().add(Fault::new(Action::CloseBefore).on_api(ApiKey::Fetch));
        let ranges = (0..partitions).map(|partition| range(partition, 0, 1)).collect();
        let began = now();
        let error = read(&client, ranges, ReadOptions::new()).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Closed | ErrorKind::Connect), "{error}");
        assert!((60 * SECOND..70 * SECOND).contains(&began.elapsed()), "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_never_tells_where_its_epochs_end_ends_a_reading_at_the_deadline() {
    let refused = Action::RefusePartition { topic: TOPIC.to_owned(), partition: 0, code: 75 };
    for action in [Action::Stall, refused] {
        let brokers = ottla_testkit::Cluster::builder().brokers(3).newest(ApiKey::Fetch, 11);
        let brokers = brokers.start_in_memory().unwrap();
        brokers.create_topic(TOPIC, 1, 3).unwrap();
        brokers.move_leader(TOPIC, 0, BrokerId(1)).unwrap();
        write(&brokers, 0, 10);
        let mut reader = client(&brokers).await.read(vec![range(0, 0, 20)], ReadOptions::new());
        Seen::default().until(&mut reader, 10).await.unwrap();
        brokers.faults().add(Fault::new(action).on_api(ApiKey::OffsetForLeaderEpoch));
        brokers.move_leader(TOPIC, 0, BrokerId(2)).unwrap();
        let began = now();
        within(LIMIT, "an error", reader.next()).await.unwrap_err();
        assert!((59 * SECOND..66 * SECOND).contains(&began.elapsed()), "{:?}", began.elapsed());
    }
}
