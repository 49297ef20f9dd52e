//! Brokers that are away when a token has to be renewed.

use std::time::Duration;

use ottla_testkit::BrokerId;

use super::{HOUR, LIMIT, SECOND, rounds};
use crate::support::embedded::{builder, executor, fill, keeper, kept, pass, read_all};
use crate::support::within;

#[tokio::test(start_paused = true)]
async fn a12_one_of_two_clusters_is_down_for_ten_minutes_when_its_token_is_to_be_renewed() {
    within(LIMIT, "the test", async {
        let (down, up) = (builder().start_in_memory().unwrap(), builder().seed(2).start_in_memory().unwrap());
        fill(&down, "t", 3, 10);
        let (kept, other) = (keeper(&down).start().await.unwrap(), keeper(&up).start().await.unwrap());
        let client = executor(&down, kept.source()).await.unwrap();
        let id = kept.state().token_id;
        pass(18 * HOUR - 60 * SECOND).await;
        (1..=3).for_each(|id| down.stop_broker(BrokerId(id)).unwrap());
        let (mut tries, mut failures) = (Vec::new(), 0);
        for second in 0..11 * 60_u64 {
            pass(SECOND).await;
            let state = kept.state();
            if state.failures > failures {
                failures = state.failures;
                tries.push(second);
            }
        }
        (1..=3).for_each(|id| down.start_broker(BrokerId(id)).unwrap());
        println!("tries after the outage began, in seconds: {tries:?}");
        // Each try takes some seconds itself; between them are 10, 20, 40 s and so on, ± 50 %.
        assert!((3..=8).contains(&tries.len()), "{tries:?}");
        let waits: Vec<u64> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
        for (wait, usual) in waits.iter().zip([10_u64, 20, 40, 80, 160, 300, 300]) {
            assert!(*wait >= usual / 2 && *wait <= usual * 3 / 2 + 15, "{waits:?}");
        }
        assert_eq!((other.state().renewed, other.state().failures), (1, 0));
        assert_eq!((kept.state().token_id, kept.state().renewed), (id.clone(), 0));
        read_all(&client, "t").await.unwrap();
        pass(460 * SECOND).await;
        let state = kept.state();
        assert_eq!((state.token_id, state.renewed, state.created), (id, 1, 1));
    })
    .await;
}

/// A small generator of our own: its numbers belong to the seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// A month in which brokers, one or all, are away at random for up to five hours, less than what a
/// token has left when it is renewed. No read may fail for want of a token.
async fn month(seed: u64) {
    // Hashing is what a month costs: most of them have one broker.
    let nodes = if seed.is_multiple_of(25) { 3 } else { 1 };
    let (brokers, keeper, client) = kept(builder().brokers(nodes).seed(seed)).await;
    let mut dice = Dice(seed);
    let mut passed = Duration::ZERO;
    while passed < 30 * 24 * HOUR {
        let calm = Duration::from_secs(600 + dice.below(20 * 3600));
        pass(calm).await;
        let outage = Duration::from_secs(1 + dice.below(5 * 3600));
        let one = 1 + i32::try_from(dice.below(3)).unwrap() % nodes;
        let away = if dice.below(2) == 0 { 1..=nodes } else { one..=one };
        away.clone().for_each(|id| brokers.stop_broker(BrokerId(id)).unwrap());
        pass(outage).await;
        away.for_each(|id| brokers.start_broker(BrokerId(id)).unwrap());
        let read = read_all(&client, "t").await;
        read.unwrap_or_else(|error| panic!("seed {seed}, after {passed:?}: {error:?}, {:?}", keeper.state()));
        let state = keeper.state();
        assert!(state.expires_in > Duration::ZERO, "seed {seed}: {state:?}");
        passed += calm + outage;
    }
    assert_eq!(brokers.counters().expired_connections_killed, 0, "seed {seed}");
}

/// Plays months, one after the other, on a paused clock of their own.
fn months(seeds: impl Iterator<Item = u64>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    for seed in seeds {
        println!("OTTLA_SEED={seed} cargo test --test scenarios a12_no_read -- --nocapture");
        runtime.block_on(within(LIMIT, "a month", Box::pin(month(seed))));
    }
}

#[test]
fn a12_no_read_fails_for_want_of_a_token_in_months_of_random_outages() {
    let given = std::env::var("OTTLA_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = match given {
        Some(seed) => seed..seed + 1,
        None => 0..rounds(20, 10_000),
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for first in 0..threads {
            let seeds = seeds.clone().skip(first).step_by(threads);
            scope.spawn(move || months(seeds));
        }
    });
}
