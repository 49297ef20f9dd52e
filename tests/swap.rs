//! Live connections move to newer tokens.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod support;

use std::time::Duration;

use ottla::ids::TopicPartition;
use ottla::{Cluster, ErrorKind, NewToken, TokenSource};
use ottla_testkit::{Action, ApiKey, Fault};
use support::embedded::{builder, config, every_offset, executor, fill, kept, pass, read_all, touch, user};
use support::within;

const LIMIT: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

fn leader_of(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

async fn admin(brokers: &ottla_testkit::Cluster, name: &str) -> Cluster {
    Cluster::connect(config(brokers, user(name))).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_live_connection_logs_in_with_the_next_token_in_place() {
    within(LIMIT, "the test", async {
        let brokers = builder().start_in_memory().unwrap();
        fill(&brokers, "t", 3, 1);
        let alice = admin(&brokers, "alice").await;
        let first = alice.create_delegation_token(NewToken::new()).await.unwrap();
        let (writer, source) = TokenSource::watched(first.clone());
        let client = executor(&brokers, source).await.unwrap();
        read_all(&client, "t").await.unwrap();
        let before = brokers.counters();
        pass(2 * SECOND).await;
        assert!(writer.replace(alice.create_delegation_token(NewToken::new()).await.unwrap()));
        pass(SECOND).await;
        let after = brokers.counters();
        assert_eq!(after.reauthentications - before.reauthentications, before.open_connections - 1);
        assert_eq!(after.connections, before.connections);
        alice.expire_delegation_token(&first, None).await.unwrap();
        read_all(&client, "t").await.unwrap();
        assert_eq!(client.statistics().connections, after.open_connections - 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_came_while_a_login_ran_is_used_a_second_later() {
    within(LIMIT, "the test", async {
        let brokers = builder().brokers(1).start_in_memory().unwrap();
        let alice = admin(&brokers, "alice").await;
        let mut tokens = Vec::new();
        for _ in 0..3 {
            tokens.push(alice.create_delegation_token(NewToken::new()).await.unwrap());
            pass(SECOND / 10).await;
        }
        let (writer, source) = TokenSource::watched(tokens.remove(0));
        let client = executor(&brokers, source).await.unwrap();
        pass(2 * SECOND).await;
        brokers.faults().add(Fault::new(Action::Delay(SECOND / 2)).on_api(ApiKey::SaslAuthenticate).times(1));
        assert!(writer.replace(tokens.remove(0)));
        pass(SECOND / 4).await;
        assert!(writer.replace(tokens.remove(0)));
        pass(3 * SECOND).await;
        assert_eq!(brokers.counters().reauthentications, 2);
        assert_eq!((brokers.counters().failed_logins, client.statistics().connections), (0, 1));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_owner_gets_connections_of_its_own_and_no_answer_is_lost() {
    within(LIMIT, "the test", async {
        let brokers = builder().brokers(1).start_in_memory().unwrap();
        fill(&brokers, "t", 1, 1);
        let (alice, bob) = (admin(&brokers, "alice").await, admin(&brokers, "bob").await);
        let (writer, source) =
            TokenSource::watched(alice.create_delegation_token(NewToken::new()).await.unwrap());
        let client = executor(&brokers, source).await.unwrap();
        touch(&client, &leader_of(0)).await.unwrap();
        pass(2 * SECOND).await;
        brokers.faults().add(Fault::new(Action::Delay(SECOND)).on_api(ApiKey::ListOffsets).times(1));
        let asking = client.clone();
        let in_flight = tokio::spawn(async move { touch(&asking, &leader_of(0)).await });
        pass(SECOND / 10).await;
        assert!(writer.replace(bob.create_delegation_token(NewToken::new()).await.unwrap()));
        touch(&client, &leader_of(0)).await.unwrap();
        in_flight.await.unwrap().unwrap();
        let counters = brokers.counters();
        assert_eq!((counters.reauthentications, counters.failed_logins), (0, 0));
        assert_eq!(client.statistics().connections, 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_past_the_end_of_its_token_is_revived_by_the_next_one() {
    within(LIMIT, "the test", async {
        let (brokers, keeper, client) = kept(builder().token_expiry(30 * SECOND)).await;
        read_all(&client, "t").await.unwrap();
        let connections = client.statistics().connections;
        for api in [ApiKey::CreateDelegationToken, ApiKey::RenewDelegationToken] {
            brokers.faults().add(Fault::new(Action::Refuse(-1)).on_api(api));
        }
        pass(40 * SECOND).await;
        assert_eq!(keeper.state().expires_in, Duration::ZERO);
        let reading = tokio::spawn({
            let client = client.clone();
            async move { read_all(&client, "t").await }
        });
        pass(SECOND).await;
        assert!(!reading.is_finished(), "it waits for a token");
        brokers.faults().clear();
        assert_eq!(reading.await.unwrap().unwrap(), every_offset(3, 10));
        assert_eq!(client.statistics().connections, connections, "revived");
        assert_eq!(brokers.counters().expired_connections_killed, 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_reauthentication_that_is_refused_costs_its_connection_and_no_request() {
    within(LIMIT, "the test", async {
        let brokers = builder().brokers(1).start_in_memory().unwrap();
        fill(&brokers, "t", 1, 10);
        let alice = admin(&brokers, "alice").await;
        let (writer, source) =
            TokenSource::watched(alice.create_delegation_token(NewToken::new()).await.unwrap());
        let client = executor(&brokers, source).await.unwrap();
        read_all(&client, "t").await.unwrap();
        pass(2 * SECOND).await;
        brokers.faults().add(Fault::new(Action::Refuse(58)).on_api(ApiKey::SaslAuthenticate).times(1));
        assert!(writer.replace(alice.create_delegation_token(NewToken::new()).await.unwrap()));
        for _ in 0..20 {
            assert_eq!(read_all(&client, "t").await.unwrap(), every_offset(1, 10));
            pass(SECOND / 10).await;
        }
        assert_eq!(client.statistics().connections, 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_proof_that_is_refused_is_worth_one_more_try() {
    within(LIMIT, "the test", async {
        let brokers = builder().brokers(1).start_in_memory().unwrap();
        let token = admin(&brokers, "alice").await.create_delegation_token(NewToken::new()).await.unwrap();
        let refuse =
            |times| Fault::new(Action::Refuse(58)).on_api(ApiKey::SaslAuthenticate).after(1).times(times);
        brokers.faults().add(refuse(1));
        executor(&brokers, TokenSource::fixed(token.clone())).await.unwrap();
        let before = brokers.counters().connections;
        // A token that may be unknown still is tried for longer: this one is older.
        pass(30 * SECOND).await;
        // Those after the first one: the proofs, and what comes next.
        brokers.faults().add(refuse(100));
        let error = executor(&brokers, TokenSource::fixed(token)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Auth);
        assert!(brokers.counters().connections <= before + 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_hundred_connections_log_in_with_a_new_token_over_two_seconds() {
    within(LIMIT, "the test", async {
        let brokers = builder().brokers(1).start_in_memory().unwrap();
        let alice = admin(&brokers, "alice").await;
        let (writer, source) =
            TokenSource::watched(alice.create_delegation_token(NewToken::new()).await.unwrap());
        let mut clients = Vec::new();
        for _ in 0..100 {
            clients.push(executor(&brokers, source.clone()).await.unwrap());
        }
        pass(2 * SECOND).await;
        assert!(writer.replace(alice.create_delegation_token(NewToken::new()).await.unwrap()));
        let mut done = Vec::new();
        for _ in 0..4 {
            pass(SECOND / 2).await;
            done.push(brokers.counters().reauthentications);
        }
        assert!((24..=27).contains(&done[0]) && (48..=52).contains(&done[1]) && done[3] == 100, "{done:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn connections_that_nobody_uses_close_and_do_not_log_in_again_for_ever() {
    within(10 * LIMIT, "the test", async {
        let brokers = builder().max_reauth(60 * SECOND).start_in_memory().unwrap();
        fill(&brokers, "t", 3, 10);
        let client = admin(&brokers, "alice").await;
        read_all(&client, "t").await.unwrap();
        let before = brokers.counters();
        assert!(before.open_connections > 1);
        pass(6 * LIMIT).await;
        let after = brokers.counters();
        assert!(after.reauthentications <= before.open_connections, "one for the last use: {after:?}");
        assert_eq!((after.open_connections, after.expired_connections_killed), (0, 0));
        assert_eq!(read_all(&client, "t").await.unwrap(), every_offset(3, 10));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_in_use_logs_in_again_before_each_end_of_its_session() {
    within(LIMIT, "the test", async {
        let brokers = builder().brokers(1).max_reauth(60 * SECOND).start_in_memory().unwrap();
        fill(&brokers, "t", 1, 1);
        let client = admin(&brokers, "alice").await;
        for _ in 0..60 {
            touch(&client, &leader_of(0)).await.unwrap();
            pass(30 * SECOND).await;
        }
        let counters = brokers.counters();
        assert_eq!((counters.connections, counters.expired_connections_killed), (1, 0));
        assert!((25..=40).contains(&counters.reauthentications), "{counters:?}");
    })
    .await;
}
