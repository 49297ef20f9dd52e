//! A client forgets topics that nobody uses, and none that somebody reads or writes.

use std::time::Duration;

use ottla::{NewRecord, ReadOptions, WriteOptions};
use ottla_testkit::BrokerId;

use super::{LIMIT, Seen, TOPIC, brokers, client, range, write};
use crate::support::within;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn who_reads_and_writes_seldom_finds_new_leaders_while_the_client_forgets_other_topics() {
    within(LIMIT, "the test", async {
        let brokers = brokers(2);
        brokers.create_topic("other", 1, 1).unwrap();
        write(&brokers, 0, 1);
        let client = client(&brokers).await;
        let mut reader = client.read(vec![range(0, 0, 100)], ReadOptions::new());
        let mut seen = Seen::default();
        seen.until(&mut reader, 1).await.unwrap();
        let writer = client.write(WriteOptions::new());
        let topic = writer.topic(TOPIC).await.unwrap();
        for _ in 0..20 {
            tokio::time::sleep(MINUTE).await;
            client.partitions("other").await.unwrap();
        }
        brokers.move_leader(TOPIC, 0, BrokerId(2)).unwrap();
        let receipt = topic.send_with_receipt(NewRecord::value("x")).await.unwrap();
        receipt.await.unwrap();
        seen.until(&mut reader, 2).await.unwrap();
    })
    .await;
}
