//! Faults by chance, over many seeds: whatever happens, each record that is acknowledged is there
//! once, and in order.

use std::time::Duration;

use ottla::WriteOptions;
use ottla_testkit::{Action, ApiKey, BrokerId, Fault};

use crate::{Setup, TOPIC, builder, flush, write_numbers};

const PARTITIONS: i32 = 4;

#[tokio::test(start_paused = true)]
async fn faults_of_all_kinds_at_once_lose_and_double_nothing() {
    for seed in 0..25 {
        let setup = Setup::of(builder().seed(seed), PARTITIONS).await;
        let writer = setup.client.write(WriteOptions::new().with_batch_bytes(1_500));
        let fault = |action| Fault::new(action).on_api(ApiKey::Produce);
        for action in [
            Action::CloseBefore,
            Action::CloseAfter,
            Action::Refuse(6),
            Action::Refuse(7),
            Action::RefusePartition { topic: TOPIC.to_owned(), partition: 1, code: 19 },
            Action::RefusePartition { topic: TOPIC.to_owned(), partition: 2, code: 45 },
            Action::Delay(Duration::from_millis(700)),
            Action::Truncate(20),
        ] {
            setup.brokers.faults().add(fault(action).chance(0.06).times(10));
        }
        for round in 0..10_usize {
            write_numbers(&writer, round * 400..(round + 1) * 400, PARTITIONS).await;
            let to = BrokerId(1 + i32::try_from((round + usize::try_from(seed).unwrap()) % 3).unwrap());
            setup.brokers.move_leader(TOPIC, 3, to).unwrap();
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        let flushed = flush(&writer).await;
        assert!(flushed.is_ok(), "seed {seed}: {flushed:?}");
        println!("seed {seed}: {:?}", setup.client.statistics().requests_of("Produce"));
        setup.assert_each_once(PARTITIONS, 4_000);
    }
}
