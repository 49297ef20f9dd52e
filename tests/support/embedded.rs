//! Clients and keepers of embedded brokers, over pipes in memory.

use std::time::Duration;

use ottla::ids::TopicPartition;
use ottla::{
    Bootstrap, Cluster, Config, Connect, Connecting, Credentials, Decoder, Error, IsolationLevel, OffsetAt,
    OffsetRange, ReadOptions, RunningKeeper, ScramMechanism, Security, Stream, Target, TokenKeeper,
    TokenSource,
};
use ottla_testkit::{ClusterBuilder, Protocol, Record};

/// Where everybody in these tests logs in.
pub(crate) const SASL: Protocol = Protocol::SaslPlaintext;

/// Three brokers, alice and bob.
pub(crate) fn builder() -> ClusterBuilder {
    ottla_testkit::Cluster::builder()
        .brokers(3)
        .listener(SASL)
        .user("alice", "alice-secret")
        .user("bob", "bob-secret")
}

/// Opens pipes to the embedded brokers.
#[derive(Clone, Debug)]
pub(crate) struct Pipes(ottla_testkit::Connector);

impl Connect for Pipes {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        Box::pin(async move { Ok(Box::new(self.0.connect(host, port).await?) as Box<dyn Stream>) })
    }
}

pub(crate) fn pipes(brokers: &ottla_testkit::Cluster) -> Pipes {
    Pipes(brokers.connector())
}

pub(crate) fn bootstrap(brokers: &ottla_testkit::Cluster, protocol: Protocol) -> Bootstrap {
    brokers.bootstrap(protocol).unwrap().parse().unwrap()
}

/// A client of the SASL listener.
pub(crate) fn config(brokers: &ottla_testkit::Cluster, credentials: Credentials) -> Config {
    let config = Config::new(bootstrap(brokers, SASL), Security::Plaintext, credentials);
    config.with_connector(pipes(brokers))
}

/// A user, by SCRAM-SHA-256, which costs the least.
pub(crate) fn user(name: &str) -> Credentials {
    let mechanism = ScramMechanism::Sha256;
    Credentials::Scram { mechanism, user: name.to_owned(), password: format!("{name}-secret").into() }
}

/// The SASL listener, for tokens.
pub(crate) fn target(brokers: &ottla_testkit::Cluster) -> Target {
    Target::of(&config(brokers, Credentials::None)).with_mechanism(ScramMechanism::Sha256)
}

/// A keeper of alice's tokens.
pub(crate) fn keeper(brokers: &ottla_testkit::Cluster) -> TokenKeeper {
    TokenKeeper::new(config(brokers, user("alice")), target(brokers))
}

/// A client that logs in by the tokens of `source`.
pub(crate) async fn executor(
    brokers: &ottla_testkit::Cluster,
    source: TokenSource,
) -> Result<Cluster, Error> {
    Cluster::connect(target(brokers).config(source).with_connector(pipes(brokers))).await
}

/// Brokers with a topic `t` of three partitions of ten records, a keeper of alice's tokens, and a
/// client that logs in by them.
pub(crate) async fn kept(builder: ClusterBuilder) -> (ottla_testkit::Cluster, RunningKeeper, Cluster) {
    let brokers = builder.start_in_memory().unwrap();
    fill(&brokers, "t", 3, 10);
    let keeper = keeper(&brokers).start().await.unwrap();
    let client = executor(&brokers, keeper.source()).await.unwrap();
    (brokers, keeper, client)
}

/// Writes `count` records to each partition of a new topic.
pub(crate) fn fill(brokers: &ottla_testkit::Cluster, topic: &str, partitions: i32, count: usize) {
    brokers.create_topic(topic, partitions, 3).unwrap();
    let records: Vec<Record> = (0..count).map(|_| Record::value("x")).collect();
    for partition in 0..partitions {
        brokers.write(topic, partition, &records).unwrap();
    }
}

/// Reads a topic once and gives the offsets that were seen, in order, by partition.
pub(crate) async fn read_all(client: &Cluster, topic: &str) -> Result<Vec<(i32, i64)>, Error> {
    let partitions = client.partitions(topic).await?;
    let ends = client.list_offsets(&partitions, OffsetAt::Latest, IsolationLevel::default()).await?;
    let ranges = ends.into_iter().map(|(partition, end)| OffsetRange::new(partition, 0, end)).collect();
    let (mut reader, mut decoder) = (client.read(ranges, ReadOptions::new()), Decoder::new());
    let mut seen = Vec::new();
    while let Some(chunk) = reader.next().await? {
        let partition = chunk.topic_partition().partition;
        chunk.for_each_record::<Error>(&mut decoder, |record| {
            seen.push((partition, record.offset));
            Ok(())
        })?;
    }
    seen.sort_unstable();
    Ok(seen)
}

/// Every offset of a topic that [`fill`] made, once.
pub(crate) fn every_offset(partitions: i32, count: i64) -> Vec<(i32, i64)> {
    (0..partitions).flat_map(|partition| (0..count).map(move |offset| (partition, offset))).collect()
}

/// One request that needs a live session, at the leader of a partition.
pub(crate) async fn touch(client: &Cluster, partition: &TopicPartition) -> Result<(), Error> {
    let asked = [partition.clone()];
    client.list_offsets(&asked, OffsetAt::Latest, IsolationLevel::default()).await.map(|_| ())
}

/// Lets virtual time pass.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}
