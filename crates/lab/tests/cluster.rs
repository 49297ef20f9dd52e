//! The lab with real brokers. These tests share one lab, as all tests of a process do.

// Once: the lab lays out every version alike.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::fs;
use std::net::TcpStream;

use ottla_lab::{Cluster, Listener, Login, Profile, cluster};

fn default() -> Cluster {
    cluster(Profile::Default).unwrap()
}

#[test]
fn every_listener_of_every_broker_of_the_default_cluster_accepts_connections() {
    let cluster = default();
    assert_eq!(cluster.brokers(), 3);
    let names = cluster.names();
    for listener in Listener::ALL {
        for address in cluster.bootstrap(listener).split(',') {
            let (name, port) = address.split_once(':').unwrap();
            TcpStream::connect((names[name], port.parse().unwrap())).unwrap();
        }
    }
}

#[test]
fn a_second_request_gives_the_same_cluster() {
    let (one, other) = (default(), default());
    assert_eq!(one.id(), other.id());
    assert_eq!(one.pid(1).unwrap(), other.pid(1).unwrap());
    assert_eq!(one.bootstrap(Listener::SaslSsl), other.bootstrap(Listener::SaslSsl));
}

#[test]
fn the_files_that_a_client_needs_are_there() {
    let cluster = default();
    assert!(fs::read_to_string(cluster.ca_pem_path()).unwrap().contains("BEGIN CERTIFICATE"));
    for name in ["alice", "bob", "b3", "elsewhere"] {
        let (certificate, key) = cluster.certificate(name);
        assert!(fs::read_to_string(certificate).unwrap().contains("BEGIN CERTIFICATE"));
        assert!(fs::read_to_string(key).unwrap().contains("BEGIN PRIVATE KEY"));
    }
    let login = Login::Scram256("alice".into());
    let file = cluster.client_properties_file(Listener::SaslSsl, &login).unwrap();
    assert_eq!(fs::read_to_string(file).unwrap(), cluster.client_properties(Listener::SaslSsl, &login));
}
