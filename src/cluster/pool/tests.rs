use super::*;
use crate::cluster::client::Cluster;
use crate::cluster::config::{Config, Security};
use crate::sasl::ScramMechanism;
use crate::secret::Secret;

const LIMIT: Duration = Duration::from_secs(300);

/// Brokers in this process, with a topic whose partitions they all lead.
async fn brokers() -> ottla_testkit::Cluster {
    let builder = ottla_testkit::Cluster::builder()
        .brokers(3)
        .listener(ottla_testkit::Protocol::SaslPlaintext)
        .user("alice", "alice-secret");
    let brokers = builder.start_tcp().await.unwrap();
    brokers.create_topic("t", 3, 1).unwrap();
    brokers
}

async fn client(brokers: &ottla_testkit::Cluster, credentials: Credentials) -> Cluster {
    let bootstrap = brokers.bootstrap(ottla_testkit::Protocol::SaslPlaintext).unwrap().parse().unwrap();
    Cluster::connect(Config::new(bootstrap, Security::Plaintext, credentials)).await.unwrap()
}

/// A login at each broker.
async fn touch(client: &Cluster) {
    let partitions = client.partitions("t").await.unwrap();
    let latest = crate::OffsetAt::Latest;
    client.list_offsets(&partitions, latest, crate::IsolationLevel::default()).await.unwrap();
}

#[tokio::test]
async fn clients_of_one_source_hash_once_for_each_broker_and_token() {
    let brokers = brokers().await;
    let hashed = async {
        let (user, password) = ("alice".to_owned(), Secret::from("alice-secret"));
        let mechanism = ScramMechanism::Sha256;
        let alice = client(&brokers, Credentials::Scram { mechanism, user, password }).await;
        let make = || alice.create_delegation_token(crate::NewToken::new());
        let (writer, source) = TokenSource::watched(make().await.unwrap());
        let credentials = Credentials::Token { mechanism, source };
        let (mut clients, mut hashed) = (Vec::new(), Vec::new());
        for _ in 0..4 {
            clients.push(client(&brokers, credentials.clone()).await);
        }
        for client in &clients {
            touch(client).await;
        }
        hashed.push(credentials.keys().hashed());
        // Brokers take a second login of a connection after a second.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        assert!(writer.replace(make().await.unwrap()));
        let logins = |count: fn(Statistics) -> u64| -> u64 {
            clients.iter().map(|client| count(client.statistics())).sum()
        };
        while logins(|counts| counts.reauthentications) < logins(|counts| counts.connections) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        hashed.push(credentials.keys().hashed());
        hashed
    };
    let hashed = tokio::time::timeout(LIMIT, hashed).await.unwrap();
    assert_eq!(hashed, [3, 6], "four clients log in by the same keys");
}
