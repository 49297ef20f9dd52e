//! Keys derived from keys: DK of RFC 3961 section 5.3 and KDF-HMAC-SHA2 of RFC 8009 section 3.

use hmac::digest::Key;
use hmac::{EagerHash, Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha384};
use zeroize::{Zeroize, Zeroizing};

use super::KeyUsage;
use super::cts::{BLOCK, Cipher};
use super::nfold::nfold;
use super::profile::Profile;

/// Which of the three keys of a usage (RFC 3961 section 5.3).
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    /// Kc: checksums alone.
    Checksum,
    /// Ke: encryption.
    Encryption,
    /// Ki: the checksum inside an encrypted text.
    Integrity,
}

impl Purpose {
    const fn suffix(self) -> u8 {
        match self {
            Self::Checksum => 0x99,
            Self::Encryption => 0xaa,
            Self::Integrity => 0x55,
        }
    }
}

/// Derives the key of a purpose. `base` has the length of the type's keys.
pub(super) fn usage_key(
    profile: Profile,
    base: &[u8],
    usage: KeyUsage,
    purpose: Purpose,
) -> Zeroizing<Vec<u8>> {
    let [a, b, c, d] = usage.0.to_be_bytes();
    let length = match (profile, purpose) {
        (Profile::Aes256Sha384, Purpose::Checksum | Purpose::Integrity) => 24,
        _ => profile.key_length(),
    };
    labelled_key(profile, base, &[a, b, c, d, purpose.suffix()], length)
}

/// Derives a key of `length` bytes for a label.
pub(super) fn labelled_key(profile: Profile, base: &[u8], label: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    match profile {
        Profile::Aes128Sha1 | Profile::Aes256Sha1 => simplified(base, label, length),
        Profile::Aes128Sha256 | Profile::Aes256Sha384 => {
            let bits = u32::try_from(length.saturating_mul(8)).unwrap_or(u32::MAX);
            let mut key = mac(profile, base, &[&1_u32.to_be_bytes(), label, &[0], &bits.to_be_bytes()]);
            key.truncate(length);
            key
        }
    }
}

/// HMAC with the hash of the encryption type, at its full length. `key` is at most one block of
/// the hash long, as all derived keys are.
pub(super) fn mac(profile: Profile, key: &[u8], parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    match profile {
        Profile::Aes128Sha1 | Profile::Aes256Sha1 => hmac_of::<Sha1>(key, parts),
        Profile::Aes128Sha256 => hmac_of::<Sha256>(key, parts),
        Profile::Aes256Sha384 => hmac_of::<Sha384>(key, parts),
    }
}

fn hmac_of<H: EagerHash>(key: &[u8], parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    // A key shorter than a block is filled with zeros (RFC 2104 section 2).
    let mut block = Key::<Hmac<H>>::default();
    for (cell, byte) in block.iter_mut().zip(key) {
        *cell = *byte;
    }
    let mut hmac = <Hmac<H> as KeyInit>::new(&block);
    block.as_mut_slice().zeroize();
    parts.iter().for_each(|part| hmac.update(part));
    Zeroizing::new(hmac.finalize().into_bytes().to_vec())
}

fn simplified(base: &[u8], label: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let mut block = [0; BLOCK];
    nfold(label, &mut block);
    let mut key = Zeroizing::new(Vec::with_capacity(length.next_multiple_of(BLOCK)));
    if let Some(cipher) = Cipher::new(base) {
        while key.len() < length {
            cipher.encrypt_block(&mut block);
            key.extend_from_slice(&block);
        }
    }
    key.truncate(length);
    key
}
