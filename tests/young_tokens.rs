//! Tokens that brokers do not know yet, on embedded brokers that take their time.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::time::Duration;

use ottla::{Cluster, ErrorKind, NewToken};
use support::embedded::{builder, config, pass, user};
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
