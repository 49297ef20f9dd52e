//! The costly part of SCRAM, apart from the exchange, so that it can run elsewhere and be cached.

use super::hash::Hash;
use crate::secret::Secret;

/// The recipe of a salted password. Equal recipes give equal keys.
///
/// A Kafka broker has a salt of its own for each token and mechanism, and makes new ones when the
/// token is renewed: only the whole recipe identifies a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Derivation {
    salt: Box<[u8]>,
    iterations: u32,
    hash: Hash,
    password: Secret,
}

impl Derivation {
    pub(super) fn new(hash: Hash, password: Secret, salt: Box<[u8]>, iterations: u32) -> Self {
        Self { salt, iterations, hash, password }
    }

    /// Whether it is of this password.
    pub(crate) fn is_of(&self, password: &Secret) -> bool {
        self.password == *password
    }

    /// Runs PBKDF2. With Kafka's 4,096 iterations it takes one to three milliseconds, with the
    /// most that an exchange accepts most of a second: not for the reactor.
    pub(crate) fn derive(&self) -> SaltedPassword {
        let password = self.password.secret_bytes();
        let secret = self.hash.salted_password(password, &self.salt, self.iterations);
        SaltedPassword { hash: self.hash, secret }
    }
}

/// The key of a SCRAM exchange. Whoever has it can log in where its salt is used, and needs no
/// password.
#[derive(Clone, Debug)]
pub(crate) struct SaltedPassword {
    hash: Hash,
    secret: Secret,
}

impl SaltedPassword {
    pub(super) fn hash(&self) -> Hash {
        self.hash
    }

    pub(super) fn secret_bytes(&self) -> &[u8] {
        self.secret.secret_bytes()
    }
}
