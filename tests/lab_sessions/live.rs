//! The client's connections over the ends of sessions and tokens.

use std::time::Duration;

use ottla::ids::TopicPartition;
use ottla::{
    Cluster, Credentials, ErrorKind, IsolationLevel, NewToken, NewTopic, OffsetAt, ScramMechanism, Token,
    TokenSource, TokenWriter,
};
use ottla_lab::{Listener, Profile};

use crate::support::lab;
use crate::support::raw::now;

async fn admin(lab: &ottla_lab::Cluster) -> Cluster {
    lab::connect(lab, Listener::SaslPlaintext, lab::plain("admin")).await.unwrap()
}

/// A topic of this run's own.
async fn topic(admin: &Cluster, name: &str) -> TopicPartition {
    let name = format!("{name}-{}", std::process::id());
    admin.create_topics(vec![NewTopic::new(name.as_str())]).await.unwrap();
    while admin.partitions(name.as_str()).await.is_err() {}
    TopicPartition::new(name, 0)
}

async fn calls_for_a_minute(client: &Cluster, partition: &TopicPartition) -> u64 {
    let end = now() + Duration::from_secs(60);
    let mut calls = 0;
    while now() < end {
        let partitions = std::slice::from_ref(partition);
        client.list_offsets(partitions, OffsetAt::Latest, IsolationLevel::ReadCommitted).await.unwrap();
        calls += 1;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    calls
}

/// Sessions of 5 s: a dozen logins on each connection.
#[tokio::test]
async fn busy_connections_log_in_again_before_each_end_and_never_reconnect() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::Reauth5s);
        let admin = admin(&cluster).await;
        let partition = topic(&admin, "busy-connections").await;
        let token = admin.create_delegation_token(NewToken::new()).await.unwrap();
        lab::await_known(&cluster, &token);
        let metrics = || {
            ["expired-connections-killed-count", "failed-reauthentication-total"]
                .map(|name| cluster.metric_sum(name).unwrap())
        };
        let clients = [
            (Listener::SaslPlaintext, lab::token(ScramMechanism::Sha256, &token)),
            (Listener::SaslSsl, lab::token(ScramMechanism::Sha512, &token)),
            (Listener::SaslPlaintext, lab::scram(ScramMechanism::Sha512, "admin")),
            (Listener::SaslSsl, lab::plain("admin")),
        ];
        let mut tasks = tokio::task::JoinSet::new();
        for (listener, credentials) in clients {
            let client = lab::connect(&cluster, listener, credentials.clone()).await.unwrap();
            let partition = partition.clone();
            tasks.spawn(async move {
                calls_for_a_minute(&client, &partition).await;
                (credentials, client.statistics())
            });
        }
        let before = metrics();
        while let Some(done) = tasks.join_next().await {
            let (credentials, statistics) = done.unwrap();
            println!("{credentials:?}: {statistics:?}");
            assert_eq!((statistics.connections, statistics.dial_failures), (1, 0), "{credentials:?}");
            assert_eq!(statistics.logins, 1, "{credentials:?}");
            assert!((10..=16).contains(&statistics.reauthentications), "{credentials:?} {statistics:?}");
        }
        assert_eq!(metrics(), before);
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_idled_past_the_end_of_its_session_is_revived_by_the_next_call() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::Reauth5s);
        let client = admin(&cluster).await;
        let partition = topic(&client, "idle-connections").await;
        let before = client.statistics();
        // What the client's own timer would do is kept from it, as by a machine that sleeps.
        std::thread::sleep(Duration::from_secs(6));
        let partitions = [partition];
        client.list_offsets(&partitions, OffsetAt::Latest, IsolationLevel::ReadCommitted).await.unwrap();
        let after = client.statistics();
        assert_eq!(after.connections, before.connections);
        assert!(after.reauthentications > before.reauthentications);
    })
    .await;
}

