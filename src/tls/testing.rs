//! Certificates for tests: a CA, and what it signs.

use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::{EncodePrivateKey, LineEnding};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, Error, IsCa, Issuer, KeyIdMethod,
    PKCS_ECDSA_P256_SHA256, PublicKeyData, SerialNumber, SignatureAlgorithm,
};

/// A P-256 key made of one byte repeated: the same in every run.
pub(crate) struct Key {
    private: SigningKey,
    public: Vec<u8>,
}

/// A certificate and its key, as PEM texts.
pub(crate) struct Identity {
    pub(crate) chain: String,
    pub(crate) key: String,
}

/// A certificate authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, Key>,
    /// Its own certificate as a PEM text.
    pub(crate) root: String,
}

impl Key {
    fn new(seed: u8) -> Self {
        let private = SigningKey::from_slice(&[seed; 32]).unwrap();
        let public = private.verifying_key().to_sec1_point(false).as_bytes().to_vec();
        Self { private, public }
    }

    pub(crate) fn pkcs8_pem(seed: u8) -> String {
        Self::new(seed).private.to_pkcs8_pem(LineEnding::LF).unwrap().to_string()
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature: DerSignature = self.private.sign(message);
        Ok(signature.as_bytes().to_vec())
    }
}

impl Authority {
    pub(crate) fn new(seed: u8) -> Self {
        let mut params = params(&[], seed);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = Key::new(seed);
        let root = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), root }
    }

    /// Signs a certificate for `names`.
    pub(crate) fn sign(&self, names: &[&str], seed: u8) -> Identity {
        let chain = params(names, seed).signed_by(&Key::new(seed), &self.issuer).unwrap().pem();
        Identity { chain, key: Key::pkcs8_pem(seed) }
    }
}

fn params(names: &[&str], seed: u8) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, format!("test {seed}"));
    params.distinguished_name = subject;
    params.serial_number = Some(SerialNumber::from(u64::from(seed)));
    params.key_identifier_method = KeyIdMethod::PreSpecified(vec![seed; 20]);
    params
}
