//! Brokers that learn of tokens late, and answers that take long.

use std::time::Duration;

use ottla::{AtShutdown, BrokerError, ErrorKind, TokenKeeper, explained};
use ottla_testkit::{Action, ApiKey, Cluster, Fault};

use super::saved::path;
use super::support::embedded::{builder, config, keeper, pass, target, user};
use super::support::within;
use super::{LIMIT, SECOND};

#[tokio::test(start_paused = true)]
async fn a_token_that_no_broker_has_learned_of_is_waited_for_and_no_other_made() {
    within(24 * LIMIT, "the test", async {
        let late = builder().token_propagation(45 * SECOND).token_expiry(LIMIT).token_max_lifetime(LIMIT);
        let brokers = late.start_in_memory().unwrap();
        let admin = config(&brokers, user("alice")).with_deadline(120 * SECOND);
        let kept = TokenKeeper::new(admin, target(&brokers)).start().await.unwrap();
        let first = kept.state();
        assert!(first.created == 1 && first.readiness >= 45 * SECOND, "{first:?}");
        // So too for one that takes the place of another.
        pass(first.next_in + 300 * SECOND).await;
        let next = kept.state();
        assert!(next.created == 2 && next.token_id != first.token_id, "{next:?}");
        assert_eq!(brokers.tokens().len(), 1);
    })
    .await;
}

/// Brokers are asked twice a second, so that some of these come to know of it after they were asked for the
/// last time, and list it when they are asked whether they do.
#[tokio::test(start_paused = true)]
async fn a_token_that_comes_at_the_very_end_of_its_proof_is_not_given_up() {
    for late in [19_550, 19_650, 19_750, 19_850, 19_950] {
        within(LIMIT, "the test", async {
            let late = builder().token_propagation(Duration::from_millis(late));
            let brokers = late.start_in_memory().unwrap();
            let admin = config(&brokers, user("alice")).with_deadline(120 * SECOND);
            let kept = TokenKeeper::new(admin, target(&brokers)).start().await.unwrap();
            assert_eq!(kept.state().created, 1, "{:?}", kept.state());
        })
        .await;
    }
}

/// A keeper whose token is due to be replaced by one of which nobody learns for so long.
async fn replacing(brokers: &Cluster, keeper: TokenKeeper, late: Duration) -> ottla::RunningKeeper {
    let kept = keeper.start().await.unwrap();
    brokers.set_token_propagation(None, late);
    pass(kept.state().next_in + SECOND).await;
    assert_eq!(brokers.counters().tokens_created, 2);
    kept
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_deletes_a_token_of_which_brokers_learn_meanwhile() {
    within(24 * LIMIT, "the test", async {
        let brokers = builder().token_expiry(LIMIT).token_max_lifetime(LIMIT).start_in_memory().unwrap();
        let kept = replacing(&brokers, keeper(&brokers), 40 * SECOND).await;
        kept.shutdown(AtShutdown::Expire).await.unwrap();
        pass(50 * SECOND).await;
        assert!(brokers.tokens().is_empty(), "{:?}", brokers.tokens());
    })
    .await;
}

/// Each try has half of it.
#[tokio::test(start_paused = true)]
async fn a_shutdown_has_its_whole_deadline_for_a_young_token_that_brokers_do_not_know() {
    within(24 * LIMIT, "the test", async {
        let short = builder().token_expiry(60 * SECOND).token_max_lifetime(60 * SECOND);
        let brokers = short.start_in_memory().unwrap();
        let admin = config(&brokers, user("alice")).with_deadline(20 * SECOND);
        let kept = replacing(&brokers, TokenKeeper::new(admin, target(&brokers)), 18 * SECOND).await;
        kept.shutdown(AtShutdown::Expire).await.unwrap();
        // As late they learn that it is deleted.
        pass(25 * SECOND).await;
        assert!(brokers.tokens().is_empty(), "{:?}", brokers.tokens());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_a_token_that_comes_late_though_another_could_not_be_deleted() {
    within(24 * LIMIT, "the test", async {
        let brokers = builder().token_expiry(LIMIT).token_max_lifetime(LIMIT).start_in_memory().unwrap();
        let kept = replacing(&brokers, keeper(&brokers), 40 * SECOND).await;
        // The one in use is deleted first.
        brokers.faults().add(Fault::new(Action::Refuse(63)).on_api(ApiKey::ExpireDelegationToken).times(1));
        kept.shutdown(AtShutdown::Expire).await.unwrap();
        pass(50 * SECOND).await;
        assert!(brokers.tokens().is_empty(), "{:?}", brokers.tokens());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_that_ends_before_brokers_know_of_a_token_says_so_and_keeps_the_saved_state() {
    within(24 * LIMIT, "the test", async {
        let brokers = builder().token_expiry(LIMIT).token_max_lifetime(LIMIT).start_in_memory().unwrap();
        let path = path("late");
        let admin = config(&brokers, user("alice")).with_deadline(30 * SECOND);
        let saved = || TokenKeeper::new(admin.clone(), target(&brokers)).with_saved_state(&path);
        let kept = replacing(&brokers, saved(), 110 * SECOND).await;
        let began = tokio::time::Instant::now();
        let error = kept.shutdown(AtShutdown::Expire).await.unwrap_err();
        assert!(began.elapsed() <= 55 * SECOND, "{:?}", began.elapsed());
        assert_eq!(error.kind(), ErrorKind::Broker(BrokerError::DELEGATION_TOKEN_NOT_FOUND));
        assert!(!error.is_retriable() && explained(&error).contains("have not learned yet"), "{error:?}");
        pass(120 * SECOND).await;
        assert_eq!((brokers.tokens().len(), path.exists()), (1, true), "it lives on");
        brokers.set_token_propagation(None, SECOND);
        saved().start().await.unwrap().shutdown(AtShutdown::Expire).await.unwrap();
        pass(2 * SECOND).await;
        assert_eq!((brokers.tokens().len(), path.exists()), (0, false));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_makes_no_token_look_longer_lived_than_it_is() {
    within(LIMIT, "the test", async {
        let brokers = builder().token_expiry(60 * SECOND).start_in_memory().unwrap();
        let slow = |api| brokers.faults().add(Fault::new(Action::Delay(4 * SECOND)).on_api(api));
        slow(ApiKey::CreateDelegationToken);
        slow(ApiKey::RenewDelegationToken);
        let kept = keeper(&brokers).start().await.unwrap();
        for renewed in 0..3 {
            let (state, token) = (kept.state(), brokers.tokens().remove(0));
            let left = u64::try_from(token.expires - brokers.now()).unwrap();
            assert!(state.expires_in.as_millis() <= u128::from(left), "{left} ms: {state:?}");
            assert!(state.renewed >= renewed, "{state:?}");
            pass(50 * SECOND).await;
        }
    })
    .await;
}
