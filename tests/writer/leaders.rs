//! Leaders that are away: their partitions wait, the others do not, and memory is for records.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ottla::{Cluster, Config, Connect, Connecting, Credentials, NewRecord, Security, WriteOptions};
use ottla_testkit::{Action, ApiKey, BrokerId, Fault, Protocol};

use crate::support::embedded::{Pipes, pipes};
use crate::support::within;
use crate::{LIMIT, Setup, TOPIC, builder, flush, now, write_numbers};

/// A look at the cluster comes within a second, and then the batches go.
const SOON: Duration = Duration::from_secs(1);

/// Opens pipes, but for brokers that have lost their power: nobody answers there, not even with a refusal.
#[derive(Clone)]
struct Power {
    pipes: Pipes,
    off: Arc<Mutex<BTreeSet<u16>>>,
}

impl Connect for Power {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        if self.off.lock().unwrap().contains(&port) {
            return Box::pin(std::future::pending());
        }
        self.pipes.connect(host, port)
    }
}

/// A cluster of which each broker leads one partition, a client that asks the first broker for metadata, and
/// the switch.
async fn powered() -> (Setup, Power) {
    let brokers = builder().start_in_memory().unwrap();
    brokers.create_topic(TOPIC, 3, 3).unwrap();
    for partition in 0..3 {
        brokers.move_leader(TOPIC, partition, BrokerId(partition + 1)).unwrap();
    }
    let (host, port) = brokers.address(BrokerId(1), Protocol::Plaintext).unwrap();
    let bootstrap = format!("{host}:{port}").parse().unwrap();
    let power = Power { pipes: pipes(&brokers), off: Arc::default() };
    let config = Config::new(bootstrap, Security::Plaintext, Credentials::None);
    let client = Cluster::connect(config.with_connector(power.clone())).await.unwrap();
    (Setup { brokers, client }, power)
}

/// A record's partition, when it was taken, and when it was written.
type Written = (i32, Duration, Duration);

