use std::path::PathBuf;
use std::time::Duration;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::error::{Error, Origin, Part};
use super::testing::{Authority, Identity, Key};
use super::*;
use crate::secret::Secret;

const LIMIT: Duration = Duration::from_secs(20);

fn origin(part: Part) -> Origin {
    Origin { part, file: None }
}

fn fault(builder: TlsBuilder) -> Error {
    builder.build().unwrap_err().0
}

fn with_root() -> TlsBuilder {
    Tls::builder().with_roots_pem(Authority::new(1).root)
}

fn with_identity(chain: &str, key: &str) -> TlsBuilder {
    with_root().with_identity_pem(chain, Secret::from(key))
}

/// A server that asks for a client certificate if `clients` says who signs them.
fn server(
    identity: &Identity,
    clients: Option<&Authority>,
    versions: &[&'static SupportedProtocolVersion],
) -> TlsAcceptor {
    let provider = TlsProvider::default_choice().unwrap().load().unwrap();
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions);
    let config = match clients {
        None => config.unwrap().with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(authority.root.as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            config.unwrap().with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let chain = vec![CertificateDer::from_pem_slice(identity.chain.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()))
}

/// Connects over a pipe in memory, sends a ping and gives what came back.
async fn ping(tls: &Tls, host: &str, acceptor: TlsAcceptor) -> std::io::Result<[u8; 4]> {
    let (near, far) = tokio::io::duplex(16 * 1024);
    let answering = async move {
        let mut stream = acceptor.accept(far).await?;
        let mut ping = [0; 4];
        stream.read_exact(&mut ping).await?;
        stream.write_all(&ping).await?;
        stream.shutdown().await
    };
    let asking = async {
        let name = server_name(host).unwrap();
        let mut stream = TlsConnector::from(tls.client_config()).connect(name, near).await?;
        stream.write_all(b"ping").await?;
        let mut pong = [0; 4];
        stream.read_exact(&mut pong).await?;
        Ok(pong)
    };
    let both = async { tokio::join!(answering, asking) };
    tokio::time::timeout(LIMIT, both).await.unwrap().1
}

async fn refusal(tls: &Tls, host: &str, acceptor: TlsAcceptor) -> String {
    ping(tls, host, acceptor).await.unwrap_err().to_string()
}

#[tokio::test]
async fn talks_tls_1_3_and_1_2_with_names_and_addresses() {
    let ca = Authority::new(1);
    let tls = with_root().build().unwrap();
    let identity = ca.sign(&["b1.test", "10.0.0.1", "2001:db8::1"], 2);
    for host in ["b1.test", "10.0.0.1", "2001:db8::1"] {
        for version in [&version::TLS13, &version::TLS12] {
            let pong = ping(&tls, host, server(&identity, None, &[version])).await;
            assert_eq!(pong.unwrap(), *b"ping", "{host} {version:?}");
        }
    }
}

#[tokio::test]
async fn refuses_a_server_of_another_name() {
    let identity = Authority::new(1).sign(&["b2.test"], 2);
    let tls = with_root().build().unwrap();
    let why = refusal(&tls, "b1.test", server(&identity, None, &[&version::TLS13])).await;
    assert!(why.contains("not valid for name"), "{why}");
}

#[tokio::test]
async fn takes_any_name_only_if_told_to_and_still_only_of_its_roots() {
    let any_name = with_root().without_name_verification().build().unwrap();
    for version in [&version::TLS13, &version::TLS12] {
        let identity = Authority::new(1).sign(&["b2.test"], 2);
        let pong = ping(&any_name, "b1.test", server(&identity, None, &[version])).await;
        assert_eq!(pong.unwrap(), *b"ping");
        let stranger = Authority::new(9).sign(&["b1.test"], 2);
        let why = refusal(&any_name, "b1.test", server(&stranger, None, &[version])).await;
        assert!(why.contains("UnknownIssuer"), "{why}");
    }
}

#[tokio::test]
async fn refuses_a_server_of_an_unknown_ca() {
    let identity = Authority::new(9).sign(&["b1.test"], 2);
    let tls = with_root().build().unwrap();
    let why = refusal(&tls, "b1.test", server(&identity, None, &[&version::TLS13])).await;
    assert!(why.contains("UnknownIssuer"), "{why}");
}

#[tokio::test]
async fn several_roots_add_up() {
    let tls = with_root().with_roots_pem(Authority::new(9).root).build().unwrap();
    let identity = Authority::new(9).sign(&["b1.test"], 2);
    assert!(ping(&tls, "b1.test", server(&identity, None, &[&version::TLS13])).await.is_ok());
}

#[tokio::test]
async fn shows_its_certificate_to_a_server_that_asks_for_one() {
    let ca = Authority::new(1);
    let (broker, client) = (ca.sign(&["b1.test"], 2), ca.sign(&["driver"], 3));
    let acceptor = || server(&broker, Some(&ca), &[&version::TLS13]);
    let tls = with_identity(&client.chain, &client.key).build().unwrap();
    assert!(ping(&tls, "b1.test", acceptor()).await.is_ok());
    let anonymous = with_root().build().unwrap();
    let why = refusal(&anonymous, "b1.test", acceptor()).await;
    assert!(why.contains("CertificateRequired"), "{why}");
}

#[test]
fn a_client_config_of_ones_own_is_taken_as_it_is() {
    let config = with_root().build().unwrap().client_config();
    assert!(Arc::ptr_eq(&Tls::with_client_config(Arc::clone(&config)).client_config(), &config));
}

#[test]
fn tells_its_roots_to_others() {
    let (one, other) = (Authority::new(1).root, Authority::new(9).root);
    let both = format!("{one}{other}").replace("\r\n", "\n");
    let tls = Tls::builder().with_roots_pem(one).with_roots_pem(other).build().unwrap();
    assert_eq!(tls.roots_pem(), Some(both));
    assert_eq!(Tls::with_client_config(tls.client_config()).roots_pem(), None);
}

#[test]
fn trusts_nobody_unless_told_whom() {
    assert_eq!(fault(Tls::builder()), Error::NoRoots);
    assert!(Error::NoRoots.to_string().contains("with_roots_file"));
}

#[test]
fn says_what_is_wrong_with_a_root() {
    let roots = |text: &str| fault(Tls::builder().with_roots_pem(text));
    let part = || origin(Part::Roots);
    assert_eq!(roots(""), Error::NoCertificate { origin: part() });
    assert_eq!(roots("garbage\0\n"), Error::NoCertificate { origin: part() });
    assert_eq!(roots(&Key::pkcs8_pem(1)), Error::NoCertificate { origin: part() });
    let section = |body: &str| format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
    assert_eq!(roots(&section("!!!")), Error::BadPem { origin: part() });
    assert_eq!(roots("-----BEGIN CERTIFICATE-----\nAAAA\n"), Error::BadPem { origin: part() });
    assert_eq!(roots(&section("AAAA")), Error::BadCertificate { origin: part() });
    assert_eq!(roots(&"x".repeat(1024 * 1024 + 1)), Error::TooLarge { origin: part(), max: 1024 * 1024 });
}

#[test]
fn names_the_file_that_cannot_be_read() {
    let file = PathBuf::from("/nonexistent/ca.pem");
    let error = fault(Tls::builder().with_roots_file(&file));
    let origin = Origin { part: Part::Roots, file: Some(file) };
    assert!(matches!(&error, Error::File { origin: named, .. } if *named == origin), "{error:?}");
    assert!(error.to_string().contains("cannot be read: No such file"), "{error}");
    assert!(error.to_string().contains("/nonexistent/ca.pem"));
}

#[test]
fn reads_roots_and_identity_from_files() {
    let ca = Authority::new(1);
    let client = ca.sign(&["driver"], 3);
    let folder = std::env::temp_dir().join(format!("ottla-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (roots, both) = (folder.join("ca.pem"), folder.join("client.pem"));
    std::fs::write(&roots, &ca.root).unwrap();
    std::fs::write(&both, format!("{}{}", client.key, client.chain)).unwrap();
    let built = Tls::builder().with_roots_file(roots).with_identity_files(&both, &both).build();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(built.is_ok(), "{built:?}");
}

#[test]
fn says_what_is_wrong_with_an_identity() {
    let client = Authority::new(1).sign(&["driver"], 3);
    let key = |text: &str| fault(with_identity(&client.chain, text));
    let part = || origin(Part::Key);
    assert_eq!(key("garbage"), Error::NoPrivateKey { origin: part() });
    assert_eq!(key(&client.chain), Error::NoPrivateKey { origin: part() });
    let section = |kind: &str, body: &str| format!("-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n");
    assert_eq!(key(&section("PRIVATE KEY", "!")), Error::BadPem { origin: part() });
    for kind in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"] {
        assert_eq!(key(&section(kind, "MAA=")), Error::UnusableKey { origin: part() }, "{kind}");
    }
    assert_eq!(key(&Key::pkcs8_pem(4)), Error::KeyDoesNotFit);
    let chain = fault(with_identity("garbage", &client.key));
    assert_eq!(chain, Error::NoCertificate { origin: origin(Part::Chain) });
    let chain = fault(with_identity(&section("CERTIFICATE", "AAAA"), &client.key));
    assert_eq!(chain, Error::BadCertificate { origin: origin(Part::Chain) });
}

#[test]
fn says_how_to_decrypt_an_encrypted_key() {
    let client = Authority::new(1).sign(&["driver"], 3);
    let pkcs8 = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let old =
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMAA=\n-----END RSA PRIVATE KEY-----\n";
    for key in [pkcs8, old] {
        let error = fault(with_identity(&client.chain, key));
        assert_eq!(error, Error::EncryptedKey { origin: origin(Part::Key) });
        assert!(error.to_string().contains("openssl pkcs8"));
    }
}

#[test]
fn refuses_a_host_that_no_certificate_can_name() {
    for host in ["", "a b", "-", "[::1]"] {
        assert_eq!(server_name(host).unwrap_err().0, Error::NotAServerName, "{host}");
    }
}

#[test]
fn debug_shows_no_key() {
    let client = Authority::new(1).sign(&["driver"], 3);
    let builder = with_identity(&client.chain, &client.key);
    let line = client.key.lines().nth(1).unwrap();
    let shown = format!("{builder:?} {:?}", builder.clone().build());
    assert!(!shown.contains(line) && shown.contains("Tls(..)"), "{shown}");
}
