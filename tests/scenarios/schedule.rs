//! When tokens are made and renewed.

use std::sync::atomic::Ordering;
use std::time::Duration;

use ottla::AtShutdown;

use super::{HOUR, LIMIT, SECOND, hand_overs, readers};
use crate::support::embedded::{builder, executor, fill, keeper, kept, pass};
use crate::support::within;

#[tokio::test(start_paused = true)]
async fn a03_ten_minutes_of_tokens_of_thirty_seconds() {
    within(LIMIT, "the test", async {
        let builder = builder()
            .token_expiry(30 * SECOND)
            .token_max_lifetime(60 * SECOND)
            .token_sweep(5 * SECOND)
            .token_propagation(SECOND / 20);
        let (brokers, keeper, client) = kept(builder).await;
        let count = hand_overs(keeper.source());
        let readers = readers(vec![client], SECOND / 4);
        pass(598 * SECOND).await;
        let (counters, book) = (brokers.counters(), readers.end().await);
        assert_eq!((counters.tokens_created, counters.tokens_renewed), (11, 21));
        assert_eq!(count.load(Ordering::Relaxed), 10, "hand-overs after the first");
        assert!(book.failures.is_empty() && book.reads > 2_000, "{book:?}");
        assert_eq!(book.connections, 3, "{book:?}");
        assert_eq!(counters.expired_connections_killed, 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a04_a_month_of_tokens_with_the_brokers_defaults() {
    let before = on_processor();
    within(LIMIT, "the test", async {
        let brokers = builder().start_in_memory().unwrap();
        let keeper = keeper(&brokers).start().await.unwrap();
        pass(HOUR / 2).await;
        for hour in 0..30 * 24_u64 {
            let state = keeper.state();
            // Each 162 hours: one is made, and renewed eight times.
            let (period, within) = (hour / 162, hour % 162);
            assert_eq!(state.created, 1 + period, "hour {hour}: {state:?}");
            assert_eq!(state.renewed, period * 8 + (within / 18).min(8), "hour {hour}: {state:?}");
            assert!(state.expires_in >= 6 * HOUR, "hour {hour}: {state:?}");
            pass(HOUR).await;
        }
        keeper.shutdown(AtShutdown::Expire).await.unwrap();
    })
    .await;
    let took = on_processor() - before;
    println!("a month of tokens took {took:?}");
    let bound = if cfg!(debug_assertions) { 10 * SECOND } else { 2 * SECOND };
    assert!(took < bound, "{took:?}");
}

/// How long this thread, which all of a paused clock's tasks run on, had a processor: other than a
/// clock, a busy machine does not change it.
fn on_processor() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// Of the tasks of the runtime, the connections and the tokens none grows in number.
#[tokio::test(start_paused = true)]
async fn a19_two_hundred_renewals_on_two_clusters_leave_nothing_behind() {
    within(LIMIT, "the test", async {
        let make = |seed| {
            let brokers = builder()
                .brokers(1)
                .seed(seed)
                .token_expiry(120 * SECOND)
                .token_max_lifetime(400 * SECOND)
                .start_in_memory()
                .unwrap();
            fill(&brokers, "t", 3, 10);
            brokers
        };
        let both = [make(1), make(2)];
        let (mut keepers, mut clients) = (Vec::new(), Vec::new());
        for brokers in &both {
            let keeper = keeper(brokers).with_grace(10 * SECOND).start().await.unwrap();
            clients.push(executor(brokers, keeper.source()).await.unwrap());
            keepers.push(keeper);
        }
        let readers = readers(clients, 20 * SECOND);
        pass(500 * SECOND).await;
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let sockets = || both.iter().map(|brokers| brokers.counters().open_connections).sum::<u64>();
        let files = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        let before = (tasks(), sockets(), files());
        while keepers[0].state().renewed < 200 {
            pass(15 * SECOND).await;
            for (keeper, brokers) in keepers.iter().zip(&both) {
                assert!(keeper.state().alive <= 2 && brokers.tokens().len() <= 2);
            }
        }
        pass(40 * SECOND).await;
        let after = (tasks(), sockets(), files());
        println!("tasks, sockets, files: {before:?} before, {after:?} after 200 renewals");
        assert!(after.0 <= before.0 + 4 && after.1 <= before.1 && after.2 <= before.2 + 4);
        assert!(both.iter().all(|brokers| brokers.tokens().len() == 1));
        assert!(keepers.iter().all(|keeper| keeper.state().created > 40));
        let book = readers.end().await;
        assert!(book.failures.is_empty(), "{book:?}");
    })
    .await;
}
