//! Whatever bytes a client sends to the embedded broker, it answers or closes, and serves others.
//! The first byte chooses the listener.
#![no_main]

use std::time::Duration;

use ottla_testkit::{BrokerId, Cluster, Protocol, Record};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// ApiVersions 0, correlation id 7, no client id.
const ASK: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff];

async fn play(bytes: &[u8]) {
    let (Some(choice), rest) = (bytes.first(), bytes.get(1..).unwrap_or_default()) else { return };
    let protocols = [Protocol::Plaintext, Protocol::SaslPlaintext];
    let builder = protocols.into_iter().fold(Cluster::builder(), ottla_testkit::ClusterBuilder::listener);
    let brokers = builder.start_in_memory().expect("brokers");
    brokers.create_topic("t", 1, 1).expect("a topic");
    brokers.write("t", 0, &[Record::value("v")]).expect("a record");
    let (host, port) = brokers.address(BrokerId(1), protocols[usize::from(choice % 2)]).expect("a listener");
    let mut hostile = brokers.connector().connect(&host, port).await.expect("a pipe");
    let _ = timeout(Duration::from_secs(1), hostile.write_all(rest)).await;
    let _ = hostile.shutdown().await;
    let mut answers = Vec::new();
    let _ = timeout(Duration::from_secs(3_600), hostile.read_to_end(&mut answers)).await;
    let mut other = brokers.connector().connect(&host, port).await.expect("a pipe");
    other.write_all(&ASK).await.expect("a request to be taken");
    let mut head = [0; 8];
    other.read_exact(&mut head).await.expect("others to be served");
    assert_eq!(head[4..], [0, 0, 0, 7]);
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(play(bytes));
});
