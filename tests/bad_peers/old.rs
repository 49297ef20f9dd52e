//! A broker of Kafka 2.8, by the versions that it lists: it cannot make tokens for others.

use kafka_protocol::messages::{
    ApiKey, CreateDelegationTokenResponse, MetadataResponse, SaslAuthenticateResponse,
};
use ottla::ids::Principal;
use ottla::{Credentials, ErrorKind, NewToken};

use super::connect;
use crate::support::peer::Peer;

/// What Kafka 2.8 answers to ApiVersions, of the APIs that matter here.
const KAFKA_2_8: [(ApiKey, i16, i16); 8] = [
    (ApiKey::Metadata, 0, 11),
    (ApiKey::SaslHandshake, 0, 1),
    (ApiKey::ApiVersions, 0, 3),
    (ApiKey::SaslAuthenticate, 0, 2),
    (ApiKey::CreateDelegationToken, 0, 2),
    (ApiKey::RenewDelegationToken, 0, 2),
    (ApiKey::ExpireDelegationToken, 0, 2),
    (ApiKey::DescribeDelegationToken, 0, 2),
];

fn kafka_2_8() -> Peer {
    Peer::new(|mut broker| async move {
        broker.tell_versions(&KAFKA_2_8).await?;
        broker.accept_handshake().await?;
        let (asked, _) = broker.sasl_message().await?;
        broker.answer(&asked, &SaslAuthenticateResponse::default()).await?;
        loop {
            let asked = broker.asked().await?;
            match asked.api {
                ApiKey::Metadata => broker.answer(&asked, &MetadataResponse::default()).await?,
                ApiKey::CreateDelegationToken => {
                    assert_eq!(asked.version, 2);
                    let made = CreateDelegationTokenResponse::default()
                        .with_principal_type("User".to_owned().into())
                        .with_principal_name("alice".to_owned().into())
                        .with_token_id("id".to_owned().into())
                        .with_hmac(vec![7; 64].into());
                    broker.answer(&asked, &made).await?;
                }
                other => panic!("{other:?} was sent"),
            }
        }
    })
}

fn alice() -> Credentials {
    Credentials::Plain { user: "alice".into(), password: "secret".into() }
}

/// Versions before 3 have no field for the owner: the broker would make a token for the asker,
/// who would ship it to the workers.
#[tokio::test]
async fn a_token_for_somebody_else_is_refused_before_anything_is_sent() {
    let cluster = connect(&kafka_2_8(), alice()).await.unwrap();
    let new = NewToken::new().with_owner(Principal::user("bob"));
    let error = cluster.create_delegation_token(new).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(!error.is_retriable() && !error.possibly_written());
    assert_eq!(cluster.statistics().requests_of("CreateDelegationToken"), 0);
}

#[tokio::test]
async fn a_token_for_oneself_is_made() {
    let cluster = connect(&kafka_2_8(), alice()).await.unwrap();
    let token = cluster.create_delegation_token(NewToken::new()).await.unwrap();
    assert_eq!((token.id(), token.owner(), token.requester()), ("id", Some(&Principal::user("alice")), None));
}
