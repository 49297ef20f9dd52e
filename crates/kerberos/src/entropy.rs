//! Random bytes as an argument, and the one place that draws them.

use std::fmt;

use zeroize::Zeroizing;

use crate::crypto::{AesKey, CONFOUNDER_LEN, Error};
use crate::enctype::Enctype;

const NONCE: usize = 4;
const SUBKEY: usize = 32;

/// Random bytes for one request or one context: nonce or sequence number, confounder and subkey.
///
/// Never use one twice. `Debug` shows no byte of it.
pub struct Seed {
    nonce: [u8; NONCE],
    confounder: [u8; CONFOUNDER_LEN],
    subkey: Zeroizing<[u8; SUBKEY]>,
}

impl Seed {
    /// How many random bytes make a seed.
    pub const LEN: usize = NONCE + CONFOUNDER_LEN + SUBKEY;

    /// Makes a seed of random bytes.
    pub fn new(bytes: &[u8; Self::LEN]) -> Self {
        let mut seed = Self { nonce: [0; _], confounder: [0; _], subkey: Zeroizing::new([0; _]) };
        let cells = seed.nonce.iter_mut().chain(&mut seed.confounder).chain(seed.subkey.iter_mut());
        for (cell, byte) in cells.zip(bytes) {
            *cell = *byte;
        }
        seed
    }

    /// Draws a seed from the operating system.
    ///
    /// # Errors
    /// [`NoEntropy`].
    #[expect(clippy::disallowed_methods, reason = "this is the one source of entropy")]
    pub fn random() -> Result<Self, NoEntropy> {
        let mut bytes = Zeroizing::new([0; Self::LEN]);
        getrandom::fill(bytes.as_mut_slice()).map_err(|_| NoEntropy)?;
        Ok(Self::new(&bytes))
    }

    /// 31 bits, so that no peer reads the number as negative; never zero.
    pub(crate) fn nonce(&self) -> u32 {
        (u32::from_be_bytes(self.nonce) & 0x7fff_ffff).max(1)
    }

    /// 30 bits, which leaves room to count up for peers that read the number as signed.
    pub(crate) fn sequence(&self) -> u32 {
        u32::from_be_bytes(self.nonce) & 0x3fff_ffff
    }

    pub(crate) const fn confounder(&self) -> &[u8; CONFOUNDER_LEN] {
        &self.confounder
    }

    /// A key of this type; all bytes are good keys for AES.
    pub(crate) fn subkey(&self, enctype: Enctype) -> Result<AesKey, Error> {
        let length = enctype.key_len().ok_or(Error::Enctype(enctype))?;
        AesKey::new(enctype, self.subkey.get(..length).unwrap_or_default())
    }
}

/// Draws a number for jitter and for the choice among equals.
#[cfg(feature = "tokio")]
pub(crate) fn random_u32() -> Result<u32, NoEntropy> {
    getrandom::u32().map_err(|_| NoEntropy)
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// The operating system has no random bytes to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoEntropy;

impl fmt::Display for NoEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operating system has no random bytes")
    }
}

impl std::error::Error for NoEntropy {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_comes_from_bytes_of_its_own() {
        let bytes: Vec<u8> = (0xf0..=0xff).chain(0..36).collect();
        let seed = Seed::new(&bytes.try_into().unwrap());
        assert_eq!((seed.nonce(), seed.sequence()), (0x70f1_f2f3, 0x30f1_f2f3));
        assert_eq!(seed.confounder()[..2], [0xf4, 0xf5]);
        let subkey = seed.subkey(Enctype::AES128_CTS_HMAC_SHA1_96).unwrap();
        assert_eq!(subkey.secret_bytes(), (4..20).collect::<Vec<u8>>());
        assert_eq!(seed.subkey(Enctype(23)).unwrap_err(), Error::Enctype(Enctype(23)));
    }

    #[test]
    fn a_nonce_is_never_zero() {
        assert_eq!(Seed::new(&[0; Seed::LEN]).nonce(), 1);
    }

    #[test]
    fn two_seeds_differ() {
        let (a, b) = (Seed::random().unwrap(), Seed::random().unwrap());
        assert_ne!(a.confounder(), b.confounder());
        assert_eq!(format!("{a:?}"), "Seed(..)");
    }
}
