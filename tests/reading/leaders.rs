//! Partitions whose leader is away, moves, or is not there yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ottla::ids::TopicPartition;
use ottla::{Connect, Connecting, ErrorKind, OffsetRange, ReadOptions};
use ottla_testkit::{Action, ApiKey, BrokerId, Fault, TopicOperation};

use super::support::embedded::{Pipes, pipes};
use super::{Seen, TOPIC, asked_in, brokers, client, config, is_quiet, now, range, read, write};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_broker_that_restarts_is_read_on() {
    for away in [1, 20, 50] {
        let brokers = brokers(1);
        write(&brokers, 0, 10);
        let client = client(&brokers).await;
        let mut reader = client.read(vec![range(0, 0, i64::MAX)], ReadOptions::new());
        let mut seen = Seen::default();
        seen.until(&mut reader, 10).await.unwrap();
        brokers.stop_broker(BrokerId(1)).unwrap();
        assert!(is_quiet(&mut reader, away * SECOND).await);
        brokers.start_broker(BrokerId(1)).unwrap();
        write(&brokers, 0, 10);
        let began = now();
        seen.until(&mut reader, 20).await.unwrap();
        assert_eq!(seen.offsets[&0], (0..20).collect::<Vec<_>>());
        assert!(began.elapsed() < 8 * SECOND, "{:?} after {away} s", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_is_without_a_leader_for_a_while_is_read_on() {
    let brokers = brokers(2);
    brokers.create_topic("other", 2, 1).unwrap();
    write(&brokers, 0, 10);
    let client = client(&brokers).await;
    let mut reader = client.read(vec![range(0, 0, 30)], ReadOptions::new());
    let mut seen = Seen::default();
    seen.until(&mut reader, 10).await.unwrap();
    // Another broker is left to tell that there is no leader.
    let leader = client.describe_topics(&[TOPIC.into()]).await.unwrap()[0].partitions[0].leader.unwrap();
    brokers.stop_broker(BrokerId(leader.0)).unwrap();
    assert!(is_quiet(&mut reader, 50 * SECOND).await);
    brokers.start_broker(BrokerId(leader.0)).unwrap();
    write(&brokers, 0, 20);
    seen.drain(&mut reader).await.unwrap();
    assert_eq!(seen.offsets[&0], (0..30).collect::<Vec<_>>());
    assert!(asked_in(&brokers, 5 * SECOND..60 * SECOND) <= 40, "{:#?}", brokers.asked());
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_moves_after_an_hour_of_silence_is_followed() {
    let brokers = ottla_testkit::Cluster::builder().brokers(3).start_in_memory().unwrap();
    brokers.create_topic(TOPIC, 1, 3).unwrap();
    brokers.move_leader(TOPIC, 0, BrokerId(1)).unwrap();
    let client = client(&brokers).await;
    let mut reader = client.read(vec![range(0, 0, i64::MAX)], ReadOptions::new());
    assert!(is_quiet(&mut reader, 3_600 * SECOND).await);
    brokers.move_leader(TOPIC, 0, BrokerId(2)).unwrap();
    write(&brokers, 0, 10);
    let (began, mut seen) = (now(), Seen::default());
    seen.until(&mut reader, 10).await.unwrap();
    assert!(began.elapsed() < 2 * SECOND, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_is_made_after_the_reading_began_is_read() {
    let brokers = brokers(1);
    brokers.delete_topic(TOPIC).unwrap();
    let client = client(&brokers).await;
    let mut reader = client.read(vec![range(0, 0, 10)], ReadOptions::new());
    assert!(is_quiet(&mut reader, 40 * SECOND).await);
    brokers.create_topic(TOPIC, 1, 1).unwrap();
    write(&brokers, 0, 10);
    let mut seen = Seen::default();
    seen.drain(&mut reader).await.unwrap();
    assert_eq!(seen.offsets[&0], (0..10).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_brings_nothing_for_the_whole_deadline_is_an_error() {
    let brokers = brokers(1);
    brokers.delete_topic(TOPIC).unwrap();
    let client = client(&brokers).await;
    let began = now();
    let error = read(&client, vec![range(0, 0, 10)], ReadOptions::new()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Broker(code) if code.code() == 3), "{error}");
    assert_eq!(error.topic_partition().unwrap().partition, 0);
    assert!((60 * SECOND..63 * SECOND).contains(&began.elapsed()), "{:?}", began.elapsed());
    assert!(asked_in(&brokers, Duration::ZERO..60 * SECOND) <= 40, "{:#?}", brokers.asked());
}

/// Pipes of which one broker's can hang.
struct Hanging {
    pipes: Pipes,
    hangs: Arc<AtomicBool>,
}

impl Connect for Hanging {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        match host == "broker-1" && self.hangs.load(Ordering::Relaxed) {
            true => Box::pin(std::future::pending()),
            false => self.pipes.connect(host, port),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_dial_to_the_old_leader_does_not_hold_up_what_another_broker_leads_by_now() {
    let brokers = brokers(3);
    brokers.delete_topic(TOPIC).unwrap();
    brokers.create_topic(TOPIC, 2, 3).unwrap();
    brokers.move_leader(TOPIC, 0, BrokerId(1)).unwrap();
    brokers.move_leader(TOPIC, 1, BrokerId(3)).unwrap();
    let hangs = Arc::new(AtomicBool::new(false));
    let hanging = Hanging { pipes: pipes(&brokers), hangs: Arc::clone(&hangs) };
    let client = ottla::Cluster::connect(config(&brokers).with_connector(hanging)).await.unwrap();
    let ranges = vec![range(0, 0, i64::MAX), range(1, 0, i64::MAX)];
    let mut reader = client.read(ranges, ReadOptions::new());
    assert!(is_quiet(&mut reader, 5 * SECOND).await);
    hangs.store(true, Ordering::Relaxed);
    brokers.close_connections(BrokerId(1)).unwrap();
    assert!(is_quiet(&mut reader, 3 * SECOND).await, "it is dialled");
    for partition in [0, 1] {
        brokers.move_leader(TOPIC, partition, BrokerId(2)).unwrap();
        write(&brokers, partition, 10);
    }
    let began = now();
    let mut seen = Seen::default();
    seen.until(&mut reader, 20).await.unwrap();
    assert!(began.elapsed() < 2 * SECOND, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_falls_silent_is_left_within_a_second_of_the_moment_when_metadata_names_another_leader()
{
    // In a long poll, and in the midst of what there is.
    for records in [0, 20] {
        for lasts in [2_000, 6_000, 10_350, 15_800].map(Duration::from_millis) {
            let brokers = brokers(3);
            brokers.delete_topic(TOPIC).unwrap();
            brokers.create_topic(TOPIC, 2, 3).unwrap();
            brokers.move_leader(TOPIC, 0, BrokerId(1)).unwrap();
            brokers.move_leader(TOPIC, 1, BrokerId(3)).unwrap();
            let client = client(&brokers).await;
            let ranges = vec![range(0, 0, i64::MAX), range(1, 0, i64::MAX)];
            let mut reader = client.read(ranges, ReadOptions::new());
            if records == 0 {
                assert!(is_quiet(&mut reader, 5 * SECOND).await);
            } else {
                write(&brokers, 0, records);
            }
            brokers.faults().add(Fault::new(Action::Stall).on_broker(BrokerId(1)));
            assert!(is_quiet(&mut reader, lasts).await);
            write(&brokers, 1, 10);
            let (began, mut seen) = (now(), Seen::default());
            seen.until(&mut reader, 10).await.unwrap();
            assert!(began.elapsed() < SECOND / 10, "others wait for {:?}", began.elapsed());
            brokers.move_leader(TOPIC, 0, BrokerId(2)).unwrap();
            write(&brokers, 0, 10);
            let began = now();
            let all = usize::try_from(records).unwrap() + 20;
            seen.until(&mut reader, all).await.unwrap();
            assert!(began.elapsed() <= SECOND, "{lasts:?} {:?}", began.elapsed());
            assert_eq!(seen.offsets[&0], (0..records + 10).collect::<Vec<_>>());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_leads_what_a_silent_broker_led_is_asked_at_most_forty_times_a_minute() {
    let brokers = brokers(3);
    brokers.delete_topic(TOPIC).unwrap();
    brokers.create_topic(TOPIC, 1, 3).unwrap();
    brokers.move_leader(TOPIC, 0, BrokerId(1)).unwrap();
    let client = client(&brokers).await;
    let mut reader = client.read(vec![range(0, 0, i64::MAX)], ReadOptions::new());
    assert!(is_quiet(&mut reader, 5 * SECOND).await);
    brokers.faults().add(Fault::new(Action::Stall).on_broker(BrokerId(1)));
    assert!(is_quiet(&mut reader, 59 * SECOND).await);
    let asked = asked_in(&brokers, 5 * SECOND..64 * SECOND);
    assert!((20..=40).contains(&asked), "{asked}: {:#?}", brokers.asked());
}

#[tokio::test(start_paused = true)]
async fn answers_about_leaders_that_break_the_protocol_three_times_end_a_reading() {
    let brokers = brokers(1);
    let client = client(&brokers).await;
    let hostile = Action::Overwrite { at: 8, bytes: vec![0x7f; 8] };
    brokers.faults().add(Fault::new(hostile).on_api(ApiKey::Metadata));
    let began = now();
    let error = read(&client, vec![range(0, 0, 10)], ReadOptions::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    assert!(began.elapsed() < 5 * SECOND, "{:?}", began.elapsed());
    let asked = brokers.asked().into_iter().filter(|one| one.api == ApiKey::Metadata).count();
    assert_eq!(asked, 3);
}

#[tokio::test(start_paused = true)]
async fn a_denial_that_may_have_passed_is_asked_about_also_beside_a_topic_that_is_known() {
    let brokers = brokers(1);
    brokers.create_topic("other", 2, 1).unwrap();
    write(&brokers, 0, 1);
    brokers.write("other", 1, &[ottla_testkit::Record::value("v")]).unwrap();
    let deny = |denied| {
        for operation in [TopicOperation::Read, TopicOperation::Write] {
            brokers.set_denied("other", operation, denied);
        }
    };
    let both = || vec![range(0, 0, 1), OffsetRange::new(TopicPartition::new("other", 1), 0, 1)];
    let client = client(&brokers).await;
    deny(true);
    let error = read(&client, both(), ReadOptions::new()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Broker(code) if code.code() == 29), "{error}");
    deny(false);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let slow = Action::Delay(Duration::from_secs(3));
    brokers.faults().add(Fault::new(slow).on_api(ApiKey::Metadata).times(1));
    let seen = read(&client, both(), ReadOptions::new()).await.unwrap();
    assert_eq!((seen.offsets[&0].len(), seen.offsets[&1].len()), (1, 1));
}
