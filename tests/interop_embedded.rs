//! Clients of others on the embedded broker, unchanged: franz-go, and Java's from the lab.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ottla::{Credentials, NewToken, ScramMechanism, Target};
use ottla_lab::{Profile, Tally};
use ottla_testkit::{ApiKey, Cluster, Protocol};
use support::{embedded, lab, within};

const LIMIT: Duration = Duration::from_secs(900);
const PARTITIONS: i32 = 3;

/// Three brokers on sockets, with an empty topic.
async fn brokers(topic: &str) -> Cluster {
    let brokers = embedded::builder().token_propagation(Duration::from_millis(20)).start_tcp().await.unwrap();
    brokers.create_topic(topic, PARTITIONS, 3).unwrap();
    brokers
}

/// Runs a program, and gives what it printed if it succeeded.
async fn output(mut command: Command) -> String {
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// Builds the program in `tests/interop/franz`.
async fn franz() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/franz");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("franz");
    let mut build = Command::new("go");
    build.args(["build", "-mod=readonly", "-o"]).arg(&program).arg(".").current_dir(source);
    output(build).await;
    program
}

/// How many offsets there are: neither client writes in transactions.
fn records(brokers: &Cluster, topic: &str) -> i64 {
    (0..PARTITIONS).map(|partition| brokers.offsets(topic, partition).unwrap().end).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn franz_go_makes_a_token_and_produces_and_fetches_with_it() {
    within(LIMIT, "the test", async {
        let brokers = brokers("franz").await;
        let mut command = Command::new(franz().await);
        command.arg(brokers.bootstrap(Protocol::SaslPlaintext).unwrap()).args(["franz", "1000"]);
        assert_eq!(output(command).await.trim(), "1000 distinct records by token of alice");
        assert_eq!(records(&brokers, "franz"), 1_000);
        let counters = brokers.counters();
        assert_eq!(counters.tokens_created, 1);
        // It is idempotent by default, and it deletes its token.
        assert!(counters.requests(ApiKey::InitProducerId) > 0);
        while !brokers.tokens().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn java_produces_and_fetches_with_a_token_file() {
    within(LIMIT, "the test", async {
        let brokers = brokers("java").await;
        let bootstrap: ottla::Bootstrap =
            brokers.bootstrap(Protocol::SaslPlaintext).unwrap().parse().unwrap();
        let alice = Credentials::Scram {
            mechanism: ScramMechanism::Sha256,
            user: "alice".to_owned(),
            password: "alice-secret".into(),
        };
        let config = ottla::Config::new(bootstrap, ottla::Security::Plaintext, alice);
        let target = Target::of(&config);
        let driver = ottla::Cluster::connect(config).await.unwrap();
        let token = driver.create_delegation_token(NewToken::new()).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("client.properties");
        ottla::write_secret_file(&file, &target.token_file(&token).unwrap()).unwrap();
        // Its jars are those of the lab's Kafka; its brokers are not.
        let lab = tokio::task::spawn_blocking(|| lab::cluster(Profile::Default)).await.unwrap();
        let java = |program: &'static str, more: &'static [&'static str]| {
            let (lab, file) = (lab.clone(), file.display().to_string());
            async move {
                let words: Vec<&str> = [file.as_str()].into_iter().chain(more.iter().copied()).collect();
                let line = lab.java_answer(program, &words).unwrap_or_else(|error| panic!("{error}"));
                Tally::parse(&line).unwrap()
            }
        };
        let written = java("Produce", &["topic=java", "partitions=3", "count=2000", "codec=none"]).await;
        let read = java("Consume", &["topic=java"]).await;
        assert_eq!((written.count, written), (2_000, read));
        assert_eq!(records(&brokers, "java"), 2_000);
        let counters = brokers.counters();
        assert_eq!((counters.failed_logins, counters.tokens_created), (0, 1), "{counters:?}");
    })
    .await;
}
