//! Topics and offsets on a real broker.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::collections::HashMap;
use std::sync::Arc;

use ottla::ids::TopicPartition;
use ottla::time::Timestamp;
use ottla::{BrokerError, Cluster, Credentials, ErrorKind, IsolationLevel, NewTopic, OffsetAt};
use ottla_lab::{Listener, Login, Profile};
use support::lab;
use tokio::task::spawn_blocking;

async fn kafka() -> (ottla_lab::Cluster, Cluster) {
    let kafka = spawn_blocking(|| lab::cluster(Profile::Default)).await.unwrap();
    let cluster = lab::connect(&kafka, Listener::Plaintext, Credentials::None).await.unwrap();
    (kafka, cluster)
}

fn name(of: &str) -> Arc<str> {
    Arc::from(format!("admin-{of}-{}", std::process::id()))
}

async fn written_by_java(kafka: &ottla_lab::Cluster, topic: &str, more: &'static [&'static str]) {
    let (kafka, topic) = (kafka.clone(), format!("topic={topic}"));
    spawn_blocking(move || {
        let properties = kafka.client_properties_file(Listener::Plaintext, &Login::Nobody).unwrap();
        let properties = properties.display().to_string();
        let words = [&[properties.as_str(), topic.as_str(), "partitions=3"], more].concat();
        kafka.java_answer("Produce", &words).unwrap()
    })
    .await
    .unwrap();
}

async fn sum(cluster: &Cluster, partitions: &[TopicPartition], at: OffsetAt, level: IsolationLevel) -> i64 {
    let offsets: HashMap<_, _> = cluster.list_offsets(partitions, at, level).await.unwrap();
    offsets.values().sum()
}

#[tokio::test]
async fn a_topic_is_made_described_and_deleted() {
    lab::in_time(async {
        let (_, cluster) = kafka().await;
        let topic = name("life");
        let new = NewTopic::new(Arc::clone(&topic)).with_partitions(5).with_replication_factor(2);
        let new = new.with_config("retention.ms", "60000");
        cluster.create_topics(vec![new.clone()]).await.unwrap();
        let partitions = cluster.partitions(Arc::clone(&topic)).await.unwrap();
        assert_eq!(partitions.iter().map(|it| it.partition).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        let again = cluster.create_topics(vec![new]).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Broker(BrokerError::TOPIC_ALREADY_EXISTS));
        assert!(again.to_string().contains(&*topic), "{again}");
        cluster.delete_topics(std::slice::from_ref(&topic)).await.unwrap();
        let gone = cluster.delete_topics(std::slice::from_ref(&topic)).await.unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::Broker(BrokerError::UNKNOWN_TOPIC_OR_PARTITION));
    })
    .await;
}

#[tokio::test]
async fn offsets_are_found_at_both_ends_and_at_a_time() {
    lab::in_time(async {
        let (kafka, cluster) = kafka().await;
        let topic = name("offsets");
        written_by_java(&kafka, &topic, &["count=300", "value_bytes=10"]).await;
        let partitions = cluster.partitions(Arc::clone(&topic)).await.unwrap();
        let level = IsolationLevel::ReadUncommitted;
        assert_eq!(sum(&cluster, &partitions, OffsetAt::Earliest, level).await, 0);
        assert_eq!(sum(&cluster, &partitions, OffsetAt::Latest, level).await, 300);
        let first = OffsetAt::Time(Timestamp::from_millis(1));
        assert_eq!(sum(&cluster, &partitions, first, level).await, 0);
        let far = OffsetAt::Time(Timestamp::from_millis(4_000_000_000_000));
        assert!(cluster.list_offsets(&partitions, far, level).await.unwrap().is_empty());
        assert_eq!(cluster.statistics().requests_of("Metadata"), 1);
    })
    .await;
}

#[tokio::test]
async fn the_end_of_committed_records_is_the_last_stable_offset() {
    lab::in_time(async {
        let (kafka, cluster) = kafka().await;
        let topic = name("stable");
        written_by_java(&kafka, &topic, &["count=300", "value_bytes=10", "transaction=50", "abort_every=2"])
            .await;
        let partitions = cluster.partitions(Arc::clone(&topic)).await.unwrap();
        let end = sum(&cluster, &partitions, OffsetAt::Latest, IsolationLevel::ReadUncommitted).await;
        let stable = sum(&cluster, &partitions, OffsetAt::Latest, IsolationLevel::ReadCommitted).await;
        assert!(end > 300, "markers of transactions have offsets too: {end}");
        assert_eq!(stable, end);
    })
    .await;
}

#[tokio::test]
async fn an_unknown_topic_is_named_in_the_error() {
    lab::in_time(async {
        let kafka = spawn_blocking(|| lab::cluster(Profile::Default)).await.unwrap();
        let config = lab::config(&kafka, Listener::Plaintext, Credentials::None);
        let cluster =
            Cluster::connect(config.with_deadline(std::time::Duration::from_secs(3))).await.unwrap();
        let error = cluster.partitions("no-such-topic").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Broker(BrokerError::UNKNOWN_TOPIC_OR_PARTITION));
        assert!(error.to_string().contains("no-such-topic"), "{error}");
    })
    .await;
}
