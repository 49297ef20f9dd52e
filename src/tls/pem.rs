//! PEM texts: where they come from, and certificates and keys read from them (RFC 7468).

use std::path::PathBuf;

use base64ct::{Base64, Encoding};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::error::{Error, Origin, Part};
use crate::secret::Secret;
use crate::secret::file::{FileError, FileRules};

/// A bundle of all public CAs has a quarter of this.
const MAX_PEM: usize = 1024 * 1024;

/// A PEM text, or the file that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pem {
    Bytes(Secret),
    File(PathBuf),
}

/// A PEM text at hand, with what to call it in an error.
pub(super) struct Text {
    bytes: Secret,
    origin: Origin,
}

impl Pem {
    /// Reads the file, if it is one. Blocks.
    pub(super) fn load(&self, part: Part) -> Result<Text, Error> {
        let (bytes, origin) = match self {
            Self::Bytes(bytes) => (bytes.clone(), Origin { part, file: None }),
            Self::File(file) => {
                let origin = Origin { part, file: Some(file.clone()) };
                // Only a key is a secret; who may write the roots is their administrator's affair.
                let rules = match part {
                    Part::Key => FileRules::new(),
                    Part::Roots | Part::Chain => FileRules::without_secrets(),
                };
                match rules.with_max_bytes(MAX_PEM).read(file) {
                    Ok(read) => (read.warned(file), origin),
                    Err(FileError::TooLarge { max }) => return Err(Error::TooLarge { origin, max }),
                    Err(error) => return Err(Error::File { origin, error }),
                }
            }
        };
        if bytes.secret_bytes().len() > MAX_PEM {
            return Err(Error::TooLarge { origin, max: MAX_PEM });
        }
        Ok(Text { bytes, origin })
    }
}

impl Text {
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// All certificates of the text, at least one. Sections of other kinds are passed over.
    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(self.bytes.secret_bytes()).collect();
        match all {
            Ok(none) if none.is_empty() => Err(Error::NoCertificate { origin: self.origin.clone() }),
            Ok(certificates) => Ok(certificates),
            Err(_) => Err(Error::BadPem { origin: self.origin.clone() }),
        }
    }

    /// The first private key of the text: PKCS#8, PKCS#1 or SEC 1.
    pub(super) fn private_key(&self) -> Result<PrivateKeyDer<'static>, Error> {
        let origin = || self.origin.clone();
        let bytes = self.bytes.secret_bytes();
        // The second is the mark of OpenSSL's own encryption (RFC 1421, Proc-Type).
        if contains(bytes, b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || contains(bytes, b"4,ENCRYPTED") {
            return Err(Error::EncryptedKey { origin: origin() });
        }
        match key_section(bytes) {
            None => Err(Error::NoPrivateKey { origin: origin() }),
            Some(section) => section.decoded().ok_or(Error::BadPem { origin: origin() }),
        }
    }
}

/// A section with a private key, from its label to the end of the text.
struct KeySection<'a> {
    label: &'static str,
    rest: &'a [u8],
}

/// The first section with a private key.
fn key_section(text: &[u8]) -> Option<KeySection<'_>> {
    let sections = ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"].into_iter().filter_map(|label| {
        let begin = format!("-----BEGIN {label}-----");
        let at = position(text, begin.as_bytes())?;
        Some((at, KeySection { label, rest: text.get(at + begin.len()..)? }))
    });
    sections.min_by_key(|(at, _)| *at).map(|(_, section)| section)
}

impl KeySection<'_> {
    /// The key, decoded in one place: a buffer that grew would leave parts of the key behind.
    fn decoded(&self) -> Option<PrivateKeyDer<'static>> {
        let end = position(self.rest, format!("-----END {}-----", self.label).as_bytes())?;
        let body = self.rest.get(..end)?;
        let mut digits = Zeroizing::new(Vec::with_capacity(body.len()));
        digits.extend(body.iter().filter(|byte| !byte.is_ascii_whitespace()));
        let mut room = Zeroizing::new(vec![0; digits.len()]);
        let der = Base64::decode(digits.as_slice(), &mut room).ok()?.to_vec();
        Some(match self.label {
            "RSA PRIVATE KEY" => PrivateKeyDer::Pkcs1(der.into()),
            "EC PRIVATE KEY" => PrivateKeyDer::Sec1(der.into()),
            _ => PrivateKeyDer::Pkcs8(der.into()),
        })
    }
}

/// Writes certificates as a PEM text, with lines of 64 characters.
pub(super) fn write_certificates(certificates: &[CertificateDer<'static>]) -> String {
    let mut text = String::new();
    for certificate in certificates {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        for (index, c) in Base64::encode_string(certificate).chars().enumerate() {
            if index > 0 && index % 64 == 0 {
                text.push('\n');
            }
            text.push(c);
        }
        text.push_str("\n-----END CERTIFICATE-----\n");
    }
    text
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    position(text, part).is_some()
}

fn position(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
