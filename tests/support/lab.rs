//! Clients of the lab's clusters.

use std::time::Duration;

use ottla::{
    Bootstrap, Cluster, Config, Credentials, Error, ScramMechanism, Security, TcpConnector, Tls, Token,
    TokenSource,
};
use ottla_lab::{Listener, Profile};

/// No call of a test may take longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The lab's cluster of this profile, started by whoever asks first.
pub(crate) fn cluster(profile: Profile) -> ottla_lab::Cluster {
    ottla_lab::cluster(profile).unwrap_or_else(|error| panic!("{error}"))
}

/// How the lab is reached.
pub(crate) fn config(lab: &ottla_lab::Cluster, listener: Listener, credentials: Credentials) -> Config {
    let bootstrap: Bootstrap = lab.bootstrap(listener).parse().expect("a bootstrap list");
    let mut connector = TcpConnector::new();
    for (name, address) in lab.names() {
        connector = connector.with_name(name, address);
    }
    let security = match listener {
        Listener::Plaintext | Listener::SaslPlaintext => Security::Plaintext,
        Listener::Ssl | Listener::SaslSsl => {
            let tls = Tls::builder().with_roots_file(lab.ca_pem_path()).build();
            Security::Tls(tls.expect("the lab's CA"))
        }
    };
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
