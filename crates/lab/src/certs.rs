//! A certificate authority of the lab's own, made anew at every start.

use std::fs;
use std::path::Path;

use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::{EncodePrivateKey, LineEnding};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyIdMethod, KeyUsagePurpose, PublicKeyData, SerialNumber, SignatureAlgorithm,
};

use crate::error::{Context, Result};
use crate::layout::{self, MAX_BROKERS};

/// An ECDSA P-256 key as `rcgen` wants it.
struct Key {
    signing: SigningKey,
    public: Vec<u8>,
}

impl Key {
    fn generate() -> Result<Self> {
        let signing = SigningKey::from_slice(&layout::random::<32>()?).context(|| "make a key".into())?;
        let public = signing.verifying_key().to_sec1_point(false).as_bytes().to_vec();
        Ok(Self { signing, public })
    }

    fn pem(&self) -> Result<String> {
        let pem = self.signing.to_pkcs8_pem(LineEnding::LF).context(|| "encode a key".into())?;
        Ok(pem.to_string())
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
    fn sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, rcgen::Error> {
        let signature: DerSignature = self.signing.sign(message);
        Ok(signature.as_bytes().to_vec())
    }
}

/// The parameters that all certificates share. The name is the CN alone: Java's rule that maps a
/// certificate to a principal sees further parts in reverse order.
fn params(common_name: &str, names: &[&str]) -> Result<CertificateParams> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).context(|| format!("certificate for {common_name}"))?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let [first, rest @ ..] = layout::random::<16>()?;
    params.serial_number = Some(SerialNumber::from_slice(&[&[first & 0x7f | 1], rest.as_slice()].concat()));
    params.key_identifier_method = KeyIdMethod::PreSpecified(layout::random::<20>()?.to_vec());
    Ok(params)
}

/// Writes `ca.pem`, and for every broker name, for `elsewhere` (a server that nobody should
/// trust as a broker) and for the clients alice and bob: `NAME.crt`, `NAME.key` and both in
/// one file `NAME.pem`, as Java wants them.
pub(crate) fn write_all(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).context(|| format!("create {}", dir.display()))?;
    let key = Key::generate()?;
    let mut authority = params("ottla lab CA", &[])?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let certificate = authority.self_signed(&key).context(|| "sign the CA".into())?;
    write(dir, "ca.pem", &certificate.pem())?;
    let issuer = Issuer::from_params(&authority, key);
    for broker in 1..=MAX_BROKERS {
        let name = layout::broker_name(broker);
        let names = [name.as_str(), "localhost", "127.0.0.1"];
        issue(dir, &name, &names, ExtendedKeyUsagePurpose::ServerAuth, &issuer)?;
    }
    issue(dir, "elsewhere", &["elsewhere"], ExtendedKeyUsagePurpose::ServerAuth, &issuer)?;
    for client in ["alice", "bob"] {
        issue(dir, client, &[], ExtendedKeyUsagePurpose::ClientAuth, &issuer)?;
    }
    Ok(())
}

fn issue(
    dir: &Path,
    common_name: &str,
    names: &[&str],
    usage: ExtendedKeyUsagePurpose,
    issuer: &Issuer<'_, Key>,
) -> Result<()> {
    let key = Key::generate()?;
    let mut params = params(common_name, names)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(&key, issuer).context(|| format!("sign {common_name}"))?.pem();
    let secret = key.pem()?;
    write(dir, &format!("{common_name}.crt"), &certificate)?;
    write(dir, &format!("{common_name}.key"), &secret)?;
    write(dir, &format!("{common_name}.pem"), &(secret + &certificate))
}

fn write(dir: &Path, name: &str, text: &str) -> Result<()> {
    let path = dir.join(name);
    fs::write(&path, text).context(|| format!("write {}", path.display()))
}
