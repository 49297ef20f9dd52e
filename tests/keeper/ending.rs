//! How a keeper ends, and what it says when it cannot begin.

use ottla::{AtShutdown, BrokerError, ErrorKind, ScramMechanism, TokenKeeper, explained};
use ottla_testkit::{Action, ApiKey, BrokerId, Fault};

use super::support::embedded::{builder, config, keeper, target, user};
use super::support::within;
use super::{LIMIT, SECOND};

/// The broker answers requests of this API with a code, so many times.
fn refuse(brokers: &ottla_testkit::Cluster, api: ApiKey, code: i16, times: u64) {
    brokers.faults().add(Fault::new(Action::Refuse(code)).on_api(api).times(times));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_that_leaves_the_token_alive_says_so_and_keeps_the_saved_state() {
    within(LIMIT, "the test", async {
        let brokers = builder().start_in_memory().unwrap();
        let path = std::env::temp_dir().join(format!("ottla-keeper-63-{}", std::process::id()));
        let kept = keeper(&brokers).with_saved_state(&path).start().await.unwrap();
        let id = kept.state().token_id;
        refuse(&brokers, ApiKey::ExpireDelegationToken, 63, 1);
        let error = kept.shutdown(AtShutdown::Expire).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Broker(BrokerError::DELEGATION_TOKEN_OWNER_MISMATCH));
        assert_eq!((brokers.tokens().len(), path.exists()), (1, true));
        let again = keeper(&brokers).with_saved_state(&path).start().await.unwrap();
        assert_eq!((again.state().token_id, again.state().created), (id, 0));
        again.shutdown(AtShutdown::Expire).await.unwrap();
        assert_eq!((brokers.tokens().len(), path.exists()), (0, false));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_all_brokers_took_is_soon_known_to_be_gone() {
    within(LIMIT, "the test", async {
        let brokers = builder().start_in_memory().unwrap();
        let kept = keeper(&brokers).start().await.unwrap();
        brokers.delete_token(&kept.state().token_id).unwrap();
        let began = tokio::time::Instant::now();
        kept.shutdown(AtShutdown::Expire).await.unwrap();
        assert!(began.elapsed() < 3 * SECOND, "{:?}", began.elapsed());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_adoption_whose_first_look_failed_makes_no_second_token() {
    within(LIMIT, "the test", async {
        let brokers = builder().start_in_memory().unwrap();
        let path = std::env::temp_dir().join(format!("ottla-keeper-look-{}", std::process::id()));
        let first = keeper(&brokers).with_saved_state(&path).start().await.unwrap();
        let id = first.state().token_id;
        drop(first);
        refuse(&brokers, ApiKey::DescribeDelegationToken, 7, 2);
        let again = keeper(&brokers).with_saved_state(&path).start().await.unwrap();
        assert_eq!((again.state().token_id, again.state().created), (id.clone(), 0));
        drop(again);
        // It cannot be told in time, so no keeper starts, and the token is not forgotten.
        refuse(&brokers, ApiKey::DescribeDelegationToken, 7, 1000);
        let admin = config(&brokers, user("alice")).with_deadline(10 * SECOND);
        let late = TokenKeeper::new(admin, target(&brokers)).with_saved_state(&path);
        assert!(late.start().await.unwrap_err().is_retriable());
        assert_eq!(brokers.tokens().len(), 1);
        assert!(std::fs::read_to_string(&path).unwrap().contains(&id));
        std::fs::remove_file(&path).unwrap();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_mechanism_that_the_target_lacks_is_told_at_once_with_those_that_it_offers() {
    within(LIMIT, "the test", async {
        let brokers =
            builder().mechanisms([ottla_testkit::Mechanism::ScramSha256]).start_in_memory().unwrap();
        let target = target(&brokers).with_mechanism(ScramMechanism::Sha512);
        let began = tokio::time::Instant::now();
        let wrong = TokenKeeper::new(config(&brokers, user("alice")), target);
        let error = wrong.start().await.unwrap_err();
        assert!(began.elapsed() < 2 * SECOND, "{:?}", began.elapsed());
        assert!(error.kind() == ErrorKind::Auth && !error.is_retriable(), "{error:?}");
        let text = explained(&error);
        assert!(text.contains("does not offer SCRAM-SHA-512; it offers SCRAM-SHA-256"), "{text}");
        assert!(brokers.tokens().is_empty(), "the token that nobody got is deleted");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_brokers_do_not_take_in_time_tells_what_they_said() {
    within(LIMIT, "the test", async {
        let brokers = builder().start_in_memory().unwrap();
        let other = builder().seed(7).start_in_memory().unwrap();
        let start = |deadline| {
            let admin = config(&brokers, user("alice")).with_deadline(deadline);
            TokenKeeper::new(admin, target(&other)).start()
        };
        // With all the time that brokers get to learn of a token, and with half of it.
        for deadline in [60 * SECOND, 12 * SECOND] {
            let error = start(deadline).await.unwrap_err();
            assert!(error.kind() == ErrorKind::Auth && !error.is_retriable(), "{error:?}");
            assert!(error.needs_new_credentials() && error.broker_address().is_some(), "{error:?}");
            let text = explained(&error);
            let named = (1..=3).all(|broker| text.contains(&format!("broker-{broker}:9094")));
            assert!(named && text.contains("see that the target") && text.contains("code 58"), "{text}");
            assert_eq!(text.contains("a longer deadline"), deadline < 20 * SECOND, "{text}");
        }
        // More time may help, and what brokers said until then is told.
        let began = tokio::time::Instant::now();
        let error = start(5 * SECOND).await.unwrap_err();
        assert!(began.elapsed() < 6 * SECOND, "{:?}", began.elapsed());
        assert!(error.kind() == ErrorKind::Timeout && error.is_retriable(), "{error:?}");
        let cause = std::error::Error::source(&error).unwrap().downcast_ref::<ottla::Error>().unwrap();
        assert!(cause.needs_new_credentials() && cause.broker_address().is_some(), "{cause:?}");
        assert!(brokers.tokens().is_empty(), "tokens that nobody got are deleted");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_adoption_that_hears_nothing_ends_by_the_deadline() {
    within(LIMIT, "the test", async {
        let brokers = builder().start_in_memory().unwrap();
        let path = std::env::temp_dir().join(format!("ottla-keeper-late-{}", std::process::id()));
        drop(keeper(&brokers).with_saved_state(&path).start().await.unwrap());
        brokers.faults().add(Fault::new(Action::Stall).on_api(ApiKey::DescribeDelegationToken));
        let admin = config(&brokers, user("alice")).with_deadline(7 * SECOND);
        let began = tokio::time::Instant::now();
        let late = TokenKeeper::new(admin, target(&brokers)).with_saved_state(&path);
        let error = late.start().await.unwrap_err();
        std::fs::remove_file(&path).unwrap();
        assert!(began.elapsed() <= 7 * SECOND + SECOND / 100, "{:?}", began.elapsed());
        assert!(error.is_retriable() && brokers.tokens().len() == 1, "{error:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_expires_while_brokers_are_away_leaves_no_secret_and_is_replaced_when_they_are_back() {
    within(100 * LIMIT, "the test", async {
        let brokers = builder().start_in_memory().unwrap();
        let kept = keeper(&brokers).start().await.unwrap();
        let first = kept.state();
        for broker in 1..=3 {
            brokers.stop_broker(BrokerId(broker)).unwrap();
        }
        tokio::time::sleep(first.expires_in + SECOND).await;
        let dead = kept.source().current();
        assert!(dead.secret_hmac().is_empty() && dead.id() == first.token_id);
        for broker in 1..=3 {
            brokers.start_broker(BrokerId(broker)).unwrap();
        }
        tokio::time::sleep(20 * SECOND).await;
        let next = kept.source().current();
        assert!(!next.secret_hmac().is_empty() && next.id() != first.token_id, "{:?}", kept.state());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_proof_that_ends_by_a_limit_tells_what_brokers_said_until_then() {
    within(LIMIT, "the test", async {
        let brokers = builder().token_propagation(100 * SECOND).start_in_memory().unwrap();
        let admin = ottla::Cluster::connect(config(&brokers, user("alice"))).await.unwrap();
        let token = admin.create_delegation_token(ottla::NewToken::new()).await.unwrap();
        let began = tokio::time::Instant::now();
        let proof = target(&brokers).prove_within(&token, 3 * SECOND).await;
        assert!(began.elapsed() <= 3 * SECOND + SECOND / 100, "{:?}", began.elapsed());
        let error = proof.error().unwrap();
        assert!(error.kind() == ErrorKind::Auth && error.needs_new_credentials(), "{error:?}");
    })
    .await;
}

/// A try is cut short for the sake of the next one while a token is in use: a shutdown has no next one.
#[tokio::test(start_paused = true)]
async fn a_shutdown_has_the_time_of_a_call_to_delete_tokens_that_live_for_seconds() {
    within(LIMIT, "the test", async {
        let brokers = builder().token_expiry(4 * SECOND).token_max_lifetime(7 * SECOND);
        let brokers = brokers.start_in_memory().unwrap();
        let kept = keeper(&brokers).with_grace(SECOND).start().await.unwrap();
        let slow = Fault::new(Action::Delay(3 * SECOND)).on_api(ApiKey::ExpireDelegationToken);
        brokers.faults().add(slow);
        kept.shutdown(AtShutdown::Expire).await.unwrap();
        assert!(brokers.tokens().is_empty(), "{:?}", brokers.tokens());
    })
    .await;
}
