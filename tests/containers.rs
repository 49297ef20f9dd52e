//! Kafka in containers: a token is made, used to write and to read, renewed and deleted, on every
//! version. `tests/run containers` sees to an engine and to images.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use ottla::{
    BrokerError, Cluster, Decoder, Error, ErrorKind, IsolationLevel, NewRecord, NewToken, OffsetAt,
    OffsetRange, ReadOptions, ScramMechanism, Token, WriteOptions,
};
use ottla_lab::{Listener, Login, OwnCluster, Profile, Tally, own_cluster_of_version, versions};
use support::lab;
use support::raw::now;

const TOPIC: &str = "contained";

/// One node of a version, in a container.
fn contained(version: &str) -> OwnCluster {
    let cluster = own_cluster_of_version(Profile::Default, version, 1).unwrap();
    let image = cluster.image().expect("OTTLA_LAB_IMAGE to name an image: tests/run containers sets it");
    println!("Kafka {version} in {image}");
    cluster
}

/// The engine's list of the containers of a cluster.
fn containers(cluster_id: &str) -> String {
    let engine = std::env::var("OTTLA_LAB_ENGINE").unwrap_or_else(|_| "docker".to_owned());
    let filter = format!("name=ottla-lab-{cluster_id}");
    let arguments = ["ps", "--all", "--filter", &filter, "--format", "{{.Names}}"];
    let output = Command::new(engine).args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn has_gone_within(limit: Duration, cluster_id: &str) -> bool {
    let end = now() + limit;
    while now() < end {
        if containers(cluster_id).is_empty() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    false
}

/// Alice may do with the topic what she likes.
fn let_alice(cluster: &OwnCluster) {
    for operation in ["CREATE", "READ", "WRITE", "DESCRIBE"] {
        cluster.admin(&["allow", "User:alice", operation, "TOPIC", TOPIC]).unwrap();
    }
}

/// Runs a Java program that logs in with the token; gives how many records it tells of.
fn java(cluster: &OwnCluster, token: &Token, program: &str, options: &[&str]) -> u64 {
    let hmac = token.secret_password();
    let hmac = String::from_utf8(hmac.secret_bytes().to_vec()).unwrap();
    let login = Login::Token { id: token.id().to_owned(), hmac };
    let properties = cluster.client_properties_file(Listener::SaslSsl, &login).unwrap();
    let topic = format!("topic={TOPIC}");
    let words = [&[properties.to_str().unwrap(), &topic], options].concat();
    Tally::parse(&cluster.java_answer(program, &words).unwrap()).unwrap().count
}

async fn write(executor: &Cluster, count: u64) -> Result<(), Error> {
    let writer = executor.write(WriteOptions::new());
    for n in 0..count {
        writer.send(TOPIC, NewRecord::value(n.to_string().as_bytes())).await?;
    }
    writer.flush().await
}

async fn read(executor: &Cluster) -> Result<u64, Error> {
    let partitions = executor.partitions(TOPIC).await?;
    let level = IsolationLevel::ReadCommitted;
    let ends = executor.list_offsets(&partitions, OffsetAt::Latest, level).await?;
    let ranges = ends.into_iter().map(|(partition, end)| OffsetRange::new(partition, 0, end)).collect();
    let (mut reader, mut decoder) = (executor.read(ranges, ReadOptions::new()), Decoder::new());
    let mut count = 0;
    while let Some(chunk) = reader.next().await? {
        chunk.for_each_record::<Error>(&mut decoder, |_| {
            count += 1;
            Ok(())
        })?;
    }
    Ok(count)
}

fn a_token_lives_its_life(version: &str) {
    let cluster = contained(version);
    assert_eq!(containers(cluster.id()), format!("ottla-lab-{}-1\n", cluster.id()));
    let_alice(&cluster);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(lab::in_time(async {
        let mechanism = ScramMechanism::Sha512;
        let alice = lab::connect(&cluster, Listener::SaslSsl, lab::scram(mechanism, "alice")).await.unwrap();
        let token = alice.create_delegation_token(NewToken::new()).await.unwrap();
        lab::await_known(&cluster, &token);
        let half = ["count=5000", "partitions=3", "value_bytes=100"];
        assert_eq!(java(&cluster, &token, "Produce", &half), 5000);
        let credentials = lab::token(mechanism, &token);
        let executor = lab::connect(&cluster, Listener::SaslSsl, credentials).await.unwrap();
        write(&executor, 5000).await.unwrap();
        assert_eq!(read(&executor).await.unwrap(), 10_000);
        assert_eq!(java(&cluster, &token, "Consume", &[]), 10_000);
        alice.renew_delegation_token(&token, None).await.unwrap();
        alice.expire_delegation_token(&token, None).await.unwrap();
        let gone = ErrorKind::Broker(BrokerError::DELEGATION_TOKEN_NOT_FOUND);
        while alice
            .describe_delegation_tokens(None)
            .await
            .unwrap()
            .iter()
            .any(|it| it.token.id() == token.id())
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let as_if_from_a_file = Token::new(token.id(), token.secret_hmac().clone()).unwrap();
        let refused = alice.renew_delegation_token(&as_if_from_a_file, None).await.unwrap_err();
        assert_eq!(refused.kind(), gone, "{refused:?}");
    }));
    let id = cluster.id().to_owned();
    drop(cluster);
    assert!(has_gone_within(Duration::from_secs(20), &id), "{}", containers(&id));
}

#[test]
fn on_the_newest_kafka_in_a_container_a_token_is_made_used_renewed_and_deleted() {
    a_token_lives_its_life(versions()[0]);
}

#[test]
fn on_the_oldest_kafka_in_a_container_a_token_is_made_used_renewed_and_deleted() {
    a_token_lives_its_life(versions().last().unwrap());
}

#[test]
fn a_node_in_a_container_can_be_killed_and_stopped_and_started_again_with_its_data() {
    let cluster = contained(versions()[0]);
    cluster.admin(&["create-topic", TOPIC, "3", "1"]).unwrap();
    let broker = cluster.broker(1);
    broker.kill().unwrap();
    assert_eq!(containers(cluster.id()), "");
    broker.start().unwrap();
    broker.stop().unwrap();
    assert_eq!(containers(cluster.id()), "");
    broker.start().unwrap();
    cluster.admin(&["delete-topic", TOPIC]).unwrap();
}

#[test]
fn killing_whoever_started_the_lab_leaves_no_container() {
    const STARTER: &str = "LAB_TEST_STARTER";
    if std::env::var_os(STARTER).is_some() {
        println!("cluster {}", contained(versions()[0]).id());
        std::thread::sleep(Duration::from_secs(120));
        return;
    }
    let mut starter = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killing_whoever_started_the_lab_leaves_no_container", "--nocapture"])
        .env(STARTER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(starter.stdout.take().unwrap()).lines().map_while(Result::ok);
    let id = { lines }.find_map(|line| Some(line.split_once("cluster ")?.1.to_owned())).unwrap();
    assert_ne!(containers(&id), "");
    starter.kill().unwrap();
    starter.wait().unwrap();
    assert!(has_gone_within(Duration::from_secs(5), &id), "{}", containers(&id));
}
