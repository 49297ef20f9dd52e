//! Reading goes on through re-authentications: sessions of 5 s, a minute of reading by token, no
//! connection lost.
// By itself: a session of 5 s ends where the machine has no time for its next login.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::time::Duration;

use ottla::{Cluster, Decoder, IsolationLevel, NewToken, OffsetAt, OffsetRange, ReadOptions, ScramMechanism};
use ottla_lab::{Listener, Login, Profile};
use support::lab;
use support::within;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

const READING: Duration = Duration::from_secs(60);
const METRICS: [&str; 2] = ["expired-connections-killed-count", "failed-reauthentication-total"];

#[tokio::test]
async fn a_minute_of_reading_across_sessions_of_five_seconds_loses_no_connection() {
    within(READING * 6, "the test", async {
        let kafka = spawn_blocking(|| lab::cluster(Profile::Reauth5s)).await.unwrap();
        let topic = format!("reauth-{}", std::process::id());
        let written = spawn_blocking({
            let (kafka, topic) = (kafka.clone(), topic.clone());
            move || written_by_java(&kafka, &topic)
        });
        let written = written.await.unwrap();
        let mechanism = ScramMechanism::Sha512;
        let driver = lab::connect(&kafka, Listener::SaslSsl, lab::scram(mechanism, "alice")).await.unwrap();
        let token = driver.create_delegation_token(NewToken::new()).await.unwrap();
        spawn_blocking({
            let (kafka, token) = (kafka.clone(), token.clone());
            move || lab::await_known(&kafka, &token)
        })
        .await
        .unwrap();
        let credentials = lab::token(ScramMechanism::Sha256, &token);
        let executor = lab::connect(&kafka, Listener::SaslSsl, credentials).await.unwrap();
        let before = metrics(&kafka).await;
        let ranges = ranges(&executor, &topic).await;
        let connections = executor.statistics().connections;
        let until = Instant::now() + READING;
        let mut passes = 0;
        while Instant::now() < until {
            assert_eq!(read(&executor, ranges.clone()).await, written);
            passes += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let statistics = executor.statistics();
        println!("{passes} passes over {written} records, {statistics:?}");
        assert_eq!(statistics.connections, connections, "{statistics:?}");
        assert!(statistics.reauthentications >= 10, "{statistics:?}");
        assert_eq!(metrics(&kafka).await, before);
        driver.expire_delegation_token(&token, None).await.unwrap();
    })
    .await;
}

fn written_by_java(kafka: &ottla_lab::Cluster, topic: &str) -> u64 {
    kafka.admin(&["create-topic", topic, "4", "1"]).unwrap();
    for operation in ["READ", "DESCRIBE"] {
        kafka.admin(&["allow", "User:alice", operation, "TOPIC", topic]).unwrap();
    }
    let properties = kafka.client_properties_file(Listener::Plaintext, &Login::Nobody).unwrap();
    let (properties, topic) = (properties.display().to_string(), format!("topic={topic}"));
    let words = [properties.as_str(), topic.as_str(), "count=20000", "partitions=4", "value_bytes=100"];
    let line = kafka.java_answer("Produce", &words).unwrap();
    ottla_lab::Tally::parse(&line).unwrap().count
}

async fn metrics(kafka: &ottla_lab::Cluster) -> Vec<f64> {
    let kafka = kafka.clone();
    let sums = move || METRICS.map(|name| kafka.metric_sum(name).unwrap()).to_vec();
    spawn_blocking(sums).await.unwrap()
}

async fn ranges(cluster: &Cluster, topic: &str) -> Vec<OffsetRange> {
    let partitions = cluster.partitions(topic).await.unwrap();
    let ends = cluster.list_offsets(&partitions, OffsetAt::Latest, IsolationLevel::default()).await.unwrap();
    ends.into_iter().map(|(partition, end)| OffsetRange::new(partition, 0, end)).collect()
}

async fn read(cluster: &Cluster, ranges: Vec<OffsetRange>) -> u64 {
    let (mut reader, mut decoder, mut count) = (cluster.read(ranges, ReadOptions::new()), Decoder::new(), 0);
    while let Some(chunk) = reader.next().await.unwrap() {
        chunk
            .for_each_record::<ottla::Error>(&mut decoder, |_| {
                count += 1;
                Ok(())
            })
            .unwrap();
    }
    count
}
