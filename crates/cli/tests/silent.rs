//! Brokers and KDCs that take connections and say nothing: every command ends within `--timeout`.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

use ottla_testkit::{Action, ApiKey, Fault};
use support::{Kafka, Ran, command, run};

/// `--timeout`, and what a process may take beside it on a machine that is busy.
const TIMEOUT: Duration = Duration::from_secs(1);
const SLACK: Duration = Duration::from_secs(6);

/// Ports of this machine that take connections, and do nothing with them.
fn silent(count: usize) -> (Vec<TcpListener>, String) {
    let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let ends: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap().to_string()).collect();
    (listeners, ends.join(","))
}

fn timed(arguments: &[&str]) -> Ran {
    let began = now();
    let ran = run(command().args(arguments).args(["--timeout", "1s"]), b"x\n");
    let took = now() - began;
    assert!(took < TIMEOUT + SLACK, "{arguments:?} took {took:?}");
    assert!(took >= TIMEOUT / 2, "{arguments:?} did not wait: {took:?}, {ran:?}");
    ran
}

#[expect(clippy::disallowed_methods, reason = "what is measured is time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

#[test]
fn every_command_ends_within_its_timeout_though_all_brokers_are_silent() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("client.properties");
    let out = folder.path().join("job.token").display().to_string();
    let roots = folder.path().join("ca.pem");
    let kafka = ottla_testkit::Cluster::builder().listener(ottla_testkit::Protocol::Ssl).start_in_memory();
    fs::write(&roots, kafka.unwrap().ca_pem()).unwrap();
    for (count, protocol) in [(1, "SASL_PLAINTEXT"), (20, "SASL_PLAINTEXT"), (2, "SASL_SSL")] {
        let (_listeners, bootstrap) = silent(count);
        let jaas =
            "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"a\" password=\"b\";";
        let text = format!(
            "bootstrap.servers={bootstrap}\nsecurity.protocol={protocol}\nsasl.mechanism=SCRAM-SHA-256\n\
             sasl.jaas.config={jaas}\nssl.truststore.type=PEM\nssl.truststore.location={}\n",
            roots.display()
        );
        fs::write(&config, text).unwrap();
        let config = config.display().to_string();
        for arguments in [
            &["topics", "list", "--config", &config][..],
            &["read", "--config", &config, "--topic", "t"],
            &["write", "--config", &config, "--topic", "t", "--count", "1", "--size", "1"],
            &["token", "create", "--config", &config, "--out", &out],
            &["token", "describe", "--config", &config],
        ] {
            let told = timed(arguments).failed(1);
            assert!(told.contains("127.0.0.1:"), "{told}");
        }
    }
}

#[test]
fn a_command_ends_within_its_timeout_though_one_kind_of_request_is_never_answered() {
    for silent in
        [ApiKey::Metadata, ApiKey::InitProducerId, ApiKey::Produce, ApiKey::ListOffsets, ApiKey::Fetch]
    {
        let kafka = Kafka::start();
        kafka.topic("t", 1);
        let config = kafka.config("alice");
        kafka.cluster.faults().add(Fault::new(Action::Stall).on_api(silent));
        let is_written = matches!(silent, ApiKey::InitProducerId | ApiKey::Produce);
        if !is_written {
            timed(&["read", "--config", &config, "--topic", "t"]).failed(1);
        }
        if is_written || silent == ApiKey::Metadata {
            timed(&["write", "--config", &config, "--topic", "t", "--count", "1", "--size", "1"]).failed(1);
        }
    }
}

#[test]
fn a_kerberos_login_ends_within_its_timeout_though_all_kdcs_are_silent() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (listeners, _) = silent(3);
    let ports: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
    let _sockets: Vec<_> = ports.iter().map(|port| UdpSocket::bind(("127.0.0.1", *port))).collect();
    let kdcs: String = ports.iter().map(|port| format!("  kdc = 127.0.0.1:{port}\n")).collect();
    let conf =
        format!("[libdefaults]\ndefault_realm = EXAMPLE.TEST\n[realms]\nEXAMPLE.TEST = {{\n{kdcs}}}\n");
    fs::write(path("krb5.conf"), conf).unwrap();
    fs::write(path("password"), "secret\n").unwrap();
    let (password, cache) = (path("password"), path("cache"));
    let began = now();
    let login =
        ["kerberos", "login", "alice", "--password-file", &password, "--cache", &cache, "--timeout", "1s"];
    let ran = run(command().env("KRB5_CONFIG", path("krb5.conf")).args(login), b"");
    assert!(now() - began < TIMEOUT + SLACK, "{:?}", now() - began);
    assert!(ran.failed(1).contains("within 1s"));
}
