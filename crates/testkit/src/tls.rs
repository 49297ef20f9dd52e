//! TLS without C: a certificate authority made at start, keys over P-256, graviola underneath.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::{EncodePrivateKey, LineEnding};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyIdMethod, KeyUsagePurpose, PublicKeyData, SerialNumber, SignatureAlgorithm,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

use crate::random::Random;
use crate::{Error, Principal};

/// A certificate and its key, for a client.
#[derive(Clone)]
pub struct Identity {
    /// The certificate in PEM.
    pub certificate_pem: String,
    /// The private key in PEM, PKCS#8.
    pub key_pem: String,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

struct Key {
    signing: SigningKey,
    public: Vec<u8>,
}

impl Key {
    fn generate(random: &mut Random) -> Result<Self, Error> {
        let signing = SigningKey::from_slice(&random.bytes::<32>()).map_err(failure)?;
        let public = signing.verifying_key().to_sec1_point(false).as_bytes().to_vec();
        Ok(Self { signing, public })
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature: DerSignature = self.signing.sign(message);
        Ok(signature.as_bytes().to_vec())
    }
}

fn failure(error: impl std::fmt::Display) -> Error {
    Error::Tls(error.to_string())
}

/// The authority of one cluster. Its key and certificate are made when they are first asked for: they
/// cost more than all else that a cluster without TLS does at its start.
pub(crate) struct Authority {
    made: OnceLock<Made>,
    random: Mutex<Random>,
    /// Principals by the clients' certificates.
    clients: Arc<Mutex<BTreeMap<Vec<u8>, Principal>>>,
}

struct Made {
    issuer: Issuer<'static, Key>,
    certificate: CertificateDer<'static>,
    pem: String,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

/// Takes TLS connections.
#[derive(Clone)]
pub(crate) struct Acceptor {
    inner: tokio_rustls::TlsAcceptor,
    clients: Arc<Mutex<BTreeMap<Vec<u8>, Principal>>>,
}

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Acceptor").finish_non_exhaustive()
    }
}

impl Made {
    fn new(random: &mut Random) -> Result<Self, Error> {
        let key = Key::generate(random)?;
        let mut params = params("ottla testkit CA", Vec::new(), random)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let certificate = params.self_signed(&key).map_err(failure)?;
        Ok(Self {
            pem: certificate.pem(),
            certificate: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        })
    }
}

impl Authority {
    pub(crate) fn new(random: Random) -> Self {
        Self { made: OnceLock::new(), random: Mutex::new(random), clients: Arc::default() }
    }

    fn made(&self) -> Result<&Made, Error> {
        // Held meanwhile, so that it is made once.
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = self.made.get() {
            return Ok(made);
        }
        let made = Made::new(&mut random)?;
        Ok(self.made.get_or_init(|| made))
    }

    pub(crate) fn pem(&self) -> &str {
        self.made().map_or("", |made| &made.pem)
    }

    fn issue(
        &self,
        name: &str,
        names: Vec<String>,
        usage: ExtendedKeyUsagePurpose,
    ) -> Result<(rcgen::Certificate, Key), Error> {
        let made = self.made()?;
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Key::generate(&mut random)?;
        let mut params = params(name, names, &mut random)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &made.issuer).map_err(failure)?;
        Ok((certificate, key))
    }

    /// Makes a certificate with which a client is `User:name`.
    pub(crate) fn client(&self, name: &str) -> Result<Identity, Error> {
        let (certificate, key) = self.issue(name, Vec::new(), ExtendedKeyUsagePurpose::ClientAuth)?;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.insert(certificate.der().to_vec(), Principal::user(name));
        let key_pem = key.signing.to_pkcs8_pem(LineEnding::LF).map_err(failure)?.to_string();
        Ok(Identity { certificate_pem: certificate.pem(), key_pem })
    }

    /// Makes the TLS side of a broker, good for its names. A client certificate is asked for, not
    /// required (`ssl.client.auth=requested`).
    pub(crate) fn acceptor(&self, host: &str) -> Result<Acceptor, Error> {
        let names = [host, "localhost", "127.0.0.1"].map(str::to_owned).to_vec();
        let (certificate, key) = self.issue(host, names, ExtendedKeyUsagePurpose::ServerAuth)?;
        let key = key.signing.to_pkcs8_der().map_err(failure)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()));
        let mut roots = RootCertStore::empty();
        roots.add(self.made()?.certificate.clone()).map_err(failure)?;
        let provider = Arc::new(rustls_graviola::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .map_err(failure)?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(failure)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate.der().clone()], key)
            .map_err(failure)?;
        Ok(Acceptor { inner: Arc::new(config).into(), clients: Arc::clone(&self.clients) })
    }
}

impl Acceptor {
    /// Does the handshake, and tells who the certificate says it is.
    pub(crate) async fn accept<S>(&self, stream: S) -> Option<(TlsStream<S>, Option<Principal>)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let stream = self.inner.accept(stream).await.ok()?;
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let principal = shown.and_then(|certificate| clients.get(certificate.as_ref()).cloned());
        drop(clients);
        Some((stream, principal))
    }
}

fn params(common_name: &str, names: Vec<String>, random: &mut Random) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(names).map_err(failure)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let [first, rest @ ..] = random.bytes::<16>();
    params.serial_number = Some(SerialNumber::from_slice(&[&[first & 0x7f | 1], rest.as_slice()].concat()));
    params.key_identifier_method = KeyIdMethod::PreSpecified(random.bytes::<20>().to_vec());
    Ok(params)
}
