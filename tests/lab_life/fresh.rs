//! Tokens that were made moments ago.

use base64ct::{Base64, Encoding};
use ottla::{AtShutdown, Cluster, NewToken, ScramMechanism, Security};
use ottla_lab::{Listener, Profile};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::stage::{PATIENCE, SECOND, config, keeper, print_times, rounds, shared};
use crate::support::raw::{Raw, Who, own_token};
use crate::support::{lab, within};

#[tokio::test]
async fn a06_no_user_sees_that_a_fresh_token_is_not_known_yet() {
    let count = rounds(100, 500);
    within(PATIENCE * 8, "the test", async {
        let kafka = shared(Profile::Default).await;
        let mut readiness = Vec::new();
        for _ in 0..count {
            let keeper = keeper(&kafka, "bob").start().await.unwrap();
            readiness.push(keeper.state().readiness);
            let token = keeper.source().current();
            let logins = (1..=kafka.brokers()).map(|broker| {
                let address = kafka.address(broker, Listener::SaslPlaintext).unwrap();
                let credentials = lab::token(ScramMechanism::Sha256, &token);
                let config = lab::secured(&kafka, &address, Security::Plaintext, credentials);
                tokio::spawn(Cluster::connect(config))
            });
            for login in logins.collect::<Vec<_>>() {
                let client = login.await.unwrap().unwrap();
                assert_eq!(client.statistics().dial_failures, 0, "nobody saw a refusal");
            }
            keeper.shutdown(AtShutdown::Expire).await.unwrap();
        }
        print_times(&kafka, "until all brokers knew a token", readiness);
        let cluster = kafka.clone();
        let refused = spawn_blocking(move || refusals(&cluster)).await.unwrap();
        println!("Kafka {}, without the gate: {refused} of {LOGINS} logins refused", kafka.version());
        // A busy machine may be slower to log in than brokers are to learn; 3.9 is the slower one to learn.
        assert!(refused > 0 || !kafka.version().starts_with("3."), "the test bites");
    })
    .await;
}

const LOGINS: u16 = 30;

/// How many of the logins with tokens that were made just now are refused.
fn refusals(kafka: &ottla_lab::Cluster) -> usize {
    let mut bob = Raw::logged_in(kafka, 1, Who::password("bob", "bob-secret"));
    let mut refused = 0;
    for round in 0..LOGINS {
        let broker = 1 + round % kafka.brokers();
        let made = bob.create(&own_token());
        let password = Base64::encode_string(&made.hmac);
        let login =
            Raw::connect(kafka, broker, Listener::SaslPlaintext).login(Who::token(&made.token_id, &password));
        refused += usize::from(login.code != 0);
        assert_eq!(bob.expire_known(&made.hmac, -1).0, 0);
    }
    refused
}

#[tokio::test]
async fn a07_a_token_that_is_renewed_or_deleted_at_once_is_known_in_the_end() {
    let count = rounds(100, 500);
    within(PATIENCE * 8, "the test", async {
        let kafka = shared(Profile::Default).await;
        let bob = Cluster::connect(config(&kafka, "bob")).await.unwrap();
        let (mut renewed, mut deleted, mut made) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..count {
            let token = bob.create_delegation_token(NewToken::new()).await.unwrap();
            if round % 2 == 0 {
                let began = Instant::now();
                bob.renew_delegation_token(&token, None).await.unwrap();
                renewed.push(began.elapsed());
            }
            let began = Instant::now();
            bob.expire_delegation_token(&token, None).await.unwrap();
            if round % 2 == 1 {
                deleted.push(began.elapsed());
            }
            made.push(token);
        }
        let (renewals, deletions) = (renewed.len() as u64, count);
        print_times(&kafka, "from its making to its renewal", renewed);
        print_times(&kafka, "from its making to its deletion", deleted);
        let statistics = bob.statistics();
        println!(
            "{} requests for {renewals} renewals, {} for {deletions} deletions",
            statistics.requests_of("RenewDelegationToken"),
            statistics.requests_of("ExpireDelegationToken")
        );
        let began = Instant::now();
        loop {
            let listed = bob.describe_delegation_tokens(None).await.unwrap();
            if made.iter().all(|token| listed.iter().all(|it| it.token.id() != token.id())) {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "a deleted token is still listed");
            tokio::time::sleep(SECOND / 20).await;
        }
    })
    .await;
}
