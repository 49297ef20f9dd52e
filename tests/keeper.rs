//! A keeper of tokens, on embedded brokers and a paused clock.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests"
)]

#[path = "keeper/ending.rs"]
mod ending;
#[path = "keeper/late.rs"]
mod late;
#[path = "keeper/lives.rs"]
mod lives;
#[path = "keeper/own.rs"]
mod own;
#[path = "keeper/saved.rs"]
mod saved;
mod support;

use std::time::Duration;

use ottla::{AtShutdown, Credentials, ErrorKind, KeeperStep, TokenKeeper};
use ottla_testkit::BrokerId;
use support::embedded::{
    builder, config, every_offset, executor, keeper, kept, pass, read_all, target, user,
};
use support::within;

const LIMIT: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_token_is_handed_out_when_every_broker_takes_it() {
    within(LIMIT, "the test", async {
        let brokers = builder().token_propagation(SECOND / 20).start_in_memory().unwrap();
        brokers.set_token_propagation(Some(BrokerId(3)), 7 * SECOND);
        let began = tokio::time::Instant::now();
        let keeper = keeper(&brokers).start().await.unwrap();
        let took = began.elapsed();
        assert!(took >= 7 * SECOND && took < 9 * SECOND, "{took:?}");
        let failed = brokers.counters().failed_logins;
        let client = executor(&brokers, keeper.source()).await.unwrap();
        client.partitions("none").await.unwrap_err();
        assert_eq!(brokers.counters().failed_logins, failed, "no user saw a refusal");
        let state = keeper.state();
        assert_eq!((state.created, state.renewed, state.alive), (1, 0, 1));
        assert_eq!(state.next, KeeperStep::Renew);
        assert!(state.readiness >= 7 * SECOND && state.unproved.is_empty(), "{state:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_down_is_named_and_proved_when_it_comes_back() {
    within(LIMIT, "the test", async {
        let brokers = builder().start_in_memory().unwrap();
        brokers.stop_broker(BrokerId(2)).unwrap();
        let began = tokio::time::Instant::now();
        let keeper = keeper(&brokers).start().await.unwrap();
        assert!(began.elapsed() <= 21 * SECOND, "{:?}", began.elapsed());
        // Those that are up tell only of those that are up, so nobody knows of the third.
        let state = keeper.state();
        assert!(state.unproved.iter().all(|name| name == "broker-2:9094"), "{state:?}");
        brokers.start_broker(BrokerId(2)).unwrap();
        pass(20 * SECOND).await;
        assert!(keeper.state().unproved.is_empty(), "{:?}", keeper.state());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_month_of_tokens_is_made_renewed_and_given_back() {
    within(32 * 24 * LIMIT, "the test", async {
        let brokers = builder().start_in_memory().unwrap();
        let keeper = keeper(&brokers).start().await.unwrap();
        let first = keeper.state();
        pass(30 * 24 * LIMIT).await;
        let state = keeper.state();
        assert_eq!((state.created, state.failures), (5, 0), "{state:?}");
        assert_eq!(state.renewed, 8 * 4 + 3, "{state:?}");
        assert!(state.epoch > first.epoch && state.last_error.is_none(), "{state:?}");
        assert_eq!(brokers.tokens().len(), 1);
        keeper.shutdown(AtShutdown::Expire).await.unwrap();
        assert!(brokers.tokens().is_empty());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_keeper_logs_in_by_plain_as_well() {
    within(LIMIT, "the test", async {
        let brokers = builder().start_in_memory().unwrap();
        let plain = Credentials::Plain { user: "alice".to_owned(), password: "alice-secret".into() };
        let keeper = TokenKeeper::new(config(&brokers, plain), target(&brokers)).start().await.unwrap();
        executor(&brokers, keeper.source()).await.unwrap();
        assert_eq!(keeper.state().created, 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_keeper_that_is_left_leaves_its_token() {
    within(LIMIT, "the test", async {
        let brokers = builder().start_in_memory().unwrap();
        let keeper = keeper(&brokers).start().await.unwrap();
        keeper.shutdown(AtShutdown::Leave).await.unwrap();
        assert_eq!(brokers.tokens().len(), 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_no_try_can_help_is_told_at_once() {
    within(LIMIT, "the test", async {
        let brokers = builder().without_token_secret().start_in_memory().unwrap();
        let error = keeper(&brokers).start().await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Broker(code) if code.code() == 61), "{error:?}");
        let wrong = Credentials::Plain { user: "alice".to_owned(), password: "wrong".into() };
        let error = TokenKeeper::new(config(&brokers, wrong), target(&brokers)).start().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Auth);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_token_is_wanted_by_somebody_who_is_not_there_by_a_token() {
    within(LIMIT, "the test", async {
        let brokers = builder().start_in_memory().unwrap();
        let anonymous = TokenKeeper::new(config(&brokers, Credentials::None), target(&brokers));
        assert!(!anonymous.is_wanted());
        assert_eq!(anonymous.start().await.unwrap_err().kind(), ErrorKind::Misuse);
        assert!(keeper(&brokers).is_wanted() && !keeper(&brokers).with_enabled(false).is_wanted());
        let kept = keeper(&brokers).start().await.unwrap();
        let by_token = target(&brokers).config(kept.source());
        assert!(!TokenKeeper::new(by_token, target(&brokers)).is_wanted());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn brokers_that_are_all_down_are_waited_for_until_the_deadline() {
    within(LIMIT, "the test", async {
        let brokers = builder().start_in_memory().unwrap();
        for broker in 1..=3 {
            brokers.stop_broker(BrokerId(broker)).unwrap();
        }
        let admin = config(&brokers, user("alice")).with_deadline(30 * SECOND);
        let began = tokio::time::Instant::now();
        let error = TokenKeeper::new(admin, target(&brokers)).start().await.unwrap_err();
        assert!(error.is_retriable(), "{error:?}");
        assert!(began.elapsed() <= 31 * SECOND, "{:?}", began.elapsed());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_somebody_deleted_is_replaced_and_work_goes_on() {
    within(LIMIT, "the test", async {
        let (brokers, keeper, client) = kept(builder().max_reauth(10 * SECOND)).await;
        assert_eq!(read_all(&client, "t").await.unwrap(), every_offset(3, 10));
        pass(30 * SECOND).await;
        brokers.delete_token(&keeper.state().token_id).unwrap();
        let began = tokio::time::Instant::now();
        while began.elapsed() < 60 * SECOND {
            assert_eq!(read_all(&client, "t").await.unwrap(), every_offset(3, 10));
            pass(SECOND).await;
        }
        assert_eq!(keeper.state().created, 2);
    })
    .await;
}
