//! Brokers that misbehave, and brokers that are old: a typed error in bounded time, and no second
//! try of what cannot succeed.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "bad_peers/again.rs"]
mod again;
#[path = "bad_peers/frames.rs"]
mod frames;
#[path = "bad_peers/logins.rs"]
mod logins;
#[path = "bad_peers/old.rs"]
mod old;
#[path = "bad_peers/pipeline.rs"]
mod pipeline;
mod support;

use std::time::Duration;

use kafka_protocol::messages::ApiKey;
use ottla::{Cluster, Config, Credentials, Error, ScramMechanism, Security};
use support::peer::Peer;
use support::within;

/// What the brokers of these tests speak.
const VERSIONS: [(ApiKey, i16, i16); 5] = [
    (ApiKey::ApiVersions, 0, 4),
    (ApiKey::SaslHandshake, 0, 1),
    (ApiKey::SaslAuthenticate, 0, 2),
    (ApiKey::Metadata, 0, 13),
    (ApiKey::DescribeDelegationToken, 1, 3),
];

/// Patience with a peer, and for the whole operation.
const CONNECT: Duration = Duration::from_millis(600);
const DEADLINE: Duration = Duration::from_secs(2);

fn config(peer: &Peer, credentials: Credentials) -> Config {
    Config::new("peer:9092".parse().unwrap(), Security::Plaintext, credentials)
        .with_connector(peer.clone())
        .with_connect_timeout(CONNECT)
        .with_request_timeout(CONNECT)
        .with_deadline(DEADLINE)
}

fn scram() -> Credentials {
    Credentials::Scram { mechanism: ScramMechanism::Sha256, user: "alice".into(), password: "secret".into() }
}

/// Connects, in time whatever the peer does.
async fn connect(peer: &Peer, credentials: Credentials) -> Result<Cluster, Error> {
    within(Duration::from_secs(60), "connecting", Cluster::connect(config(peer, credentials))).await
}

/// The error of a connection that fails for good at the first try.
async fn refused_once(peer: &Peer, credentials: Credentials) -> Error {
    let error = connect(peer, credentials).await.unwrap_err();
    assert!(!error.is_retriable(), "{error:?}");
    assert_eq!(peer.connections(), 1, "{error:?}");
    error
}

/// A peer that cannot be read: what came may have been damaged on its way, so two more connections
/// are made, and no more.
async fn is_unreadable(peer: &Peer) -> bool {
    let error = connect(peer, scram()).await.unwrap_err();
    assert_eq!(peer.connections(), 3, "{error:?}");
    !error.is_retriable() && error.kind() == ottla::ErrorKind::Protocol
}
