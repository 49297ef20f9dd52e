//! Clients that are throttled: by a fault, or by a quota as Kafka measures it.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test stops at the first thing that is wrong, and measures time"
)]

mod support;

use std::time::Duration;

use kafka_protocol::messages::*;
use ottla_testkit::{Action, Cluster, Fault, Protocol, Quota};
use support::Client;
use support::requests::{batch, fetch, produce, values};
use tokio::time::Instant;

fn cluster() -> Cluster {
    let cluster = Cluster::builder().start_in_memory().unwrap();
    cluster.create_topic("orders", 1, 1).unwrap();
    cluster
}

async fn connect(cluster: &Cluster) -> Client {
    Client::piped(cluster, 1, Protocol::Plaintext).await
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_throttled_is_not_read_until_then() {
    let cluster = cluster();
    cluster.faults().add(Fault::new(Action::Throttle(Duration::from_secs(50))).times(1));
    let mut client = connect(&cluster).await;
    let started = Instant::now();
    let answer = client.call(MetadataRequest::default(), 12).await.unwrap();
    assert_eq!((answer.throttle_time_ms, started.elapsed()), (50_000, Duration::ZERO));
    client.send(MetadataRequest::default(), 12).await;
    let waited = tokio::time::timeout(Duration::from_secs(49), client.frame()).await;
    assert!(waited.is_err());
    client.frame().await.unwrap();
    assert_eq!(started.elapsed(), Duration::from_secs(50));
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_exceeds_its_quota_is_answered_empty_and_goes_on_later() {
    let cluster = cluster();
    for _ in 0..20 {
        cluster.write("orders", 0, &values(1, 60_000)).unwrap();
    }
    cluster.set_quota(Quota::ConsumerByteRate, None, Some(10_000.0));
    let mut client = connect(&cluster).await;
    let started = Instant::now();
    let (mut read, mut throttled) = (0, 0);
    while read < 3 {
        let answer = client.call(fetch(read, 0), 12).await.unwrap();
        let Some(topic) = answer.responses.first() else {
            assert_eq!((answer.error_code, answer.throttle_time_ms > 0), (0, true));
            throttled += 1;
            continue;
        };
        // Ten seconds' worth at most, so that a single answer need not be throttled.
        assert_eq!(topic.partitions[0].records.as_ref().unwrap().len(), 100_000);
        read += 1;
    }
    let took = started.elapsed();
    assert!(throttled > 0 && took > Duration::from_secs(10) && took < Duration::from_secs(60), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_produce_that_exceeds_its_quota_is_written_and_another_client_is_not_throttled() {
    let cluster = cluster();
    cluster.set_quota(Quota::ProducerByteRate, Some("test"), Some(10.0));
    let mut client = connect(&cluster).await;
    let answer = client.call(produce(-1, batch(-1, -1, 9)), 9).await.unwrap();
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
    assert!(answer.throttle_time_ms > 1_000, "{}", answer.throttle_time_ms);
    assert_eq!(cluster.offsets("orders", 0).unwrap().end, 9);
    cluster.set_quota(Quota::ProducerByteRate, Some("test"), None);
    cluster.set_quota(Quota::ProducerByteRate, Some("another"), Some(10.0));
    let mut client = connect(&cluster).await;
    assert_eq!(client.call(produce(-1, batch(-1, -1, 9)), 9).await.unwrap().throttle_time_ms, 0);
}

#[tokio::test(start_paused = true)]
async fn requests_beyond_their_quota_are_served_a_second_later() {
    let cluster = cluster();
    cluster.write("orders", 0, &values(1, 1)).unwrap();
    cluster.set_quota(Quota::RequestRate, None, Some(1.0));
    let mut client = connect(&cluster).await;
    for _ in 0..10 {
        assert_eq!(client.call(MetadataRequest::default(), 12).await.unwrap().throttle_time_ms, 0);
    }
    let throttled = client.call(fetch(0, 0), 12).await.unwrap();
    assert_eq!((throttled.throttle_time_ms, throttled.responses.len()), (1_000, 0));
}
