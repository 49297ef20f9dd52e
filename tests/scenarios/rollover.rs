//! Tokens that change under load.

use ottla::ids::TopicPartition;
use tokio::time::Instant;

use super::{HOUR, LIMIT, SECOND, readers};
use crate::support::embedded::{builder, executor, fill, keeper, kept, pass, touch};
use crate::support::within;

#[tokio::test(start_paused = true)]
async fn a08_twenty_rollovers_under_a_hundred_executors() {
    within(LIMIT, "the test", async {
        let brokers = builder()
            .brokers(1)
            .token_expiry(60 * SECOND)
            .token_max_lifetime(60 * SECOND)
            .token_propagation(SECOND / 20)
            .start_in_memory()
            .unwrap();
        fill(&brokers, "t", 3, 10);
        let keeper = keeper(&brokers).start().await.unwrap();
        let mut clients = Vec::new();
        for _ in 0..100 {
            clients.push(executor(&brokers, keeper.source()).await.unwrap());
        }
        let before = brokers.counters();
        let readers = readers(clients, 10 * SECOND);
        while keeper.state().created <= 20 {
            pass(SECOND).await;
        }
        pass(10 * SECOND).await;
        let (after, book) = (brokers.counters(), readers.end().await);
        println!("{} reads, the longest took {:?}", book.reads, book.longest);
        assert_eq!(after.expired_connections_killed, 0);
        assert_eq!(book.dial_failures, 0);
        assert_eq!(book.connections, 100, "no reconnects");
        assert!(book.failures.is_empty(), "{:?}", book.failures);
        assert!(book.longest <= SECOND / 5, "{:?}", book.longest);
        assert!(after.reauthentications - before.reauthentications >= 20 * 100);
    })
    .await;
}

/// Each connection uses the token that is the newest, well before the old one ends.
#[tokio::test(start_paused = true)]
async fn a08_a_renewal_moves_sessions_on() {
    within(LIMIT, "the test", async {
        let (_brokers, keeper, client) = kept(builder()).await;
        let partition = TopicPartition::new("t", 0);
        touch(&client, &partition).await.unwrap();
        let began = Instant::now();
        while began.elapsed() < 100 * HOUR {
            touch(&client, &partition).await.unwrap();
            pass(300 * SECOND).await;
        }
        assert_eq!(keeper.state().renewed, 5);
        let statistics = client.statistics();
        assert!((5..=20).contains(&statistics.reauthentications), "{statistics:?}");
        assert!(statistics.connections <= 2, "{statistics:?}");
    })
    .await;
}
