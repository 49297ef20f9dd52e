//! TLS against real brokers: what goes wrong is told as what it is, and soon.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::time::Duration;

use ottla::{Cluster, Config, Credentials, Error, ErrorKind, NewToken, Security, Tls};
use ottla_lab::{Listener, Profile};
use support::lab;
use support::raw::now;

fn trusting(lab: &ottla_lab::Cluster) -> Security {
    Security::Tls(Tls::builder().with_roots_file(lab.ca_pem_path()).build().unwrap())
}

/// Connects with little patience, which must be enough; tells how often it was tried.
async fn failure(config: Config) -> Error {
    let config = config.with_connect_timeout(Duration::from_secs(5)).with_deadline(Duration::from_secs(10));
    let began = now();
    let error = lab::in_time(Cluster::connect(config)).await.unwrap_err();
    println!("{:?}: {error:?}", began.elapsed());
    error
}

fn reason(error: &Error) -> String {
    std::error::Error::source(error).unwrap().to_string()
}

#[tokio::test]
async fn a_name_that_the_certificate_lacks_is_a_tls_error_for_good() {
    let cluster = lab::cluster(Profile::Default);
    for listener in [Listener::Ssl, Listener::SaslSsl] {
        let elsewhere = cluster.address(1, listener).unwrap().replace("b1:", "elsewhere:");
        let config = lab::secured(&cluster, &elsewhere, trusting(&cluster), lab::plain("alice"));
        let error = failure(config).await;
        assert_eq!(error.kind(), ErrorKind::Tls);
        assert!(!error.is_retriable());
        assert!(reason(&error).contains("elsewhere"), "{error:?}");
    }
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_a_tls_error_for_good() {
    let cluster = lab::cluster(Profile::Default);
    let (other, _) = cluster.certificate("elsewhere");
    let security = Security::Tls(Tls::builder().with_roots_file(other).build().unwrap());
    let config = lab::secured(&cluster, &cluster.bootstrap(Listener::SaslSsl), security, lab::plain("alice"));
    let error = failure(config).await;
    assert_eq!(error.kind(), ErrorKind::Tls);
    assert!(!error.is_retriable());
    assert!(reason(&error).contains("UnknownIssuer"), "{error:?}");
}

#[tokio::test]
async fn a_client_without_tls_on_a_tls_port_fails_in_bounded_time() {
    let cluster = lab::cluster(Profile::Default);
    let bootstrap = cluster.bootstrap(Listener::SaslSsl);
    let error = failure(lab::secured(&cluster, &bootstrap, Security::Plaintext, lab::plain("alice"))).await;
    assert!(matches!(error.kind(), ErrorKind::Protocol | ErrorKind::Connect), "{error:?}");
}

#[tokio::test]
async fn a_client_with_tls_on_a_plain_port_fails_in_bounded_time() {
    let cluster = lab::cluster(Profile::Default);
    for listener in [Listener::Plaintext, Listener::SaslPlaintext] {
        let bootstrap = cluster.bootstrap(listener);
        let config = lab::secured(&cluster, &bootstrap, trusting(&cluster), lab::plain("alice"));
        let error = failure(config).await;
        assert!(matches!(error.kind(), ErrorKind::Tls | ErrorKind::Connect), "{error:?}");
    }
}

#[tokio::test]
async fn a_client_certificate_is_who_the_client_is_and_without_one_it_is_nobody() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::Default);
        let bob = lab::connect_by_certificate(&cluster, "bob").await.unwrap();
        let token = bob.create_delegation_token(NewToken::new()).await.unwrap();
        assert_eq!(token.owner().unwrap().name(), "bob");
        bob.expire_delegation_token(&token, None).await.unwrap();
        let nobody = lab::connect(&cluster, Listener::Ssl, Credentials::None).await.unwrap();
        let refused = nobody.create_delegation_token(NewToken::new()).await.unwrap_err();
        assert_eq!(
            refused.kind(),
            ErrorKind::Broker(ottla::BrokerError::DELEGATION_TOKEN_REQUEST_NOT_ALLOWED)
        );
    })
    .await;
}
