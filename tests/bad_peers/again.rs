//! Brokers that misbehave when a live connection logs in again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kafka_protocol::messages::{
    ApiKey, DescribeDelegationTokenResponse, MetadataResponse, SaslAuthenticateResponse,
    SaslHandshakeResponse,
};
use ottla::{Cluster, Credentials};
use tokio::task::JoinSet;

use super::{VERSIONS, config};
use crate::support::peer::{Broker, Peer};
use crate::support::raw::now;
use crate::support::within;

/// Long enough for two logins of one connection, short enough for a test.
const SESSION_MILLIS: i64 = 1_200;

/// What a broker does when it is asked to let a client log in again.
#[derive(Clone, Copy)]
enum Again {
    Silence,
    Close,
    TooEarly,
}

async fn serve(mut broker: Broker, again: Again, handshakes: Arc<AtomicU32>) -> std::io::Result<()> {
    broker.tell_versions(&VERSIONS).await?;
    broker.accept_handshake().await?;
    let (asked, _) = broker.sasl_message().await?;
    let accepted = SaslAuthenticateResponse::default().with_session_lifetime_ms(SESSION_MILLIS);
    broker.answer(&asked, &accepted).await?;
    loop {
        let asked = broker.asked().await?;
        match (asked.api, again) {
            (ApiKey::DescribeDelegationToken, _) => {
                broker.answer(&asked, &DescribeDelegationTokenResponse::default()).await?;
            }
            (ApiKey::Metadata, _) => broker.answer(&asked, &MetadataResponse::default()).await?,
            (ApiKey::SaslHandshake, Again::Silence) => return broker.fall_silent().await,
            (ApiKey::SaslHandshake, Again::Close) => return Ok(()),
            (ApiKey::SaslHandshake, Again::TooEarly) => {
                handshakes.fetch_add(1, Ordering::SeqCst);
                broker.answer(&asked, &SaslHandshakeResponse::default().with_error_code(34)).await?;
            }
            (other, _) => panic!("{other:?} was sent"),
        }
    }
}

/// Eight callers that call for four seconds. None of them may see an error.
async fn callers(again: Again) -> (Peer, u32) {
    let handshakes = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&handshakes);
    let peer = Peer::new(move |broker| serve(broker, again, Arc::clone(&count)));
    let credentials = Credentials::Plain { user: "alice".into(), password: "secret".into() };
    let config = config(&peer, credentials).with_deadline(Duration::from_secs(30));
    let cluster = Cluster::connect(config).await.unwrap();
    let end = now() + Duration::from_secs(4);
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let cluster = cluster.clone();
        callers.spawn(async move {
            while now() < end {
                cluster.describe_delegation_tokens(None).await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    }
    let all = async { while callers.join_next().await.transpose().unwrap().is_some() {} };
    within(Duration::from_secs(60), "the callers", all).await;
    (peer, handshakes.load(Ordering::SeqCst))
}

#[tokio::test]
async fn callers_see_nothing_of_a_broker_that_falls_silent_when_a_connection_logs_in_again() {
    let (peer, _) = callers(Again::Silence).await;
    assert!((2..=5).contains(&peer.connections()), "{}", peer.connections());
}

#[tokio::test]
async fn nor_of_one_that_closes_the_connection() {
    let (peer, _) = callers(Again::Close).await;
    assert!((2..=5).contains(&peer.connections()), "{}", peer.connections());
}

/// However many callers wait, and though no session of this broker ever goes on.
#[tokio::test]
async fn a_broker_that_always_answers_too_early_is_asked_once_a_second_and_then_left() {
    let (peer, handshakes) = callers(Again::TooEarly).await;
    println!("{handshakes} handshakes on {} connections", peer.connections());
    assert!((1..=8).contains(&handshakes), "{handshakes}");
    assert!((2..=4).contains(&peer.connections()), "{}", peer.connections());
}
