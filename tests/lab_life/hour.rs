//! An hour of work in which tasks are killed at random.

use std::time::Duration;

use ottla::AtShutdown;
use ottla_lab::Listener;
use tokio::time::Instant;

use crate::life::stage::{PATIENCE, SECOND, Topic, executors, keeper, own, tell, with};
use crate::support::within;

/// Everything else is so many of these.
const MINUTE: Duration = Duration::from_secs(60);
const TASKS: u64 = 16;

fn millis(time: Duration) -> String {
    time.as_millis().to_string()
}

/// Tokens of ten minutes that live for twenty at most.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a05_an_hour_of_tokens_of_ten_minutes_with_tasks_that_are_killed() {
    within(60 * MINUTE + PATIENCE, "the hour", async {
        let kafka = own(1).await;
        with(&kafka, |kafka| {
            let node = kafka.broker(1);
            node.kill()?;
            node.set("delegation.token.expiry.time.ms", &millis(10 * MINUTE))?;
            node.set("delegation.token.max.lifetime.ms", &millis(20 * MINUTE))?;
            node.set("delegation.token.expiry.check.interval.ms", &millis(5 * MINUTE))?;
            node.start()
        })
        .await;
        let topic = Topic::written(&kafka, "hour").await;
        let keeper = keeper(&kafka, "admin").start().await.unwrap();
        let (end, mut dice, mut kills, mut reads) = (Instant::now() + 60 * MINUTE, 7_u64, 0, 0);
        while Instant::now() < end {
            // Whoever starts has the newest token.
            let mut tasks = Vec::new();
            for _ in 0..TASKS {
                let clients = executors(&kafka, Listener::SaslPlaintext, &keeper, 1).await;
                tasks.push(topic.read_by(&clients, SECOND / 2));
            }
            for task in tasks {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                tokio::time::sleep(Duration::from_millis(dice >> 33 & 0xfff)).await;
                if dice >> 60 < 8 {
                    drop(task);
                    kills += 1;
                } else {
                    let book = task.end().await;
                    assert!(book.failures.is_empty(), "{:?}", book.failures);
                    reads += book.reads;
                }
            }
        }
        let state = keeper.state();
        println!("{reads} reads, {kills} kills, {} tokens, {} renewals", state.created, state.renewed);
        assert!((3..=5).contains(&state.created) && state.failures == 0, "{state:?}");
        let clients = executors(&kafka, Listener::SaslPlaintext, &keeper, 1).await;
        tell(&kafka, "in the end", &topic.read_by(&clients, SECOND).end().await);
        keeper.shutdown(AtShutdown::Expire).await.unwrap();
    })
    .await;
}
