//! Tokens that brokers do not know yet, on embedded brokers that take their time.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ottla::{Cluster, Connect, Connecting, ErrorKind, NewToken, ScramMechanism, TokenSource};
use ottla_testkit::{Action, BrokerId, Fault};
use support::embedded::{Pipes, builder, config, executor, pass, pipes, target, user};
use support::within;

const LIMIT: Duration = Duration::from_secs(600);
/// What the slowest broker takes to learn of a token.
const PROPAGATION: Duration = Duration::from_millis(700);

async fn alice(brokers: &ottla_testkit::Cluster) -> Cluster {
    Cluster::connect(config(brokers, user("alice"))).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_right_after_it_was_made() {
    within(LIMIT, "the test", async {
        let brokers = builder().token_propagation(PROPAGATION).start_in_memory().unwrap();
        let alice = alice(&brokers).await;
        let token = alice.create_delegation_token(NewToken::new()).await.unwrap();
        alice.renew_delegation_token(&token, None).await.unwrap();
        assert!(alice.statistics().requests_of("RenewDelegationToken") > 1);
        assert_eq!(brokers.counters().tokens_renewed, 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_token_is_deleted_right_after_it_was_made_and_does_not_survive() {
    within(LIMIT, "the test", async {
        let brokers = builder().token_propagation(PROPAGATION).start_in_memory().unwrap();
        let alice = alice(&brokers).await;
        let token = alice.create_delegation_token(NewToken::new()).await.unwrap();
        alice.expire_delegation_token(&token, None).await.unwrap();
        pass(2 * PROPAGATION).await;
        assert!(brokers.tokens().is_empty());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_somebody_else_deleted_is_not_waited_for_once_it_is_old() {
    within(LIMIT, "the test", async {
        let brokers = builder().token_propagation(PROPAGATION).start_in_memory().unwrap();
        let alice = alice(&brokers).await;
        let token = alice.create_delegation_token(NewToken::new()).await.unwrap();
        pass(Duration::from_secs(60)).await;
        brokers.delete_token(token.id()).unwrap();
        pass(2 * PROPAGATION).await;
        let error = alice.renew_delegation_token(&token, None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Broker(ottla::BrokerError::DELEGATION_TOKEN_NOT_FOUND));
        assert_eq!(alice.statistics().requests_of("RenewDelegationToken"), 1);
    })
    .await;
}

/// As one in a file that was made for Java.
#[tokio::test(start_paused = true)]
async fn a_token_that_tells_nothing_of_its_life_is_deleted_right_after_it_was_made_and_not_waited_for_long() {
    within(LIMIT, "the test", async {
        let brokers = builder().token_propagation(PROPAGATION).start_in_memory().unwrap();
        let alice = alice(&brokers).await;
        let made = alice.create_delegation_token(NewToken::new()).await.unwrap();
        let undated = ottla::Token::new(made.id(), made.secret_hmac().clone()).unwrap();
        alice.expire_delegation_token(&undated, None).await.unwrap();
        pass(2 * PROPAGATION).await;
        assert!(brokers.tokens().is_empty());
        let began = tokio::time::Instant::now();
        let gone = alice.expire_delegation_token(&undated, None).await.unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::Broker(ottla::BrokerError::DELEGATION_TOKEN_NOT_FOUND));
        assert!(began.elapsed() <= Duration::from_secs(7), "{:?}", began.elapsed());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_proof_tells_which_brokers_take_a_token_and_which_do_not_and_which_cannot_be_asked() {
    within(LIMIT, "the test", async {
        let brokers = builder().token_propagation(PROPAGATION).start_in_memory().unwrap();
        let alice = alice(&brokers).await;
        let token = alice.create_delegation_token(NewToken::new()).await.unwrap();
        let proof = target(&brokers).prove(&token).await;
        assert!(proof.is_complete() && proof.error().is_none(), "{proof:?}");
        assert_eq!(proof.accepted, ["broker-1:9094", "broker-2:9094", "broker-3:9094"]);

        brokers.set_token_propagation(Some(BrokerId(2)), 100 * LIMIT);
        let token = alice.create_delegation_token(NewToken::new()).await.unwrap();
        let began = tokio::time::Instant::now();
        let proof = target(&brokers).prove(&token).await;
        let refused: Vec<&str> = proof.refused.iter().map(|(broker, _)| broker.as_str()).collect();
        assert_eq!((proof.accepted.len(), refused), (2, vec!["broker-2:9094"]), "{proof:?}");
        assert!(proof.error().unwrap().needs_new_credentials());
        // As long as a token is young, and one pause.
        assert!(began.elapsed() <= Duration::from_secs(29), "{:?}", began.elapsed());

        brokers.stop_broker(BrokerId(2)).unwrap();
        let began = tokio::time::Instant::now();
        let proof = target(&brokers).prove(&token).await;
        assert!(proof.refused.is_empty() && proof.accepted.len() == 2, "{proof:?}");
        assert!(proof.error().is_none() && began.elapsed() <= Duration::from_secs(6), "{proof:?}");

        let other = target(&brokers).with_mechanism(ScramMechanism::Sha512);
        assert!(other.prove(&token).await.error().is_none(), "every token works with both");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_proof_that_reaches_nobody_names_the_brokers_that_said_nothing() {
    within(LIMIT, "the test", async {
        let brokers = builder().start_in_memory().unwrap();
        let token = alice(&brokers).await.create_delegation_token(NewToken::new()).await.unwrap();
        pass(Duration::from_secs(60)).await;
        brokers.faults().add(Fault::new(Action::Stall));
        let proof = target(&brokers).prove(&token).await;
        let silent: Vec<&str> = proof.unasked.iter().map(|(broker, _)| broker.as_str()).collect();
        assert!(proof.accepted.is_empty() && proof.refused.is_empty() && !silent.is_empty(), "{proof:?}");
        let error = proof.error().unwrap();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        let text = error.to_string();
        assert!(silent.iter().all(|broker| text.contains(broker)), "{text}");
    })
    .await;
}

/// As one from a file, or from Java's tool, that nobody has proved.
#[tokio::test(start_paused = true)]
async fn a_client_tries_a_token_again_that_was_made_moments_ago_and_not_for_ever() {
    within(LIMIT, "the test", async {
        let brokers = builder().token_propagation(5 * PROPAGATION).start_in_memory().unwrap();
        let alice = alice(&brokers).await;
        let token = alice.create_delegation_token(NewToken::new()).await.unwrap();
        executor(&brokers, TokenSource::fixed(token)).await.unwrap();
        let token = alice.create_delegation_token(NewToken::new()).await.unwrap();
        let stranger = ottla::Token::new("no-such-token", token.secret_hmac().clone()).unwrap();
        let began = tokio::time::Instant::now();
        let error = executor(&brokers, TokenSource::fixed(stranger)).await.unwrap_err();
        assert!(error.is_unknown_user(), "{error:?}");
        assert!(began.elapsed() <= Duration::from_secs(21), "{:?}", began.elapsed());
        // A wrong secret of a token that is known is no matter of time.
        pass(10 * PROPAGATION).await;
        let wrong = ottla::Token::new(token.id(), "wrong".into()).unwrap();
        let began = tokio::time::Instant::now();
        executor(&brokers, TokenSource::fixed(wrong)).await.unwrap_err();
        assert!(began.elapsed() <= Duration::from_secs(1), "{:?}", began.elapsed());
    })
    .await;
}

/// A connector that panics at one broker, so many times.
#[derive(Debug)]
struct Panicking {
    pipes: Pipes,
    times: AtomicU32,
}

impl Connect for Panicking {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        let again = |left: u32| left.checked_sub(1);
        let panics = host == "broker-2"
            && self.times.fetch_update(Ordering::Relaxed, Ordering::Relaxed, again).is_ok();
        Box::pin(async move {
            assert!(!panics, "the connector's own fault");
            self.pipes.connect(host, port).await
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_proof_takes_a_connector_that_panics_for_a_broker_that_cannot_be_reached() {
    within(LIMIT, "the test", async {
        let brokers = builder().start_in_memory().unwrap();
        let token = alice(&brokers).await.create_delegation_token(NewToken::new()).await.unwrap();
        let prove = async |times| {
            let connector = Panicking { pipes: pipes(&brokers), times: AtomicU32::new(times) };
            let began = tokio::time::Instant::now();
            (target(&brokers).with_connector(connector).prove(&token).await, began.elapsed())
        };
        let (proof, took) = prove(3).await;
        assert!(proof.is_complete() && took < Duration::from_secs(2), "{took:?}: {proof:?}");
        let (proof, took) = prove(u32::MAX).await;
        assert!(took < Duration::from_secs(6), "{took:?}");
        let [(broker, Some(error))] = &proof.unasked[..] else { panic!("{proof:?}") };
        assert!(broker == "broker-2:9094" && error.kind() == ErrorKind::Connect, "{error:?}");
    })
    .await;
}
