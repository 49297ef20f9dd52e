//! Clients of the lab's clusters.

use std::sync::Arc;
use std::time::Duration;

use ottla::{
    Bootstrap, Cluster, Config, Credentials, Error, ScramMechanism, Security, TcpConnector, Tls, Token,
    TokenSource,
};
use ottla_lab::{Listener, OwnCluster, Profile};
use tokio::task::spawn_blocking;

use super::raw::{self, Login, Raw, Who};

/// No call of a test may take longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// The lab's cluster of this profile, started by whoever asks first.
pub(crate) fn cluster(profile: Profile) -> ottla_lab::Cluster {
    ottla_lab::cluster(profile).unwrap_or_else(|error| panic!("{error}"))
}

/// How the lab is reached.
pub(crate) fn config(lab: &ottla_lab::Cluster, listener: Listener, credentials: Credentials) -> Config {
    let security = match listener {
        Listener::Plaintext | Listener::SaslPlaintext => Security::Plaintext,
        Listener::Ssl | Listener::SaslSsl => {
            let tls = Tls::builder().with_roots_file(lab.ca_pem_path()).build();
            Security::Tls(tls.expect("the lab's CA"))
        }
    };
    secured(lab, &lab.bootstrap(listener), security, credentials)
}

/// How these servers of the lab are reached.
pub(crate) fn secured(
    lab: &ottla_lab::Cluster,
    bootstrap: &str,
    security: Security,
    credentials: Credentials,
) -> Config {
    let bootstrap: Bootstrap = bootstrap.parse().expect("a bootstrap list");
    let mut connector = TcpConnector::new();
    for (name, address) in lab.names() {
        connector = connector.with_name(name, address);
    }
    Config::new(bootstrap, security, credentials).with_connector(connector).with_deadline(PATIENCE / 2)
}

/// Connects and logs in.
pub(crate) async fn connect(
    lab: &ottla_lab::Cluster,
    listener: Listener,
    credentials: Credentials,
) -> Result<Cluster, Error> {
    Cluster::connect(config(lab, listener, credentials)).await
}

/// Connects on the SSL listener with the lab's client certificate of `user`.
pub(crate) async fn connect_by_certificate(lab: &ottla_lab::Cluster, user: &str) -> Result<Cluster, Error> {
    Cluster::connect(certificate_config(lab, user)).await
}

/// How the SSL listener is reached with the lab's client certificate of `user`.
pub(crate) fn certificate_config(lab: &ottla_lab::Cluster, user: &str) -> Config {
    let (certificate, key) = lab.certificate(user);
    let tls = Tls::builder().with_roots_file(lab.ca_pem_path()).with_identity_files(certificate, key).build();
    let security = Security::Tls(tls.expect("the lab's certificates"));
    secured(lab, &lab.bootstrap(Listener::Ssl), security, Credentials::None)
}

/// Blocks until every broker takes logins with a token, at most for [`PATIENCE`].
pub(crate) fn await_known(lab: &ottla_lab::Cluster, token: &Token) {
    await_logins(lab, token, |login| login.code == 0);
}

/// Blocks until every broker grants a token more than a minute: a change of its expiry takes
/// effect when the broker has published it.
pub(crate) fn await_long_lived(lab: &ottla_lab::Cluster, token: &Token) {
    await_logins(lab, token, |login| login.code == 0 && login.lifetime > Duration::from_secs(60));
}

fn await_logins(lab: &ottla_lab::Cluster, token: &Token, enough: fn(&Login) -> bool) {
    let password = token.secret_password();
    let password = std::str::from_utf8(password.secret_bytes()).expect("base64 text");
    let patience = raw::now() + PATIENCE;
    for broker in 1..=lab.brokers() {
        let login =
            || Raw::connect(lab, broker, Listener::SaslPlaintext).login(Who::token(token.id(), password));
        while !enough(&login()) {
            assert!(raw::now() < patience, "b{broker} does not get to know the token");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// One of the lab's users, by SCRAM.
pub(crate) fn scram(mechanism: ScramMechanism, user: &str) -> Credentials {
    Credentials::Scram { mechanism, user: user.to_owned(), password: format!("{user}-secret").into() }
}

/// One of the lab's users, by PLAIN.
pub(crate) fn plain(user: &str) -> Credentials {
    Credentials::Plain { user: user.to_owned(), password: format!("{user}-secret").into() }
}

/// A token that is never replaced.
pub(crate) fn token(mechanism: ScramMechanism, token: &Token) -> Credentials {
    Credentials::Token { mechanism, source: TokenSource::fixed(token.clone()) }
}

/// Bounds a test in time.
pub(crate) async fn in_time<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, test).await.expect("the test to end in time")
}

/// Waits until each partition of some topics has a leader and so many replicas in sync.
pub(crate) async fn settled(cluster: &Cluster, topics: &[Arc<str>], in_sync: usize) {
    let are_settled = async || {
        let described = cluster.describe_topics(topics).await.ok()?;
        let mut partitions = described.iter().flat_map(|topic| &topic.partitions);
        Some(partitions.all(|partition| partition.leader.is_some() && partition.in_sync == in_sync))
    };
    super::within(PATIENCE, "the replicas", async {
        while are_settled().await != Some(true) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
}

/// Does what blocks to a cluster of one's own, which lives as long as the value.
pub(crate) async fn with(own: OwnCluster, each: impl FnOnce(&OwnCluster) + Send + 'static) -> OwnCluster {
    let run = move || {
        each(&own);
        own
    };
    spawn_blocking(run).await.unwrap()
}
