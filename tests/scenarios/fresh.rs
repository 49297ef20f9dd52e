//! Tokens that were made moments ago.

use std::time::Duration;

use ottla::{AtShutdown, Cluster, NewToken, TokenSource};
use ottla_testkit::BrokerId;

use super::{LIMIT, SECOND, rounds};
use crate::support::embedded::{builder, config, executor, fill, keeper, read_all, user};
use crate::support::within;

fn lag(round: u64, broker: u64) -> Duration {
    Duration::from_millis(30 + (round * 37 + broker * 53) % 250)
}

#[tokio::test(start_paused = true)]
async fn a06_no_user_sees_that_a_fresh_token_is_not_known_yet() {
    within(LIMIT, "the test", async {
        let brokers = builder().failed_authentication_delay(SECOND / 10).start_in_memory().unwrap();
        fill(&brokers, "t", 3, 10);
        let mut readiness = Vec::new();
        for round in 0..rounds(100, 500) {
            for broker in 1..=3 {
                let broker_id = BrokerId(i32::try_from(broker).unwrap());
                brokers.set_token_propagation(Some(broker_id), lag(round, broker));
            }
            let keeper = keeper(&brokers).start().await.unwrap();
            readiness.push(keeper.state().readiness);
            let failed = brokers.counters().failed_logins;
            let client = executor(&brokers, keeper.source()).await.unwrap();
            read_all(&client, "t").await.unwrap();
            assert_eq!(brokers.counters().failed_logins, failed);
            assert_eq!(client.statistics().dial_failures, 0);
            keeper.shutdown(AtShutdown::Expire).await.unwrap();
        }
        readiness.sort_unstable();
        println!(
            "readiness: p50 {:?}, p99 {:?}",
            readiness[readiness.len() / 2],
            readiness[readiness.len() * 99 / 100]
        );
        // Without the gate refusals are seen, and the client tries again: the test bites.
        let failed = brokers.counters().failed_logins;
        let alice = Cluster::connect(config(&brokers, user("alice"))).await.unwrap();
        let token = alice.create_delegation_token(NewToken::new()).await.unwrap();
        executor(&brokers, TokenSource::fixed(token)).await.unwrap();
        assert!(brokers.counters().failed_logins > failed);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a07_a_token_that_is_renewed_or_deleted_at_once_is_known_in_the_end() {
    within(LIMIT, "the test", async {
        let brokers = builder().start_in_memory().unwrap();
        let alice = Cluster::connect(config(&brokers, user("alice"))).await.unwrap();
        for round in 0..rounds(100, 500) {
            brokers.set_token_propagation(None, lag(round, 1));
            let token = alice.create_delegation_token(NewToken::new()).await.unwrap();
            alice.renew_delegation_token(&token, None).await.unwrap();
            let other = alice.create_delegation_token(NewToken::new()).await.unwrap();
            alice.expire_delegation_token(&other, None).await.unwrap();
            alice.expire_delegation_token(&token, None).await.unwrap();
            tokio::time::sleep(SECOND).await;
            assert!(brokers.tokens().is_empty());
        }
    })
    .await;
}

/// The bench `token_check` says how little; this says that it is little at all, also without
/// optimisation.
#[tokio::test]
async fn a18_asking_for_a_newer_token_costs_next_to_nothing() {
    let brokers = builder().brokers(1).start_in_memory().unwrap();
    let keeper = keeper(&brokers).start().await.unwrap();
    let source = keeper.source();
    let began = std::time::Instant::now();
    let newer = (0..1_000_000).filter(|_| std::hint::black_box(&source).has_changed()).count();
    println!("a million checks: {:?}", began.elapsed());
    assert!(newer == 0 && began.elapsed() < 2 * SECOND);
}
