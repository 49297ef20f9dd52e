//! Records that were there and are no longer: deleted, cut off, with their whole topic.

use std::time::Duration;

use ottla::{Error, ErrorKind, LossReason, OnDataLoss, ReadOptions, Reader};
use ottla_testkit::{BrokerId, KafkaVersion};

use super::{Seen, TOPIC, client, is_quiet, range, read, write, write_named};

fn skip() -> ReadOptions {
    ReadOptions::new().with_data_loss(OnDataLoss::Skip)
}

/// Two brokers of a version, with ten batches of ten records.
fn filled(version: KafkaVersion) -> ottla_testkit::Cluster {
    let brokers = ottla_testkit::Cluster::builder().brokers(2).kafka(version).start_in_memory().unwrap();
    brokers.create_topic(TOPIC, 1, 2).unwrap();
    brokers.move_leader(TOPIC, 0, BrokerId(1)).unwrap();
    (0..10).for_each(|_| write_named(&brokers, 0, 10, "old"));
    brokers
}

/// A reader that has read the hundred records.
async fn begun(brokers: &ottla_testkit::Cluster, until: i64, options: ReadOptions) -> (Reader, Seen) {
    let mut reader = client(brokers).await.read(vec![range(0, 0, until)], options);
    let mut seen = Seen::default();
    seen.until(&mut reader, 100).await.unwrap();
    (reader, seen)
}

/// Has the log begin anew at offset 50, with a hundred records.
fn cut_off(brokers: &ottla_testkit::Cluster) {
    brokers.unclean_leader(TOPIC, 0, BrokerId(2), 50).unwrap();
    (0..10).for_each(|_| write_named(brokers, 0, 10, "new"));
}

