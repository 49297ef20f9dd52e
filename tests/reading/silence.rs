//! Brokers that give nothing for a while: by a quota, by mistake, by silence; and what is said of it.

use std::fmt::{Debug, Write};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use ottla::{ErrorKind, OnDataLoss, ReadOptions};
use ottla_testkit::{Action, ApiKey, BrokerId, Fault, Quota};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

use super::{Seen, TOPIC, asked_in, brokers, client, now, range, read, write};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_quota_slows_a_reading_and_does_not_end_it() {
    let brokers = brokers(1);
    let value = ottla_testkit::Record::value(vec![b'v'; 10_000]);
    for _ in 0..200 {
        brokers.write(TOPIC, 0, std::slice::from_ref(&value)).unwrap();
    }
    brokers.set_quota(Quota::ConsumerByteRate, None, Some(10_000.0));
    let client = client(&brokers).await;
    let began = now();
    let seen = read(&client, vec![range(0, 0, 200)], ReadOptions::new()).await.unwrap();
    assert_eq!(seen.offsets[&0], (0..200).collect::<Vec<_>>());
    assert!(began.elapsed() > 60 * SECOND, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_throttles_for_longer_than_the_deadline_is_waited_for_and_named() {
    let log = Log::default();
    let _logging = log.listen();
    let brokers = brokers(1);
    (0..100).for_each(|_| write(&brokers, 0, 100));
    let client = client(&brokers).await;
    let throttle = Action::Throttle(120 * SECOND);
    brokers.faults().add(Fault::new(throttle).on_api(ApiKey::Fetch).times(4));
    let options = ReadOptions::new().with_response_bytes(16 << 10).with_byte_budget(64 << 10);
    let seen = read(&client, vec![range(0, 0, 10_000)], options).await.unwrap();
    assert_eq!(seen.offsets[&0], (0..10_000).collect::<Vec<_>>());
    let warned = log.lines("WARN message=the broker throttles this client");
    assert!((1..=20).contains(&warned.len()) && warned[0].contains("broker 1"), "{warned:#?}");
}

#[tokio::test(start_paused = true)]
async fn an_offset_that_is_wrongly_called_out_of_range_is_asked_for_ever_more_seldom() {
    let brokers = brokers(1);
    (0..2).for_each(|_| write(&brokers, 0, 10));
    let client = client(&brokers).await;
    let refused = Action::RefusePartition { topic: TOPIC.to_owned(), partition: 0, code: 1 };
    let wrong = Fault::new(refused).on_api(ApiKey::Fetch);
    let mut reader = client.read(vec![range(0, 0, 20)], ReadOptions::new());
    brokers.faults().add(wrong.clone());
    assert!(super::is_quiet(&mut reader, 50 * SECOND).await);
    assert!(asked_in(&brokers, Duration::ZERO..60 * SECOND) <= 40, "{:#?}", brokers.asked());
    brokers.faults().clear();
    let mut seen = Seen::default();
    seen.drain(&mut reader).await.unwrap();
    assert_eq!(seen.offsets[&0], (0..20).collect::<Vec<_>>());

    brokers.faults().add(wrong);
    let began = now();
    let error = read(&client, vec![range(0, 0, 20)], ReadOptions::new()).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Broker(code) if code.code() == 1), "{error}");
    assert!((60 * SECOND..65 * SECOND).contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn after_a_long_silence_what_is_gone_is_asked_for_at_once() {
    let brokers = brokers(1);
    write(&brokers, 0, 10);
    let mut reader = client(&brokers)
        .await
        .read(vec![range(0, 0, 30)], ReadOptions::new().with_data_loss(OnDataLoss::Skip));
    let mut seen = Seen::default();
    seen.until(&mut reader, 10).await.unwrap();
    brokers.stop_broker(BrokerId(1)).unwrap();
    write(&brokers, 0, 20);
    brokers.delete_records_before(TOPIC, 0, 20).unwrap();
    assert!(super::is_quiet(&mut reader, 50 * SECOND).await);
    brokers.start_broker(BrokerId(1)).unwrap();
    seen.drain(&mut reader).await.unwrap();
    assert_eq!(seen.offsets[&0], (0..10).chain(20..30).collect::<Vec<_>>());
    let asked = brokers.asked();
    let refused = asked.iter().find(|asked| asked.code == 1).unwrap().at;
    let resolved = asked.iter().find(|asked| asked.api == ApiKey::ListOffsets).unwrap().at;
    assert!(resolved - refused < SECOND, "{refused:?} to {resolved:?}");
}

#[tokio::test(start_paused = true)]
async fn what_heals_shortly_before_the_deadline_is_healed_unseen() {
    for healed in 40..57 {
        let brokers = brokers(1);
        write(&brokers, 0, 10);
        let client = client(&brokers).await;
        let refused = Action::RefusePartition { topic: TOPIC.to_owned(), partition: 0, code: 1 };
        brokers.faults().add(Fault::new(refused).on_api(ApiKey::Fetch));
        let mut reader = client.read(vec![range(0, 0, 10)], ReadOptions::new());
        assert!(super::is_quiet(&mut reader, healed * SECOND).await);
        brokers.faults().clear();
        Seen::default().drain(&mut reader).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_silent_about_its_offsets_is_left_for_the_next_one() {
    let brokers = brokers(3);
    write(&brokers, 0, 20);
    brokers.move_leader(TOPIC, 0, BrokerId(1)).unwrap();
    let client = client(&brokers).await;
    let refused = Action::RefusePartition { topic: TOPIC.to_owned(), partition: 0, code: 1 };
    brokers.faults().add(Fault::new(refused).on_api(ApiKey::Fetch).times(1));
    brokers.faults().add(Fault::new(Action::Stall).on_api(ApiKey::ListOffsets).on_broker(BrokerId(1)));
    let mut reader = client.read(vec![range(0, 0, 20)], ReadOptions::new());
    assert!(super::is_quiet(&mut reader, 5 * SECOND).await);
    brokers.move_leader(TOPIC, 0, BrokerId(2)).unwrap();
    let moved = now();
    let mut seen = Seen::default();
    seen.drain(&mut reader).await.unwrap();
    assert_eq!(seen.offsets[&0], (0..20).collect::<Vec<_>>());
    assert!(moved.elapsed() < 2 * SECOND, "{:?}", moved.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_does_not_answer_ends_a_reading_at_the_deadline_that_was_given() {
    let brokers = brokers(1);
    write(&brokers, 0, 10);
    let config = super::config(&brokers).with_deadline(SECOND);
    let client = ottla::Cluster::connect(config).await.unwrap();
    brokers.faults().add(Fault::new(Action::Stall).on_api(ApiKey::Fetch));
    let began = now();
    let error = read(&client, vec![range(0, 0, 10)], ReadOptions::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!((SECOND..2 * SECOND).contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_quota_ends_none_of_the_readings_that_share_a_connection() {
    let brokers = brokers(1);
    let value = ottla_testkit::Record::value(vec![b'v'; 10_000]);
    for _ in 0..100 {
        brokers.write(TOPIC, 0, std::slice::from_ref(&value)).unwrap();
    }
    brokers.set_quota(Quota::ConsumerByteRate, None, Some(10_000.0));
    let client = client(&brokers).await;
    let mut readings = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let client = client.clone();
        readings.spawn(async move { read(&client, vec![range(0, 0, 100)], ReadOptions::new()).await });
    }
    while let Some(seen) = readings.join_next().await {
        assert_eq!(seen.unwrap().unwrap().offsets[&0], (0..100).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttle_that_a_dropped_reading_was_told_ends_no_other() {
    let brokers = brokers(1);
    write(&brokers, 0, 10);
    let client = client(&brokers).await;
    let mut dropped = client.read(vec![range(0, 0, 20)], ReadOptions::new());
    Seen::default().until(&mut dropped, 10).await.unwrap();
    assert!(super::is_quiet(&mut dropped, 2 * SECOND).await);
    let throttle = Fault::new(Action::Throttle(100 * SECOND)).on_api(ApiKey::Fetch).times(1);
    let throttle = brokers.faults().add_numbered(throttle);
    while brokers.faults().hits(throttle) == 0 {
        tokio::time::sleep(SECOND / 100).await;
    }
    // Its long poll is held yet, and the answer, which silences the connection, comes for nobody.
    drop(dropped);
    let mut other = client.read(vec![range(0, 0, 20)], ReadOptions::new());
    let mut seen = Seen::default();
    seen.until(&mut other, 10).await.unwrap();
    assert!(super::is_quiet(&mut other, 80 * SECOND).await);
    write(&brokers, 0, 10);
    seen.drain(&mut other).await.unwrap();
    assert_eq!(seen.offsets[&0], (0..20).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_reading_outlives_a_throttle_of_whoever_tells_where_its_partition_is() {
    let brokers = brokers(1);
    write(&brokers, 0, 10);
    let client = client(&brokers).await;
    let mut reader = client.read(vec![range(0, 0, 20)], ReadOptions::new());
    let mut seen = Seen::default();
    seen.until(&mut reader, 10).await.unwrap();
    brokers.without_leader(TOPIC, 0).unwrap();
    brokers.faults().add(Fault::new(Action::Throttle(100 * SECOND)).on_api(ApiKey::Metadata).times(1));
    assert!(super::is_quiet(&mut reader, 80 * SECOND).await);
    brokers.elect(TOPIC, 0).unwrap();
    write(&brokers, 0, 10);
    seen.drain(&mut reader).await.unwrap();
    assert_eq!(seen.offsets[&0], (0..20).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn many_ranges_of_a_refused_partition_are_asked_for_no_more_often_than_one() {
    let brokers = brokers(1);
    write(&brokers, 0, 100);
    let client = client(&brokers).await;
    let refused = Action::RefusePartition { topic: TOPIC.to_owned(), partition: 0, code: 6 };
    brokers.faults().add(Fault::new(refused).on_api(ApiKey::Fetch));
    let ranges = (0..50).map(|part| range(0, 2 * part, 2 * part + 2)).collect();
    let mut reader = client.read(ranges, ReadOptions::new());
    assert!(super::is_quiet(&mut reader, 50 * SECOND).await);
    assert!(asked_in(&brokers, Duration::ZERO..60 * SECOND) <= 40, "{:#?}", brokers.asked());
    brokers.faults().clear();
    let mut seen = Seen::default();
    seen.drain(&mut reader).await.unwrap();
    let mut offsets = seen.offsets.remove(&0).unwrap();
    offsets.sort_unstable();
    assert_eq!(offsets, (0..100).collect::<Vec<_>>());
}

/// What is logged at info and above, one line each.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn lines(&self, word: &str) -> Vec<String> {
        self.0.lock().unwrap().iter().filter(|line| line.contains(word)).cloned().collect()
    }
}

impl Log {
    /// Hears what this thread says.
    fn listen(&self) -> DefaultGuard {
        // While there is one subscriber only, tracing asks the thread that comes first to a place that logs
        // whether anybody listens, and believes it for all threads.
        static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));
        LazyLock::force(&ANOTHER);
        tracing::subscriber::set_default(self.clone())
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_broker_is_warned_of_ever_more_seldom_and_its_return_is_told() {
    let log = Log::default();
    let _logging = log.listen();
    let brokers = brokers(1);
    write(&brokers, 0, 10);
    let client = client(&brokers).await;
    brokers.faults().add(Fault::new(Action::Stall).on_api(ApiKey::Fetch));
    let mut reader = client.read(vec![range(0, 0, 10)], ReadOptions::new());
    assert!(super::is_quiet(&mut reader, 25 * SECOND).await);
    let warned = log.lines("WARN message=no records come");
    assert_eq!(warned.len(), 3, "after 5, 10 and 20 s: {warned:#?}");
    assert!(warned[0].contains("t-0") && warned[0].contains("broker-1:9092 does not answer"), "{warned:#?}");
    assert_eq!(log.lines("records come again").len(), 0);
    brokers.faults().clear();
    Seen::default().drain(&mut reader).await.unwrap();
    let told = log.lines("INFO message=records come again");
    assert!(told.len() == 1 && told[0].contains("t-0"), "{told:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_range_that_ends_beyond_the_last_stable_offset_is_warned_of() {
    let log = Log::default();
    let _logging = log.listen();
    let brokers = brokers(1);
    write(&brokers, 0, 10);
    brokers.write_in_transaction(TOPIC, 0, None, &[ottla_testkit::Record::value("x")]).unwrap();
    let client = client(&brokers).await;
    let committed = ReadOptions::new().with_isolation_level(ottla::IsolationLevel::ReadCommitted);
    let mut reader = client.read(vec![range(0, 0, 11)], committed);
    let mut seen = Seen::default();
    seen.until(&mut reader, 10).await.unwrap();
    assert!(super::is_quiet(&mut reader, 30 * SECOND).await);
    let warned = log.lines("the range ends beyond the last stable offset");
    assert_eq!(warned.len(), 3, "after 5, 10 and 20 s: {warned:#?}");
    assert!(warned[0].contains("t-0") && warned[0].contains("until=11 end=10"), "{warned:#?}");
}
