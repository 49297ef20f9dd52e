//! TLS against real brokers: what goes wrong is told as what it is, and soon.

// Once: brokers of every version leave TLS to Java.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::time::Duration;

use ottla::secret::Secret;
use ottla::{Cluster, Config, Credentials, Error, ErrorKind, NewToken, Security, Tls};
use ottla_lab::{Listener, Profile};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::{EncodePrivateKey, LineEnding};
use rcgen::{
    CertificateParams, KeyIdMethod, PKCS_ECDSA_P256_SHA256, PublicKeyData, SerialNumber, SignatureAlgorithm,
};
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

/// The broker answers by an alert, which reads as the length of a frame.
#[tokio::test]
async fn a_client_without_tls_on_a_tls_port_is_told_so() {
    let cluster = lab::cluster(Profile::Default);
    let bootstrap = cluster.bootstrap(Listener::SaslSsl);
    let error = failure(lab::secured(&cluster, &bootstrap, Security::Plaintext, lab::plain("alice"))).await;
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(reason(&error).contains("the broker speaks TLS"), "{error:?}");
}

/// The broker closes without a word, as one that is being stopped does: time may help.
#[tokio::test]
async fn a_client_with_tls_on_a_plain_port_fails_in_bounded_time_with_a_hint() {
    let cluster = lab::cluster(Profile::Default);
    for listener in [Listener::Plaintext, Listener::SaslPlaintext] {
        let bootstrap = cluster.bootstrap(listener);
        let config = lab::secured(&cluster, &bootstrap, trusting(&cluster), lab::plain("alice"));
        let error = failure(config).await;
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert!(error.is_retriable());
        assert!(reason(&error).contains("is it a TLS listener?"), "{error:?}");
    }
}

/// With TLS 1.3 the broker refuses after the client has done its part of the handshake.
#[tokio::test]
async fn a_client_certificate_of_an_unknown_authority_is_a_tls_error_for_good() {
    let cluster = lab::cluster(Profile::Default);
    let (chain, key) = self_signed();
    let tls = Tls::builder().with_roots_file(cluster.ca_pem_path()).with_identity_pem(chain, key);
    let security = Security::Tls(tls.build().unwrap());
    let bootstrap = cluster.bootstrap(Listener::Ssl);
    let error = failure(lab::secured(&cluster, &bootstrap, security, Credentials::None)).await;
    assert_eq!(error.kind(), ErrorKind::Tls);
    assert!(!error.is_retriable());
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

/// A P-256 key of one byte repeated, for `rcgen`.
struct Key(SigningKey, Vec<u8>);

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.1
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature: DerSignature = self.0.sign(message);
        Ok(signature.as_bytes().to_vec())
    }
}

/// A certificate of the client's own making, and its key.
fn self_signed() -> (String, Secret) {
    let private = SigningKey::from_slice(&[7; 32]).unwrap();
    let public = private.verifying_key().to_sec1_point(false).as_bytes().to_vec();
    let pem = private.to_pkcs8_pem(LineEnding::LF).unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.serial_number = Some(SerialNumber::from(7_u64));
    params.key_identifier_method = KeyIdMethod::PreSpecified(vec![7; 20]);
    let chain = params.self_signed(&Key(private, public)).unwrap().pem();
    (chain, Secret::from(pem.as_str()))
}
