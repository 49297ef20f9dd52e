//! Which brokers a client dials, and how often.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "pool/net.rs"]
mod net;
mod support;

use std::time::Duration;

use net::{Net, PORT};
use ottla::ids::TopicPartition;
use ottla::{Cluster, Config, Credentials, Error, ErrorKind, IsolationLevel, OffsetAt, Security};
use support::within;
use tokio::task::JoinSet;

const LIMIT: Duration = Duration::from_secs(300);

fn config(net: &Net) -> Config {
    let bootstrap = format!("seed:{PORT}").parse().unwrap();
    Config::new(bootstrap, Security::Plaintext, Credentials::None).with_connector(net.clone())
}

/// Asks the leader of the topic's only partition.
async fn end_of(client: &Cluster, topic: &str) -> Result<i64, Error> {
    let partition = TopicPartition::new(topic, 0);
    let asked = [partition.clone()];
    let offsets = client.list_offsets(&asked, OffsetAt::Latest, IsolationLevel::ReadUncommitted);
    Ok(within(LIMIT, "an offset", offsets).await?[&partition])
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_brokers_are_all_gone_finds_the_new_ones_by_its_bootstrap_list() {
    let net = Net::new(&["old1", "old2"]);
    let client = Cluster::connect(config(&net)).await.unwrap();
    assert_eq!(end_of(&client, "t").await.unwrap(), net::END);
    // Longer than a life that counts as a failed dial.
    tokio::time::sleep(Duration::from_secs(2)).await;
    net.replace(&["new1", "new2"]);
    for topic in ["t", "u"] {
        assert_eq!(end_of(&client, topic).await.unwrap(), net::END);
    }
    assert!(net.dials("new1") == 1 && net.dials("seed") == 2, "{net:?}");
}

#[tokio::test(start_paused = true)]
async fn callers_that_come_together_share_one_dial() {
    let net = Net::new(&["b1"]);
    let client = Cluster::connect(config(&net)).await.unwrap();
    client.partitions("t").await.unwrap();
    assert_eq!(net.dials("b1"), 0);
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let client = client.clone();
        callers.spawn(async move { end_of(&client, "t").await });
    }
    while let Some(end) = callers.join_next().await {
        assert_eq!(end.unwrap().unwrap(), net::END);
    }
    assert_eq!(net.dials("b1"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_refuses_connections_is_dialled_at_growing_intervals() {
    let net = Net::new(&["b1"]);
    let backoff = (Duration::from_millis(100), Duration::from_secs(1));
    let config = config(&net).with_reconnect_backoff(backoff.0, backoff.1);
    let client = Cluster::connect(config.with_deadline(Duration::from_secs(10))).await.unwrap();
    client.partitions("t").await.unwrap();
    net.refuse("b1");
    let mut callers = JoinSet::new();
    for _ in 0..20 {
        let client = client.clone();
        callers.spawn(async move { end_of(&client, "t").await });
    }
    while let Some(end) = callers.join_next().await {
        assert_eq!(end.unwrap().unwrap_err().kind(), ErrorKind::Connect);
    }
    // With the least jitter: after 0, 80, 240, 560 and 1,200 ms, then each 800 ms up to 10 s.
    let dials = net.dials("b1");
    assert!((5..=16).contains(&dials), "{dials}");
}
