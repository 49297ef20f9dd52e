//! Salted passwords and what follows from them.

use std::sync::OnceLock;

use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

/// As many as Kafka has.
pub(crate) const ITERATIONS: u32 = 4096;

/// The hash of a SCRAM mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScramHash {
    Sha256,
    Sha512,
}

/// What a broker holds for one user or token and one mechanism. Keys are derived at the first
/// login: hashing costs milliseconds.
#[derive(Debug)]
pub(crate) struct ScramKeys {
    hash: ScramHash,
    password: String,
    salt: String,
    iterations: u32,
    derived: OnceLock<Derived>,
}

#[derive(Debug)]
struct Derived {
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
}

impl ScramKeys {
    pub(crate) fn new(hash: ScramHash, password: &str, salt: String) -> Self {
        Self { hash, password: password.to_owned(), salt, iterations: ITERATIONS, derived: OnceLock::new() }
    }

    pub(crate) fn with_iterations(self, iterations: u32) -> Self {
        Self { iterations, ..self }
    }

    pub(crate) fn salt_base64(&self) -> String {
        Base64::encode_string(self.salt.as_bytes())
    }

    pub(crate) fn iterations(&self) -> u32 {
        self.iterations
    }

    fn derived(&self) -> &Derived {
        self.derived.get_or_init(|| {
            let salted = self.hash.stretch(self.password.as_bytes(), self.salt.as_bytes(), self.iterations);
            Derived {
                stored_key: self.hash.digest(&self.hash.hmac(&salted, b"Client Key")),
                server_key: self.hash.hmac(&salted, b"Server Key"),
            }
        })
    }

    /// Checks a client's proof, and gives the server's signature in base64.
    pub(crate) fn verify(&self, auth_message: &str, proof: &[u8]) -> Option<String> {
        let derived = self.derived();
        let signature = self.hash.hmac(&derived.stored_key, auth_message.as_bytes());
        if signature.len() != proof.len() {
            return None;
        }
        let client_key: Vec<u8> = signature.iter().zip(proof).map(|(a, b)| a ^ b).collect();
        if !bool::from(self.hash.digest(&client_key).ct_eq(&derived.stored_key)) {
            return None;
        }
        Some(Base64::encode_string(&self.hash.hmac(&derived.server_key, auth_message.as_bytes())))
    }
}

impl ScramHash {
    fn stretch(self, password: &[u8], salt: &[u8], iterations: u32) -> Vec<u8> {
        match self {
            Self::Sha256 => pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password, salt, iterations).to_vec(),
            Self::Sha512 => pbkdf2::pbkdf2_hmac_array::<Sha512, 64>(password, salt, iterations).to_vec(),
        }
    }

    fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }

    /// A key of any length is a good one, so the error arm is never taken.
    pub(crate) fn hmac(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Hmac::<Sha256>::new_from_slice(key)
                .map(|mac| mac.chain_update(message).finalize().into_bytes().to_vec())
                .unwrap_or_default(),
            Self::Sha512 => Hmac::<Sha512>::new_from_slice(key)
                .map(|mac| mac.chain_update(message).finalize().into_bytes().to_vec())
                .unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scram::{ClientFirst, ExpectClientFinal};

    /// The exchange of RFC 7677, section 3.
    #[test]
    fn accepts_the_exchange_of_rfc_7677() {
        let first = ClientFirst::parse(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO").unwrap();
        let salt = Base64::decode_vec("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        // The salt of the RFC is no text, so the key is checked by its own two steps.
        let salted = ScramHash::Sha256.stretch(b"pencil", &salt, 4096);
        let keys = ScramKeys::new(ScramHash::Sha256, "pencil", "x".into());
        let client_key = ScramHash::Sha256.hmac(&salted, b"Client Key");
        let derived = Derived {
            stored_key: ScramHash::Sha256.digest(&client_key),
            server_key: ScramHash::Sha256.hmac(&salted, b"Server Key"),
        };
        assert!(keys.derived.set(derived).is_ok());
        let (_, server_first) =
            ExpectClientFinal::start(&first, keys.into(), "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
        assert!(server_first.starts_with("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s="));
        let auth_message = "n=user,r=rOprNGfwEbeRWgbNEkqO,\
            r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
            c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let proof = Base64::decode_vec("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=").unwrap();
        let keys = ScramKeys::new(ScramHash::Sha256, "pencil", "x".into());
        let derived = Derived {
            stored_key: ScramHash::Sha256.digest(&client_key),
            server_key: ScramHash::Sha256.hmac(&salted, b"Server Key"),
        };
        assert!(keys.derived.set(derived).is_ok());
        let signature = keys.verify(auth_message, &proof).unwrap();
        assert_eq!(signature, "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        assert_eq!(keys.verify(auth_message, &[0; 32]), None);
    }
}
