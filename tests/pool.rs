//! Which brokers a client dials, and how often.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "pool/log.rs"]
mod log;
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

#[expect(clippy::disallowed_methods, reason = "a fact about time needs a clock")]
fn now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// How long a call took, in virtual time, and what came of it.
async fn timed<T>(call: impl Future<Output = T>) -> (T, Duration) {
    let began = now();
    let outcome = within(LIMIT, "a call", call).await;
    (outcome, now() - began)
}

fn names(name: &str, count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("{name}{number}")).collect()
}

fn list(names: &[String]) -> ottla::Bootstrap {
    let ends: Vec<_> = names.iter().map(|name| format!("{name}:{PORT}")).collect();
    ends.join(",").parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_deadline_bounds_a_call_whatever_is_silent() {
    let second = Duration::from_secs(1);
    for count in [1, 20] {
        let net = Net::new(&[]);
        let seeds = names("seed", count);
        seeds.iter().for_each(|seed| net.silence(seed));
        let config = Config::new(list(&seeds), Security::Plaintext, Credentials::None);
        let config = config.with_connector(net.clone()).with_deadline(second);
        let (error, took) = timed(Cluster::connect(config)).await;
        let error = error.unwrap_err();
        assert!(took <= second, "{count} silent addresses: {took:?}");
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(
            error.to_string().contains("no connection within 1s to ") && error.to_string().contains("seed"),
            "{error}"
        );
        let tried = seeds.iter().filter(|seed| net.dials(seed) == 1).count();
        assert_eq!(tried, count, "each address has its turn, once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_bounds_calls_on_connections_that_fell_silent() {
    let second = Duration::from_secs(1);
    let net = Net::new(&["b1"]);
    let client = Cluster::connect(config(&net).with_deadline(second)).await.unwrap();
    end_of(&client, "t").await.unwrap();
    tokio::time::sleep(2 * second).await;
    net.silence("b1");
    net.silence("seed");
    let (error, took) = timed(end_of(&client, "t")).await;
    assert!(took <= second && error.unwrap_err().kind() == ErrorKind::Timeout, "ListOffsets: {took:?}");
    let (error, took) = timed(client.list_topics()).await;
    assert!(took <= second && error.unwrap_err().is_retriable(), "Metadata: {took:?}");
    // Twenty callers, of whom one refreshes and the others wait for it.
    let began = now();
    let mut callers = JoinSet::new();
    for number in 0..20 {
        let client = client.clone();
        callers.spawn(async move { client.partitions(format!("u{number}")).await.unwrap_err() });
    }
    callers.join_all().await;
    assert!(now() - began <= second, "{:?}", now() - began);
}

#[tokio::test(start_paused = true)]
async fn silent_brokers_do_not_hold_up_one_that_answers() {
    let net = Net::new(&["b1"]);
    let seeds = names("seed", 20);
    seeds.iter().skip(1).for_each(|seed| net.silence(seed));
    let config = Config::new(list(&seeds), Security::Plaintext, Credentials::None);
    let config = config.with_connector(net.clone()).with_deadline(Duration::from_secs(10));
    let (client, took) = timed(Cluster::connect(config)).await;
    client.unwrap();
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dial_outlives_the_caller_that_began_it() {
    let net = Net::new(&["b1"]);
    let client = Cluster::connect(config(&net)).await.unwrap();
    client.partitions("t").await.unwrap();
    net.slow("b1", Duration::from_secs(5));
    let second = Duration::from_secs(1);
    assert!(tokio::time::timeout(second, end_of(&client, "t")).await.is_err());
    let (end, took) = timed(end_of(&client, "t")).await;
    assert_eq!(end.unwrap(), net::END);
    assert!(took <= 4 * second + second / 10, "the dial was begun anew: {took:?}");
    assert_eq!(net.dials("b1"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_sent_back_to_its_bootstrap_list_goes_there_at_once() {
    let net = Net::new(&["old1", "old2"]);
    let client = Cluster::connect(config(&net)).await.unwrap();
    assert_eq!(end_of(&client, "t").await.unwrap(), net::END);
    tokio::time::sleep(Duration::from_secs(601)).await;
    // Idle connections are closed by now: the next one is to a broker that is known.
    net.send_back("old1");
    net.send_back("old2");
    let before = (net.requests("Metadata"), net.dials("seed"));
    let (partitions, took) = timed(client.partitions("u")).await;
    partitions.unwrap();
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(net.dials("seed"), before.1 + 1);
    assert!(net.requests("Metadata") <= before.0 + 2, "{net:?}");
    assert_eq!(end_of(&client, "u").await.unwrap(), net::END);
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_was_denied_is_asked_for_again_when_somebody_wants_it() {
    let net = Net::new(&["b1"]);
    let client = Cluster::connect(config(&net)).await.unwrap();
    net.deny("t");
    for _ in 0..20 {
        let denied = client.partitions("t").await.unwrap_err();
        assert_eq!(denied.kind(), ErrorKind::Broker(ottla::BrokerError::TOPIC_AUTHORIZATION_FAILED));
    }
    assert_eq!(net.requests("Metadata"), 1, "but not twice a second");
    net.allow("t");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(client.partitions("t").await.unwrap().len(), 1);
    assert_eq!(end_of(&client, "t").await.unwrap(), net::END);
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_asked_again_at_most_forty_times_a_minute() {
    let net = Net::new(&["b1"]);
    let client = Cluster::connect(config(&net)).await.unwrap();
    client.partitions("t").await.unwrap();
    net.send_back("b1");
    net.send_back("seed");
    let before = net.requests("Metadata");
    let (error, took) = timed(client.partitions("u")).await;
    assert!(error.unwrap_err().is_retriable() && took <= Duration::from_secs(60), "{took:?}");
    let asked = net.requests("Metadata") - before;
    assert!((5..=40).contains(&asked), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_goes_is_told_at_warn_once_and_then_seldom_and_at_info_when_it_is_back() {
    let log = log::Log::install();
    let net = Net::new(&["b1"]);
    let client = Cluster::connect(config(&net).with_deadline(Duration::from_secs(5))).await.unwrap();
    end_of(&client, "t").await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    // A connection that is lost, and a broker that is there again, are nothing to tell.
    net.replace(&["b1"]);
    end_of(&client, "t").await.unwrap();
    assert_eq!(log.at(tracing::Level::WARN), [""; 0]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    net.replace(&["b1"]);
    net.refuse("b1");
    let began = now();
    while now() - began < Duration::from_secs(90) {
        end_of(&client, "t").await.unwrap_err();
    }
    let told = log.at(tracing::Level::WARN);
    assert!((2..=3).contains(&told.len()) && told.iter().all(|text| text.contains("b1:9092")), "{told:?}");
    assert_eq!(log.at(tracing::Level::INFO), [""; 0]);
    net.restore("b1");
    end_of(&client, "t").await.unwrap();
    let back = log.at(tracing::Level::INFO);
    assert!(back.len() == 1 && back[0].contains("b1:9092"), "{back:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_about_another_partition_is_no_answer_and_three_in_a_row_are_the_brokers_doing() {
    let net = Net::new(&["b1"]);
    let client = Cluster::connect(config(&net)).await.unwrap();
    net.lead_astray(2);
    assert_eq!(end_of(&client, "t").await.unwrap(), net::END, "the partition was left out");
    assert_eq!(net.requests("ListOffsets"), 3);
    net.lead_astray(3);
    let error = end_of(&client, "t").await.unwrap_err();
    assert!(error.kind() == ErrorKind::Protocol && !error.is_retriable(), "{error}");
    assert_eq!(net.requests("ListOffsets"), 6);
}
