//! Where a token is made and where it is used: listeners with TLS, client certificates.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;

use ottla_testkit::{Cluster, Protocol};
use support::{Kafka, command, ottla, run};

fn start() -> Kafka {
    let builder = Cluster::builder().brokers(2).listener(Protocol::Ssl).listener(Protocol::SaslSsl);
    Kafka::start_with(builder.listener(Protocol::SaslPlaintext))
}

/// The `client.properties` of alice by certificate.
fn mtls(kafka: &Kafka) -> String {
    let identity = kafka.cluster.client_identity("alice").unwrap();
    let ca = kafka.file("ca.pem", kafka.cluster.ca_pem());
    let chain = kafka.file("alice.pem", format!("{}{}", identity.certificate_pem, identity.key_pem));
    let text = kafka.properties(Protocol::Ssl)
        + &format!(
            "ssl.truststore.type=PEM\nssl.truststore.location={ca}\nssl.keystore.type=PEM\nssl.keystore.location={chain}\n"
        );
    kafka.file("mtls.properties", text)
}

#[test]
fn a_token_made_by_certificate_is_used_on_the_sasl_listener_that_was_named() {
    let kafka = start();
    kafka.topic("t", 5);
    let (config, out) = (mtls(&kafka), kafka.path("job.token").display().to_string());
    let there = kafka.cluster.bootstrap(Protocol::SaslSsl).unwrap();
    let create = ["token", "create", "--config", &config, "--out", &out, "--target-bootstrap", &there];
    let created = ottla(create);
    assert_eq!(created.json()[0]["owner"], "User:alice", "{created:?}");
    let text = fs::read_to_string(&out).unwrap();
    assert!(text.contains("security.protocol=SASL_SSL\n") && text.contains("BEGIN CERTIFICATE"), "{text}");
    // It needs no file besides.
    fs::remove_file(kafka.path("ca.pem")).unwrap();
    ottla(["read", "--token-file", &out, "--topic", "t", "--format", "count"]).succeeded();
}

#[test]
fn another_protocol_another_mechanism_and_other_roots_can_be_the_targets() {
    let kafka = start();
    kafka.topic("t", 5);
    let (config, out) = (mtls(&kafka), kafka.path("plain.token").display().to_string());
    let there = kafka.cluster.bootstrap(Protocol::SaslPlaintext).unwrap();
    let create = [
        "token",
        "create",
        "--config",
        &config,
        "--out",
        &out,
        "--target-bootstrap",
        &there,
        "--target-protocol",
        "SASL_PLAINTEXT",
        "--mechanism",
        "SCRAM-SHA-256",
    ];
    ottla(create).succeeded();
    let text = fs::read_to_string(&out).unwrap();
    assert!(text.contains("SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-256\n"), "{text}");
    ottla(["read", "--token-file", &out, "--topic", "t"]).succeeded();
    // From an owner without TLS to executors with it.
    let (config, out) = (kafka.config("alice"), kafka.path("tls.token").display().to_string());
    let (there, ca) =
        (kafka.cluster.bootstrap(Protocol::SaslSsl).unwrap(), kafka.path("ca.pem").display().to_string());
    let create = ["token", "create", "--config", &config, "--out", &out, "--target-bootstrap", &there];
    let told = run(command().args(create).args(["--target-protocol", "SASL_SSL"]), b"").failed(2);
    assert!(told.contains("--target-ca"), "{told}");
    let roots = ["--target-ca", &ca, "--mechanism", "SCRAM-SHA-256"];
    run(command().args(create).args(roots), b"").succeeded();
    ottla(["read", "--token-file", &out, "--topic", "t"]).succeeded();
}

#[test]
fn a_token_that_the_target_does_not_take_is_told_with_its_id() {
    let kafka = start();
    let (config, out) = (mtls(&kafka), kafka.path("job.token").display().to_string());
    // The listener for certificates has no SCRAM.
    let created = ottla(["token", "create", "--config", &config, "--out", &out]);
    let id = &kafka.cluster.tokens()[0].id;
    assert!(created.code != Some(0) && created.stderr.contains(id), "{created:?}");
    assert!(created.stderr.contains("--target-bootstrap") && created.json()[0]["id"] == **id, "{created:?}");
    ottla(["token", "create", "--config", &config, "--out", &out, "--no-wait"]).succeeded();
}
