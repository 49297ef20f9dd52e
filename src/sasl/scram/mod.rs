//! SCRAM (RFC 5802, RFC 7677) with Kafka's `tokenauth` extension (KIP-48), without channel
//! binding, which Kafka does not have.
//!
//! ```text
//!  Start ──client_first──► ExpectServerFirst ──server_first──► (Derivation) AwaitingKey
//!        ──client_final──► ExpectServerFinal ──server_final──► verified
//! ```
//!
//! Kafka prepares neither names nor passwords by SASLprep (RFC 4013): both are hashed as the
//! bytes that they are, and so they are here. A name with other characters than ASCII is sent as
//! UTF-8; Apache Kafka refuses it.

mod hash;
mod key;
mod mechanism;
mod message;

use subtle::ConstantTimeEq;

use self::hash::Hash;
pub(crate) use self::key::{Derivation, SaltedPassword};
pub use self::mechanism::{NotAScramMechanism, ScramMechanism};
pub(super) use self::message::check_user_name;
use super::error::Error;
use crate::secret::Secret;

/// Random bytes for the client's nonce: 24, so that their base64 has no padding.
pub(crate) type NonceEntropy = [u8; 24];

/// Who logs in by SCRAM, and how.
#[derive(Clone, Debug)]
pub(crate) struct ScramCredentials {
    pub(crate) mechanism: ScramMechanism,
    /// The user's name, or the id of a delegation token.
    pub(crate) user: String,
    /// The password, or the base64 text of a delegation token's hmac.
    pub(crate) password: Secret,
    /// Whether the two are a delegation token's (KIP-48).
    pub(crate) token_auth: bool,
}

/// Nothing was said yet.
#[derive(Debug)]
pub(super) struct Start {
    hash: Hash,
    user: String,
    password: Secret,
    token_auth: bool,
    client_nonce: String,
}

impl Start {
    pub(super) fn new(credentials: ScramCredentials, entropy: NonceEntropy) -> Self {
        Self {
            hash: Hash::from(credentials.mechanism),
            user: credentials.user,
            password: credentials.password,
            token_auth: credentials.token_auth,
            client_nonce: message::nonce(entropy),
        }
    }

    pub(super) fn mechanism(&self) -> &'static str {
        self.hash.mechanism()
    }

    /// Gives `client_first`.
    pub(super) fn step(self) -> Result<(Secret, ExpectServerFirst), Error> {
        check_user_name(&self.user)?;
        if self.password.is_empty() {
            return Err(Error::EmptyPassword);
        }
        let client_first_bare = message::client_first_bare(&self.user, &self.client_nonce, self.token_auth);
        let client_first = Secret::from(format!("{}{client_first_bare}", message::GS2_HEADER));
        let Self { hash, password, client_nonce, .. } = self;
        Ok((client_first, ExpectServerFirst { hash, password, client_nonce, client_first_bare }))
    }
}

/// `client_first` was sent.
#[derive(Debug)]
pub(super) struct ExpectServerFirst {
    hash: Hash,
    password: Secret,
    client_nonce: String,
    client_first_bare: String,
}

impl ExpectServerFirst {
    pub(super) fn mechanism(&self) -> &'static str {
        self.hash.mechanism()
    }

    /// Reads `server_first` and says which key is needed to answer it.
    pub(super) fn step(self, server_first: &[u8]) -> Result<(Derivation, AwaitingKey), Error> {
        let read = message::ServerFirst::read(server_first)?;
        // RFC 5802 5.1: the client MUST verify that the initial part of the nonce is its own.
        match read.nonce.strip_prefix(self.client_nonce.as_str()) {
            None => return Err(Error::NonceMismatch),
            Some("") => return Err(Error::NonceNotExtended),
            Some(_) => {}
        }
        let client_final_without_proof = message::client_final_without_proof(read.nonce);
        let auth_message = format!("{},{},{client_final_without_proof}", self.client_first_bare, read.text);
        let Self { hash, password, .. } = self;
        let derivation = Derivation::new(hash, password, read.salt, read.iterations);
        Ok((derivation, AwaitingKey { hash, auth_message, client_final_without_proof }))
    }
}

/// `server_first` was read; the key for the answer is being derived.
#[derive(Debug)]
pub(super) struct AwaitingKey {
    hash: Hash,
    auth_message: String,
    client_final_without_proof: String,
}

impl AwaitingKey {
    /// Gives `client_final` (RFC 5802 section 3).
    pub(super) fn step(self, key: &SaltedPassword) -> Result<(Secret, ExpectServerFinal), Error> {
        let hash = self.hash;
        if key.hash() != hash {
            return Err(Error::KeyOfAnotherMechanism);
        }
        let salted_password = key.secret_bytes();
        let auth_message = self.auth_message.as_bytes();
        let client_key = hash.hmac(salted_password, b"Client Key");
        let stored_key = hash.digest(client_key.secret_bytes());
        let client_signature = hash.hmac(stored_key.secret_bytes(), auth_message);
        let client_proof = hash::xor(&client_key, &client_signature);
        let server_key = hash.hmac(salted_password, b"Server Key");
        let server_signature = hash.hmac(server_key.secret_bytes(), auth_message);
        let client_final = message::client_final(&self.client_final_without_proof, &client_proof);
        Ok((client_final, ExpectServerFinal { hash, server_signature }))
    }
}

/// `client_final` was sent.
#[derive(Debug)]
pub(super) struct ExpectServerFinal {
    hash: Hash,
    server_signature: Secret,
}

impl ExpectServerFinal {
    pub(super) fn mechanism(&self) -> &'static str {
        self.hash.mechanism()
    }

    /// Reads `server_final` and verifies that the server knows the password too.
    pub(super) fn step(self, server_final: &[u8]) -> Result<(), Error> {
        let signature = message::read_server_final(server_final)?;
        if bool::from(signature.ct_eq(self.server_signature.secret_bytes())) {
            return Ok(());
        }
        Err(Error::ServerSignature)
    }
}

#[cfg(test)]
mod tests;
