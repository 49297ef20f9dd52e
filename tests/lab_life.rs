//! The life of a token on real brokers.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use ottla::{
    AtShutdown, Cluster, Decoder, Error, IsolationLevel, OffsetAt, OffsetRange, ReadOptions, RunningKeeper,
    ScramMechanism, Target, TokenKeeper,
};
use ottla_lab::{Listener, Login, Profile};
use support::{lab, within};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

const RECORDS: u64 = 1_000;
/// Live connections in this process, on all clusters together.
const CONNECTIONS: usize = 100;
const READING: Duration = Duration::from_secs(150);

/// Has Java write a topic that alice may read.
fn write(kafka: &ottla_lab::Cluster, topic: &str) {
    kafka.admin(&["create-topic", topic, "4", "1"]).unwrap();
    for operation in ["READ", "DESCRIBE"] {
        kafka.admin(&["allow", "User:alice", operation, "TOPIC", topic]).unwrap();
    }
    let properties = kafka.client_properties_file(Listener::Plaintext, &Login::Nobody).unwrap();
    let (properties, topic) = (properties.display().to_string(), format!("topic={topic}"));
    let words = [properties.as_str(), &topic, "count=1000", "partitions=4", "value_bytes=100"];
    kafka.java_answer("Produce", &words).unwrap();
}

async fn executor(kafka: &ottla_lab::Cluster, listener: Listener, keeper: &RunningKeeper) -> Cluster {
    let credentials =
        ottla::Credentials::Token { mechanism: ScramMechanism::Sha256, source: keeper.source() };
    lab::connect(kafka, listener, credentials).await.unwrap()
}

/// Reads a topic once; every offset has to come once.
async fn read(client: &Cluster, topic: &str) -> Result<(), Error> {
    let partitions = client.partitions(topic).await?;
    let ends = client.list_offsets(&partitions, OffsetAt::Latest, IsolationLevel::default()).await?;
    let ranges = ends.into_iter().map(|(partition, end)| OffsetRange::new(partition, 0, end)).collect();
    let (mut reader, mut decoder, mut seen) = (client.read(ranges, ReadOptions::new()), Decoder::new(), 0);
    let mut offsets = BTreeSet::new();
    while let Some(chunk) = reader.next().await? {
        let partition = chunk.topic_partition().partition;
        chunk.for_each_record::<Error>(&mut decoder, |record| {
            seen += 1;
            offsets.insert((partition, record.offset));
            Ok(())
        })?;
    }
    assert_eq!((seen, offsets.len() as u64), (RECORDS, RECORDS), "every offset once");
    Ok(())
}

/// What became of one cluster.
struct Run {
    keeper: RunningKeeper,
    kafka: ottla_lab::Cluster,
    clients: Vec<Cluster>,
}

async fn begin(version: &'static str, connections: usize, topic: &'static str) -> Run {
    let kafka = spawn_blocking(move || {
        let kafka = ottla_lab::cluster_of_version(Profile::ShortToken, version).unwrap();
        write(&kafka, topic);
        kafka
    });
    let kafka = kafka.await.unwrap();
    let admin = lab::config(&kafka, Listener::SaslPlaintext, lab::scram(ScramMechanism::Sha256, "alice"));
    let target = Target::of(&admin).with_mechanism(ScramMechanism::Sha256);
    let keeper = TokenKeeper::new(admin, target).start().await.unwrap();
    let mut clients = Vec::new();
    for _ in 0..connections {
        let client = executor(&kafka, Listener::SaslPlaintext, &keeper).await;
        read(&client, topic).await.unwrap();
        clients.push(client);
    }
    Run { keeper, kafka, clients }
}

async fn play(client: Cluster, topic: &'static str, until: Instant) -> u64 {
    let mut reads = 0;
    while Instant::now() < until {
        read(&client, topic).await.unwrap_or_else(|error| panic!("{error:?}"));
        reads += 1;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    reads
}

/// Both versions stand in one test.
mod once {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a03_a_hundred_connections_read_across_tokens_of_thirty_seconds_on_every_version_side_by_side() {
        within(READING * 4, "the test", async {
            let topic = "life-of-a-token";
            let versions = ottla_lab::versions();
            let mut runs = Vec::new();
            for version in &versions {
                runs.push(begin(version, CONNECTIONS.div_ceil(versions.len()), topic).await);
            }
            let connections: u64 =
                runs.iter().flat_map(|run| &run.clients).map(|client| client.statistics().connections).sum();
            assert!(connections >= CONNECTIONS as u64, "{connections}");
            let killed = |run: &Run| run.kafka.metric_sum("expired-connections-killed-count").unwrap();
            let before: Vec<f64> = runs.iter().map(killed).collect();
            let until = Instant::now() + READING;
            let readers = runs.iter().flat_map(|run| &run.clients);
            let readers: Vec<_> =
                readers.map(|client| tokio::spawn(play(client.clone(), topic, until))).collect();
            let mut reads = 0;
            for reader in readers {
                reads += reader.await.unwrap();
            }
            let after: u64 =
                runs.iter().flat_map(|run| &run.clients).map(|client| client.statistics().connections).sum();
            println!("{reads} reads over {connections} connections, {} of them lost", after - connections);
            for (run, before) in runs.into_iter().zip(before) {
                let (state, version) = (run.keeper.state(), run.kafka.version().to_owned());
                println!(
                    "Kafka {version}: {} tokens, {} renewals, {:?}",
                    state.created, state.renewed, state.last_error
                );
                assert!(state.created >= 3 && state.renewed >= 4, "{state:?}");
                assert_eq!(killed(&Run { clients: Vec::new(), ..run }), before, "Kafka {version}");
            }
            assert_eq!(after, connections, "no connection is made anew");
        })
        .await;
    }
}

#[tokio::test]
async fn a_token_kept_by_a_client_certificate_serves_executors_on_another_listener() {
    within(Duration::from_secs(240), "the test", async {
        let topic = "life-by-certificate";
        let kafka = spawn_blocking(move || {
            let kafka = lab::cluster(Profile::Default);
            write(&kafka, topic);
            kafka
        });
        let kafka = kafka.await.unwrap();
        let admin = lab::certificate_config(&kafka, "alice");
        let target = Target::of(&lab::config(&kafka, Listener::SaslSsl, ottla::Credentials::None));
        let keeper = TokenKeeper::new(admin, target).start().await.unwrap();
        let client = executor(&kafka, Listener::SaslSsl, &keeper).await;
        read(&client, topic).await.unwrap();
        println!("readiness {:?}", keeper.state().readiness);
        keeper.shutdown(AtShutdown::Expire).await.unwrap();
    })
    .await;
}
