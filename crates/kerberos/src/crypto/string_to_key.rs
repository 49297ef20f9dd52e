use std::ops::RangeInclusive;

use pbkdf2::pbkdf2_hmac;
use sha1::Sha1;
use sha2::{Sha256, Sha384};
use zeroize::Zeroizing;

use super::profile::Profile;
use super::{AesKey, Error, derive};
use crate::enctype::Enctype;

/// How a password becomes a key: the encryption type, and what a KDC says about salt and cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salted {
    profile: Profile,
    salt: Vec<u8>,
    iterations: u32,
}

impl Salted {
    /// The counts that are accepted. The count arrives before the KDC has proved itself: one that
    /// is too low would help whoever guesses passwords, one that is too high would hang us.
    pub const ITERATIONS: RangeInclusive<u32> = 4096..=1_000_000;

    /// Takes the count out of the parameters of an ETYPE-INFO2 entry, four bytes in network order
    /// (RFC 3962 section 4); without parameters it is the type's default: 4096 for SHA-1, 32768
    /// for SHA-2.
    ///
    /// # Errors
    /// [`Error::Enctype`], [`Error::Parameters`], [`Error::IterationCount`].
    pub fn new(enctype: Enctype, salt: &[u8], parameters: Option<&[u8]>) -> Result<Self, Error> {
        let profile = Profile::of(enctype).ok_or(Error::Enctype(enctype))?;
        let iterations = match parameters {
            Some(bytes) => u32::from_be_bytes(bytes.try_into().map_err(|_| Error::Parameters)?),
            None => default_iterations(profile),
        };
        if Self::ITERATIONS.contains(&iterations) {
            Ok(Self { profile, salt: salt.to_vec(), iterations })
        } else {
            Err(Error::IterationCount { got: iterations })
        }
    }

    /// Gives the type of the key that a password becomes.
    pub const fn enctype(&self) -> Enctype {
        self.profile.enctype()
    }

    /// Makes a key of a password (RFC 3962 section 4, RFC 8009 section 4).
    ///
    /// Costs `iterations` runs of the hash: about 2 ms for 4096 of SHA-1, 0.5 s for a million.
    ///
    /// # Errors
    /// [`Error::KeyLength`], which cannot arise.
    pub fn key(&self, password: &[u8]) -> Result<AesKey, Error> {
        let mut seed = Zeroizing::new(vec![0; self.profile.key_length()]);
        match self.profile {
            Profile::Aes128Sha1 | Profile::Aes256Sha1 => {
                pbkdf2_hmac::<Sha1>(password, &self.salt, self.iterations, &mut seed);
            }
            Profile::Aes128Sha256 => {
                pbkdf2_hmac::<Sha256>(password, &self.named_salt(), self.iterations, &mut seed);
            }
            Profile::Aes256Sha384 => {
                pbkdf2_hmac::<Sha384>(password, &self.named_salt(), self.iterations, &mut seed);
            }
        }
        let bytes = derive::labelled_key(self.profile, &seed, b"kerberos", self.profile.key_length());
        AesKey::new(self.enctype(), &bytes)
    }

    /// The salt that RFC 8009 section 4 uses, with the name of the type in front.
    fn named_salt(&self) -> Vec<u8> {
        let name = match self.profile {
            Profile::Aes256Sha384 => "aes256-cts-hmac-sha384-192",
            _ => "aes128-cts-hmac-sha256-128",
        };
        [name.as_bytes(), &[0], &self.salt].concat()
    }
}

const fn default_iterations(profile: Profile) -> u32 {
    match profile {
        Profile::Aes128Sha1 | Profile::Aes256Sha1 => 4096,
        Profile::Aes128Sha256 | Profile::Aes256Sha384 => 32_768,
    }
}

#[cfg(test)]
impl Salted {
    /// The vectors of RFC 3962 have counts below those that are accepted.
    pub(super) fn unbounded(enctype: Enctype, salt: &[u8], iterations: u32) -> Self {
        Self { profile: Profile::of(enctype).unwrap(), salt: salt.to_vec(), iterations }
    }
}