fn lost(reader: &Reader) -> Vec<(std::ops::Range<i64>, LossReason)> {
    reader.losses().iter().map(|loss| (loss.offsets.clone(), loss.reason)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_log_that_was_cut_off_is_an_error_that_names_the_offsets() {
    for version in [KafkaVersion::V3_9, KafkaVersion::V4_3] {
        let brokers = filled(version);
        let (mut reader, mut seen) = begun(&brokers, i64::MAX, ReadOptions::new()).await;
        cut_off(&brokers);
        let error = seen.step(&mut reader).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DataLoss);
        let text = error.to_string();
        assert!(text.contains("offsets 50 to 99") && text.contains("the log was cut off"), "{text}");
        assert_eq!(seen.values.len(), 100);
    }
}

#[tokio::test(start_paused = true)]
async fn reading_goes_on_where_the_logs_part_if_losses_are_skipped() {
    for (version, until) in
        [(KafkaVersion::V3_9, 150), (KafkaVersion::V4_3, 150), (KafkaVersion::V4_3, i64::MAX)]
    {
        let brokers = filled(version);
        let (mut reader, mut seen) = begun(&brokers, until, skip()).await;
        cut_off(&brokers);
        seen.until(&mut reader, 200).await.unwrap();
        let new: Vec<String> = (50..150).map(|offset| format!("new{offset}")).collect();
        assert_eq!(seen.values[100..], new);
        assert_eq!(lost(&reader), [(50..100, LossReason::Truncated)]);
        if until == 150 {
            assert!(!seen.step(&mut reader).await.unwrap());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_was_cut_off_and_has_nothing_new_yet_is_waited_for() {
    let brokers = filled(KafkaVersion::default());
    let (mut reader, mut seen) = begun(&brokers, i64::MAX, skip()).await;
    brokers.unclean_leader(TOPIC, 0, BrokerId(2), 50).unwrap();
    assert!(is_quiet(&mut reader, Duration::from_secs(200)).await);
    assert_eq!(lost(&reader), [(50..100, LossReason::Truncated)]);
    write_named(&brokers, 0, 10, "new");
    seen.until(&mut reader, 110).await.unwrap();
    assert_eq!(seen.offsets[&0][100..], (50..60).collect::<Vec<_>>());
}

/// Deletes the topic and makes another one under its name.
async fn make_anew(brokers: &ottla_testkit::Cluster, records: i64) {
    brokers.delete_topic(TOPIC).unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    brokers.create_topic(TOPIC, 1, 2).unwrap();
    write_named(brokers, 0, records, "anew");
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_is_made_anew_is_an_error() {
    for until in [150, i64::MAX] {
        let brokers = filled(KafkaVersion::default());
        let (mut reader, mut seen) = begun(&brokers, until, ReadOptions::new()).await;
        make_anew(&brokers, 200).await;
        let error = seen.step(&mut reader).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DataLoss);
        assert!(error.to_string().contains("deleted and made again"), "{error}");
        assert_eq!(seen.values.len(), 100, "nothing of the new one is given");
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_is_made_anew_ends_a_range_and_begins_one_without_an_end_again() {
    let brokers = filled(KafkaVersion::default());
    let (mut reader, mut seen) = begun(&brokers, 150, skip()).await;
    make_anew(&brokers, 200).await;
    assert!(!seen.step(&mut reader).await.unwrap());
    assert_eq!(lost(&reader), [(100..150, LossReason::Recreated)]);

    let brokers = filled(KafkaVersion::default());
    let (mut reader, mut seen) = begun(&brokers, i64::MAX, skip()).await;
    make_anew(&brokers, 200).await;
    seen.until(&mut reader, 300).await.unwrap();
    assert_eq!(seen.offsets[&0][100..], (0..200).collect::<Vec<_>>());
    assert!(seen.values[100..].iter().all(|value| value.starts_with("anew")));
    assert_eq!(lost(&reader), [(100..100, LossReason::Recreated)]);
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_is_made_anew_without_a_partition_ends_its_range() {
    let brokers = super::brokers(1);
    brokers.delete_topic(TOPIC).unwrap();
    brokers.create_topic(TOPIC, 2, 1).unwrap();
    (0..2).for_each(|partition| write(&brokers, partition, 10));
    let mut reader = client(&brokers).await.read(vec![range(0, 0, 20), range(1, 0, 20)], skip());
    let mut seen = Seen::default();
    seen.until(&mut reader, 20).await.unwrap();
    brokers.delete_topic(TOPIC).unwrap();
    brokers.create_topic(TOPIC, 1, 1).unwrap();
    seen.drain(&mut reader).await.unwrap();
    let mut losses = lost(&reader);
    losses.sort_by_key(|(offsets, _)| offsets.start);
    assert_eq!(losses, [(10..20, LossReason::Recreated), (10..20, LossReason::Recreated)]);
}

#[tokio::test(start_paused = true)]
async fn deleted_records_are_told_with_their_reason() {
    let brokers = filled(KafkaVersion::default());
    brokers.delete_records_before(TOPIC, 0, 35).unwrap();
    let mut reader = client(&brokers).await.read(vec![range(0, 0, 100)], skip());
    let mut seen = Seen::default();
    seen.drain(&mut reader).await.unwrap();
    assert_eq!(seen.offsets[&0], (35..100).collect::<Vec<_>>());
    assert_eq!(lost(&reader), [(0..35, LossReason::Deleted)]);
}

#[tokio::test(start_paused = true)]
async fn a_range_that_begins_beyond_the_end_of_the_log_is_an_error_that_names_the_end() {
    let brokers = super::brokers(1);
    write(&brokers, 0, 42);
    let client = client(&brokers).await;
    for (until, options) in [(120, ReadOptions::new()), (i64::MAX, ReadOptions::new()), (i64::MAX, skip())] {
        let error: Error = read(&client, vec![range(0, 99, until)], options).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("offset 99 lies beyond the end of the log, which is offset 42"), "{text}");
    }
    let mut at_the_end = client.read(vec![range(0, 42, i64::MAX)], ReadOptions::new());
    assert!(is_quiet(&mut at_the_end, Duration::from_secs(100)).await);
}
