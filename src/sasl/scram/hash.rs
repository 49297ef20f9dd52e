//! The hash functions that SCRAM is built on.

use hmac::digest::{Digest, FixedOutput, Update};
use hmac::{EagerHash, Hmac, KeyInit};
use sha2::{Sha256, Sha512};
use zeroize::Zeroize;

use super::ScramMechanism;
use crate::secret::Secret;

/// The hash function of a mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha512,
    /// The hash of RFC 5802's own example. No Kafka broker speaks it.
    #[cfg(test)]
    Sha1,
}

impl From<ScramMechanism> for Hash {
    fn from(mechanism: ScramMechanism) -> Self {
        match mechanism {
            ScramMechanism::Sha256 => Self::Sha256,
            ScramMechanism::Sha512 => Self::Sha512,
        }
    }
}

impl Hash {
    pub(super) fn mechanism(self) -> &'static str {
        match self {
            Self::Sha256 => ScramMechanism::Sha256.name(),
            Self::Sha512 => ScramMechanism::Sha512.name(),
            #[cfg(test)]
            Self::Sha1 => "SCRAM-SHA-1",
        }
    }

    /// `H(bytes)`
    pub(super) fn digest(self, bytes: &[u8]) -> Secret {
        match self {
            Self::Sha256 => digest::<Sha256>(bytes),
            Self::Sha512 => digest::<Sha512>(bytes),
            #[cfg(test)]
            Self::Sha1 => digest::<sha1::Sha1>(bytes),
        }
    }

    /// `HMAC(key, bytes)`
    pub(super) fn hmac(self, key: &[u8], bytes: &[u8]) -> Secret {
        match self {
            Self::Sha256 => hmac::<Sha256>(key, bytes),
            Self::Sha512 => hmac::<Sha512>(key, bytes),
            #[cfg(test)]
            Self::Sha1 => hmac::<sha1::Sha1>(key, bytes),
        }
    }

    /// `Hi(password, salt, iterations)`, which is PBKDF2 with one block of output.
    pub(super) fn salted_password(self, password: &[u8], salt: &[u8], iterations: u32) -> Secret {
        match self {
            Self::Sha256 => salted_password::<Sha256, 32>(password, salt, iterations),
            Self::Sha512 => salted_password::<Sha512, 64>(password, salt, iterations),
            #[cfg(test)]
            Self::Sha1 => salted_password::<sha1::Sha1, 20>(password, salt, iterations),
        }
    }
}

fn digest<D: Digest>(bytes: &[u8]) -> Secret {
    sealed(D::digest(bytes))
}

fn hmac<D: EagerHash>(key: &[u8], bytes: &[u8]) -> Secret {
    // RFC 2104: a shorter key is filled up with zeros to one block. Keys here are hashes, hence
    // never longer; done in this way, making the state cannot fail.
    let mut block = hmac::digest::Key::<Hmac<D>>::default();
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    let mut mac = <Hmac<D> as KeyInit>::new(&block);
    block.as_mut_slice().zeroize();
    Update::update(&mut mac, bytes);
    sealed(mac.finalize_fixed())
}

fn salted_password<D: EagerHash, const N: usize>(password: &[u8], salt: &[u8], iterations: u32) -> Secret {
    sealed(pbkdf2::pbkdf2_hmac_array::<D, N>(password, salt, iterations))
}

/// Moves a hash from the stack into a secret.
fn sealed(mut hash: impl AsMut<[u8]>) -> Secret {
    let secret = Secret::new(hash.as_mut().to_vec());
    hash.as_mut().zeroize();
    secret
}

/// Combines two hashes of the same length.
pub(super) fn xor(a: &Secret, b: &Secret) -> Secret {
    Secret::new(a.secret_bytes().iter().zip(b.secret_bytes()).map(|(a, b)| a ^ b).collect())
}
