//! Leaders that are away: their partitions wait, the others do not, and memory is for records.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ottla::{Cluster, Config, Connect, Connecting, Credentials, NewRecord, Security, WriteOptions};
use ottla_testkit::{BrokerId, Protocol};

use crate::support::embedded::{Pipes, pipes};
use crate::support::within;
use crate::{LIMIT, Setup, TOPIC, builder, flush, now};

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

#[tokio::test(start_paused = true)]
async fn partitions_go_on_once_another_leader_is_known_and_nobody_waits_for_memory_meanwhile() {
    let (setup, power) = powered().await;
    let writer = setup.client.write(WriteOptions::new().with_memory(1 << 20));
    let topic = writer.topic(TOPIC).await.unwrap();
    let (mut receipts, start) = (Vec::new(), now());
    let (off, moved) = (Duration::from_secs(5), Duration::from_secs(15));
    // 100 records of 20 bytes a second, for 25 seconds.
    for number in 0..2_500_usize {
        let value = format!("{number:020}");
        let record = NewRecord::value(&value).with_partition(i32::try_from(number % 3).unwrap());
        let before = now();
        let receipt = topic.send_with_receipt(record).await.unwrap();
        assert!(before.elapsed() < Duration::from_millis(50), "{number}: {:?}", before.elapsed());
        receipts.push(tokio::spawn(async move { (receipt.await, now()) }));
        if start.elapsed() >= off && power.off.lock().unwrap().is_empty() {
            let (_, port) = setup.brokers.address(BrokerId(3), Protocol::Plaintext).unwrap();
            power.off.lock().unwrap().insert(port);
            setup.brokers.close_connections(BrokerId(3)).unwrap();
        }
        if start.elapsed() >= moved {
            setup.brokers.move_leader(TOPIC, 2, BrokerId(1)).unwrap();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    flush(&writer).await.unwrap();
    setup.assert_each_once(3, 2_500);
    let (mut first_after, mut slowest) = (Duration::MAX, Duration::ZERO);
    for (number, receipt) in receipts.into_iter().enumerate() {
        let (told, when) = within(LIMIT, "a receipt", receipt).await.unwrap();
        let (taken, place) = (Duration::from_millis(10) * u32::try_from(number).unwrap(), told.unwrap());
        let (written, is_away) = (when - start, place.topic_partition.partition == 2);
        if is_away && written > off + Duration::from_secs(1) {
            first_after = first_after.min(written);
        } else if !is_away {
            slowest = slowest.max(written.saturating_sub(taken));
        }
    }
    // A look at the cluster a second, and a second from then on.
    assert!(first_after >= moved && first_after <= moved + Duration::from_millis(2_200), "{first_after:?}");
    assert!(slowest < Duration::from_secs(1), "others wait for {slowest:?}");
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