/// Writes 100 records of 20 bytes a second round three partitions for so many seconds, and says before each how much
/// time has passed. Nobody may wait for memory.
async fn write_steadily(setup: &Setup, seconds: usize, mut passed: impl FnMut(Duration)) -> Vec<Written> {
    let writer = setup.client.write(WriteOptions::new().with_memory(1 << 20));
    let topic = writer.topic(TOPIC).await.unwrap();
    let (mut receipts, start) = (Vec::new(), now());
    for number in 0..100 * seconds {
        passed(start.elapsed());
        let (value, taken) = (format!("{number:020}"), now());
        let record = NewRecord::value(&value).with_partition(i32::try_from(number % 3).unwrap());
        let receipt = topic.send_with_receipt(record).await.unwrap();
        assert!(taken.elapsed() < Duration::from_millis(50), "{number}: {:?}", taken.elapsed());
        receipts.push((taken - start, tokio::spawn(async move { (receipt.await, now()) })));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    flush(&writer).await.unwrap();
    setup.assert_each_once(3, 100 * seconds);
    let mut all = Vec::new();
    for (taken, receipt) in receipts {
        let (told, when) = within(LIMIT, "a receipt", receipt).await.unwrap();
        all.push((told.unwrap().topic_partition.partition, taken, when - start));
    }
    all
}

/// When the partition of the broker that was away from then on is written to again, and how long a record of the
/// others took at most.
fn judge(written: &[Written], away: Duration) -> (Duration, Duration) {
    let theirs = written.iter().filter(|(partition, ..)| *partition == 2).map(|(.., written)| *written);
    let others = written.iter().filter(|(partition, ..)| *partition != 2);
    let first_after = theirs.filter(|written| *written > away + Duration::from_millis(100)).min().unwrap();
    (first_after, others.map(|(_, taken, written)| *written - *taken).max().unwrap())
}

#[tokio::test(start_paused = true)]
async fn partitions_go_on_once_another_leader_is_known_and_nobody_waits_for_memory_meanwhile() {
    let (setup, power) = powered().await;
    let (off, moved) = (Duration::from_secs(5), Duration::from_secs(15));
    let written = write_steadily(&setup, 25, |passed| {
        if passed >= off && power.off.lock().unwrap().is_empty() {
            let (_, port) = setup.brokers.address(BrokerId(3), Protocol::Plaintext).unwrap();
            power.off.lock().unwrap().insert(port);
            setup.brokers.close_connections(BrokerId(3)).unwrap();
        }
        if passed >= moved {
            setup.brokers.move_leader(TOPIC, 2, BrokerId(1)).unwrap();
        }
    })
    .await;
    let (first_after, slowest) = judge(&written, off);
    assert!(first_after >= moved && first_after <= moved + SOON, "{first_after:?}");
    assert!(slowest < Duration::from_secs(1), "others wait for {slowest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_falls_silent_is_left_within_a_second_of_the_moment_when_metadata_names_another_leader()
{
    for silence in [Action::Stall, Action::StallAfter] {
        for lasts in [2_000, 6_000, 10_350, 15_800].map(Duration::from_millis) {
            let setup = Setup::new(3).await;
            for partition in 0..3 {
                setup.brokers.move_leader(TOPIC, partition, BrokerId(partition + 1)).unwrap();
            }
            let (off, mut stages) = (Duration::from_secs(5), 0..2);
            let written = write_steadily(&setup, 25, |passed| {
                if passed >= off && stages.start == 0 {
                    let _ = stages.next();
                    setup.brokers.faults().add(Fault::new(silence.clone()).on_broker(BrokerId(3)));
                }
                if passed >= off + lasts && stages.start == 1 {
                    let _ = stages.next();
                    setup.brokers.move_leader(TOPIC, 2, BrokerId(1)).unwrap();
                }
            })
            .await;
            let (first_after, slowest) = judge(&written, off);
            let named = off + lasts;
            assert!(
                first_after >= named && first_after <= named + SOON,
                "{silence:?} {lasts:?} {first_after:?}"
            );
            assert!(slowest < Duration::from_millis(200), "others wait for {slowest:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_leads_what_a_silent_broker_led_is_asked_at_most_forty_times_a_minute() {
    let setup = Setup::new(1).await;
    setup.brokers.move_leader(TOPIC, 0, BrokerId(3)).unwrap();
    let writer = setup.client.write(WriteOptions::new());
    let topic = writer.topic(TOPIC).await.unwrap();
    topic.send(NewRecord::value("0")).await.unwrap();
    flush(&writer).await.unwrap();
    setup.brokers.faults().add(Fault::new(Action::Stall).on_broker(BrokerId(3)));
    setup.brokers.clear_asked();
    let receipt = topic.send_with_receipt(NewRecord::value("1")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let asked: Vec<_> =
        setup.brokers.asked().into_iter().filter(|one| one.topic.as_deref() == Some(TOPIC)).collect();
    assert!((20..=40).contains(&asked.len()), "{}: {asked:#?}", asked.len());
    setup.brokers.move_leader(TOPIC, 0, BrokerId(1)).unwrap();
    let place = within(Duration::from_secs(10), "the receipt", receipt).await.unwrap();
    assert_eq!(place.offset, Some(1));
}

#[tokio::test(start_paused = true)]
async fn another_broker_is_asked_beside_one_that_is_silent_and_then_before_it() {
    let setup = Setup::new(1).await;
    for name in ["a", "b", "c", "d"] {
        setup.brokers.create_topic(name, 1, 1).unwrap();
    }
    let writer = setup.client.write(WriteOptions::new());
    writer.topic("a").await.unwrap();
    let asked = setup.brokers.asked().into_iter().find(|one| one.api == ApiKey::Metadata).unwrap();
    let silent = Fault::new(Action::Stall).on_broker(asked.broker);
    setup.brokers.faults().add(silent);
    for (name, most) in [("b", 1_100), ("c", 50), ("d", 50)] {
        let (began, most) = (now(), Duration::from_millis(most));
        writer.topic(name).await.unwrap();
        assert!(began.elapsed() <= most, "{name}: {:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_partition_without_a_leader_is_looked_up_at_most_forty_times_a_minute_and_goes_on() {
    let setup = Setup::new(1).await;
    let writer = setup.client.write(WriteOptions::new());
    let topic = writer.topic(TOPIC).await.unwrap();
    topic.send(NewRecord::value("0")).await.unwrap();
    flush(&writer).await.unwrap();
    setup.brokers.without_leader(TOPIC, 0).unwrap();
    setup.brokers.clear_asked();
    let receipt = topic.send_with_receipt(NewRecord::value("1")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let asked = setup.brokers.asked().into_iter().filter(|one| one.topic.as_deref() == Some(TOPIC)).count();
    assert!((5..=40).contains(&asked), "{asked}");
    setup.brokers.elect(TOPIC, 0).unwrap();
    let place = within(Duration::from_secs(10), "the receipt", receipt).await.unwrap();
    assert_eq!(place.offset, Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_never_gets_a_leader_does_not_slow_the_look_for_those_of_others() {
    for lasts in [4_000, 9_300, 12_150].map(Duration::from_millis) {
        let setup = Setup::new(3).await;
        setup.brokers.move_leader(TOPIC, 1, BrokerId(2)).unwrap();
        let writer = setup.client.write(WriteOptions::new().with_delivery_timeout(Duration::from_secs(600)));
        let topic = writer.topic(TOPIC).await.unwrap();
        for partition in 0..3 {
            topic.send(NewRecord::value("0").with_partition(partition)).await.unwrap();
        }
        flush(&writer).await.unwrap();
        setup.brokers.without_leader(TOPIC, 0).unwrap();
        setup.brokers.clear_asked();
        topic.send(NewRecord::value("1").with_partition(0)).await.unwrap();
        tokio::time::sleep(Duration::from_secs(120)).await;
        setup.brokers.faults().add(Fault::new(Action::Stall).on_broker(BrokerId(2)));
        let receipt = topic.send_with_receipt(NewRecord::value("1").with_partition(1)).await.unwrap();
        tokio::time::sleep(lasts).await;
        setup.brokers.move_leader(TOPIC, 1, BrokerId(3)).unwrap();
        let named = now();
        within(LIMIT, "the receipt", receipt).await.unwrap();
        assert!(named.elapsed() <= Duration::from_millis(1_500), "{lasts:?}: {:?}", named.elapsed());
        tokio::time::sleep(Duration::from_secs(120)).await;
        let asked: Vec<_> = setup
            .brokers
            .asked()
            .into_iter()
            .filter(|one| one.api == ApiKey::Metadata && one.topic.as_deref() == Some(TOPIC))
            .map(|one| one.at)
            .collect();
        let minute = Duration::from_secs(60);
        let in_minute =
            |from: Duration| asked.iter().filter(|at| (from..from + minute).contains(*at)).count();
        let most = asked.iter().map(|from| in_minute(*from)).max().unwrap();
        assert!((8..=40).contains(&most), "{most}: {asked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_elected_again_while_it_owes_as_many_answers_as_it_may_is_left_for_the_next_one() {
    let setup = Setup::new(1).await;
    setup.brokers.move_leader(TOPIC, 0, BrokerId(1)).unwrap();
    let writer = setup.client.write(WriteOptions::new().with_linger(Duration::ZERO));
    write_numbers(&writer, 0..1, 1).await;
    flush(&writer).await.unwrap();
    let swallowed = Fault::new(Action::StallAfter).on_api(ApiKey::Produce).on_broker(BrokerId(1));
    setup.brokers.faults().add(swallowed.times(1));
    for number in 1..9 {
        write_numbers(&writer, number..number + 1, 1).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    setup.brokers.move_leader(TOPIC, 0, BrokerId(2)).unwrap();
    flush(&writer).await.unwrap();
    setup.brokers.move_leader(TOPIC, 0, BrokerId(1)).unwrap();
    write_numbers(&writer, 9..10, 1).await;
    tokio::time::sleep(2 * SOON).await;
    assert_eq!(setup.brokers.read(TOPIC, 0).unwrap().len(), 9, "it waits for the answers");
    setup.brokers.move_leader(TOPIC, 0, BrokerId(3)).unwrap();
    let moved = now();
    flush(&writer).await.unwrap();
    assert!(moved.elapsed() <= SOON, "{:?}", moved.elapsed());
    setup.assert_each_once(1, 10);
}