#[tokio::test]
async fn a09_an_expired_token_that_is_not_swept_is_found_out_within_a_second_and_not_tried_in_a_loop() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::LongSweep);
        let admin = admin(&cluster).await;
        let token = admin.create_delegation_token(NewToken::new()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(4)).await;
        let credentials = lab::token(ScramMechanism::Sha256, &token);
        let began = now();
        let error = lab::connect(&cluster, Listener::SaslPlaintext, credentials).await.unwrap_err();
        let found_out = began.elapsed();
        let live = long_lived(&cluster, &admin).await;
        let began = now();
        let credentials = lab::token(ScramMechanism::Sha256, &live);
        lab::connect(&cluster, Listener::SaslPlaintext, credentials).await.unwrap();
        println!("found out in {found_out:?}; with a token that lives a login takes {:?}", began.elapsed());
        assert_eq!(error.kind(), ErrorKind::TokenExpired, "{error:?}");
        assert!(error.needs_new_credentials() && !error.is_retriable());
    })
    .await;
}

/// A token that lives for an hour, which every broker knows.
async fn long_lived(lab: &ottla_lab::Cluster, admin: &Cluster) -> Token {
    let token = admin.create_delegation_token(NewToken::new()).await.unwrap();
    admin.expire_delegation_token(&token, Some(Duration::from_secs(3_600))).await.unwrap();
    lab::await_long_lived(lab, &token);
    token
}

/// A client that a token with a few seconds to live has connected.
async fn connect_by_short_token(
    lab: &ottla_lab::Cluster,
    admin: &Cluster,
    (first_wait, longest_wait): (Duration, Duration),
) -> (TokenWriter, Cluster) {
    loop {
        let token = admin.create_delegation_token(NewToken::new()).await.unwrap();
        admin.expire_delegation_token(&token, Some(Duration::from_secs(8))).await.unwrap();
        lab::await_known(lab, &token);
        let (writer, source) = TokenSource::watched(token);
        let credentials = Credentials::Token { mechanism: ScramMechanism::Sha256, source };
        let config = lab::config(lab, Listener::SaslPlaintext, credentials);
        let config = config.with_reconnect_backoff(first_wait, longest_wait);
        // On a busy machine it may have died before.
        if let Ok(client) = Cluster::connect(config).await {
            return (writer, client);
        }
    }
}

/// The token's life is short: its connection dies under a caller that never stops asking.
#[tokio::test]
async fn a09_a_caller_that_never_gives_up_connects_at_most_twice_a_second_with_a_dead_token() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::LongSweep);
        let admin = admin(&cluster).await;
        let partition = topic(&admin, "dead-token").await;
        let default = (Duration::from_millis(50), Duration::from_secs(1));
        let (_, client) = connect_by_short_token(&cluster, &admin, default).await;
        let partitions = [partition];
        let mut last = None;
        let end = now() + Duration::from_secs(18);
        while now() < end {
            let call = client.list_offsets(&partitions, OffsetAt::Latest, IsolationLevel::ReadCommitted);
            last = call.await.err().or(last);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(last.unwrap().kind(), ErrorKind::TokenExpired);
        let statistics = client.statistics();
        println!("{statistics:?}");
        assert!(statistics.requests_of("SaslHandshake") <= 30, "{statistics:?}");
        assert!(statistics.connections + statistics.dial_failures <= 20, "{statistics:?}");
    })
    .await;
}

/// A source that can change is worth waiting for: its users see nothing of the meantime.
#[tokio::test]
async fn a_call_that_finds_the_token_dead_waits_for_the_next_one_and_uses_it() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::LongSweep);
        let admin = admin(&cluster).await;
        let partitions = [topic(&admin, "next-token").await];
        let long = Duration::from_secs(30);
        let (writer, client) = connect_by_short_token(&cluster, &admin, (long, long)).await;
        let call = || client.list_offsets(&partitions, OffsetAt::Latest, IsolationLevel::ReadCommitted);
        while let Ok(answered) = tokio::time::timeout(Duration::from_secs(5), call()).await {
            answered.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let next = async {
            assert!(writer.replace(long_lived(&cluster, &admin).await));
        };
        let (answered, ()) = tokio::join!(call(), next);
        answered.unwrap();
    })
    .await;
}
