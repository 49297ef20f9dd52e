//! The quickstart against real brokers: `--brokers ADDR --config FILE --topic T`.
// Once: what a token does for executors is shown on every version elsewhere.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::time::Duration;

use ottla::{Credentials, NewRecord, NewTopic, WriteOptions};
use ottla_lab::{Listener, Login, Profile};
use support::lab::connect;
use support::within;

const TOPIC: &str = "quickstart-elsewhere";
const RECORDS: usize = 6_000;

/// A topic whose partitions have 2,000 records each.
async fn fill(lab: &ottla_lab::Cluster) {
    let client = connect(lab, Listener::Plaintext, Credentials::None).await.unwrap();
    client.create_topics(vec![NewTopic::new(TOPIC).with_partitions(3)]).await.unwrap();
    let writer = client.write(WriteOptions::new());
    let topic = writer.topic(TOPIC).await.unwrap();
    for number in 0..RECORDS {
        let partition = i32::try_from(number % 3).unwrap();
        topic.send(NewRecord::value(&number.to_string()).with_partition(partition)).await.unwrap();
    }
    writer.flush().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_cluster_is_read_once_by_the_client_properties_that_java_takes() {
    within(Duration::from_secs(300), "the test", async {
        let lab = tokio::task::spawn_blocking(|| support::lab::cluster(Profile::Default)).await.unwrap();
        fill(&lab).await;
        let file = lab.client_properties_file(Listener::SaslSsl, &Login::Scram512("admin".to_owned()));
        let mut command = support::example("quickstart");
        command.args(["--brokers", &lab.bootstrap(Listener::SaslSsl), "--topic", TOPIC, "--seconds", "1"]);
        command.arg("--config").arg(file.unwrap());
        for (name, address) in lab.names() {
            command.arg("--resolve").arg(format!("{name}={address}"));
        }
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        let read = text.lines().find(|line| line.starts_with("records read once")).unwrap_or_default();
        assert!(read.ends_with(&RECORDS.to_string()), "{text}");
        assert!(text.contains("token     deleted"), "{text}");
    })
    .await;
}
