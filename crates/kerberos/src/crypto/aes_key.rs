use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::cts::Cipher;
use super::derive::{self, Purpose};
use super::profile::Profile;
use super::{Error, KeyUsage};
use crate::enctype::Enctype;
use crate::key::Key;

/// Length of the random bytes in front of every encrypted text.
pub const CONFOUNDER_LEN: usize = 16;

/// A key that can be used: of one of the four types, and of the length of its type.
///
/// `Debug` shows the type alone; the bytes are wiped on drop.
pub struct AesKey {
    profile: Profile,
    bytes: Zeroizing<Box<[u8]>>,
}

impl AesKey {
    /// Takes a copy of the bytes of a key.
    ///
    /// # Errors
    /// [`Error::Enctype`], [`Error::KeyLength`].
    pub fn new(enctype: Enctype, bytes: &[u8]) -> Result<Self, Error> {
        let profile = Profile::of(enctype).ok_or(Error::Enctype(enctype))?;
        if bytes.len() == profile.key_length() {
            Ok(Self { profile, bytes: Zeroizing::new(Box::from(bytes)) })
        } else {
            Err(Error::KeyLength { enctype, got: bytes.len() })
        }
    }

    /// Takes a copy of a key.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of(key: &Key) -> Result<Self, Error> {
        Self::new(key.enctype(), key.secret_bytes())
    }

    /// Gives the encryption type.
    pub const fn enctype(&self) -> Enctype {
        self.profile.enctype()
    }

    /// Gives the length of a checksum in bytes.
    pub const fn checksum_len(&self) -> usize {
        self.profile.checksum_length()
    }

    /// Gives the number of the checksum type that goes with the encryption type.
    pub const fn checksum_type(&self) -> i32 {
        self.profile.checksum_number()
    }

    /// Shows the bytes. Whoever calls this answers for where they go.
    pub fn secret_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Encrypts `text` with its own checksum. `confounder` must be fresh random bytes.
    pub fn encrypt(&self, usage: KeyUsage, confounder: &[u8; CONFOUNDER_LEN], text: &[u8]) -> Vec<u8> {
        let Some(cipher) = self.cipher(usage) else { return Vec::new() };
        let mut sealed = cipher.encrypt(&[confounder, text]);
        let checksum = match self.profile {
            Profile::Aes128Sha1 | Profile::Aes256Sha1 => self.integrity(usage, &[confounder, text]),
            Profile::Aes128Sha256 | Profile::Aes256Sha384 => self.integrity(usage, &[&ZERO_STATE, &sealed]),
        };
        sealed.extend_from_slice(&checksum);
        sealed
    }

    /// Opens what [`encrypt`](Self::encrypt) made with the same key and usage.
    ///
    /// # Errors
    /// [`Error::TooShort`], [`Error::Integrity`].
    pub fn decrypt(&self, usage: KeyUsage, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let split = sealed.len().checked_sub(self.profile.checksum_length()).ok_or(Error::TooShort)?;
        let (ciphertext, checksum) = sealed.split_at_checked(split).ok_or(Error::TooShort)?;
        if ciphertext.len() < CONFOUNDER_LEN {
            return Err(Error::TooShort);
        }
        let cipher = self.cipher(usage).ok_or(Error::Integrity)?;
        let mut text = match self.profile {
            Profile::Aes128Sha1 | Profile::Aes256Sha1 => {
                let text = cipher.decrypt(ciphertext);
                verify(&self.integrity(usage, &[&text]), checksum)?;
                text
            }
            // RFC 8009 section 5: the checksum is over the ciphertext and comes first.
            Profile::Aes128Sha256 | Profile::Aes256Sha384 => {
                verify(&self.integrity(usage, &[&ZERO_STATE, ciphertext]), checksum)?;
                cipher.decrypt(ciphertext)
            }
        };
        text.drain(..CONFOUNDER_LEN);
        Ok(text)
    }

    /// Gives the keyed checksum over the parts laid end to end.
    pub fn checksum(&self, usage: KeyUsage, parts: &[&[u8]]) -> Vec<u8> {
        self.truncated_mac(usage, Purpose::Checksum, parts).to_vec()
    }

    /// Checks a keyed checksum over the parts laid end to end, in constant time.
    ///
    /// # Errors
    /// [`Error::Integrity`], also for a checksum of another length.
    pub fn verify_checksum(&self, usage: KeyUsage, parts: &[&[u8]], checksum: &[u8]) -> Result<(), Error> {
        verify(&self.truncated_mac(usage, Purpose::Checksum, parts), checksum)
    }

    fn cipher(&self, usage: KeyUsage) -> Option<Cipher> {
        Cipher::new(&derive::usage_key(self.profile, &self.bytes, usage, Purpose::Encryption))
    }

    fn integrity(&self, usage: KeyUsage, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
        self.truncated_mac(usage, Purpose::Integrity, parts)
    }

    fn truncated_mac(&self, usage: KeyUsage, purpose: Purpose, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
        let key = derive::usage_key(self.profile, &self.bytes, usage, purpose);
        let mut mac = derive::mac(self.profile, &key, parts);
        mac.truncate(self.profile.checksum_length());
        mac
    }
}

/// The cipher state of RFC 8009 section 5, which is zero for every message of Kerberos.
const ZERO_STATE: [u8; 16] = [0; 16];

fn verify(expected: &[u8], got: &[u8]) -> Result<(), Error> {
    if expected.ct_eq(got).into() { Ok(()) } else { Err(Error::Integrity) }
}

impl fmt::Debug for AesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AesKey({}, ..)", self.enctype())
    }
}
