//! Encryption types 17 to 20 (AES in CTS mode with HMAC-SHA1 or HMAC-SHA2): RFC 3961, 3962 and 8009.
//!
//! Weaker types (RC4, DES, triple DES) are left out on purpose. A ticket that a KDC sealed with one
//! of them for its service still works: we never open it.

mod aes_key;
mod cts;
mod derive;
mod nfold;
mod profile;
mod string_to_key;
mod usage;

use std::fmt;

pub use self::aes_key::{AesKey, CONFOUNDER_LEN};
pub use self::string_to_key::Salted;
pub use self::usage::KeyUsage;
use crate::enctype::Enctype;

/// Why a key cannot be made or a sealed text cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// An encryption type other than 17 to 20.
    Enctype(Enctype),
    /// A key has another length than its encryption type asks for.
    KeyLength {
        /// The encryption type of the key.
        enctype: Enctype,
        /// The length it came with, in bytes.
        got: usize,
    },
    /// A ciphertext is shorter than its confounder and checksum.
    TooShort,
    /// The checksum does not fit: another key, another usage, or altered bytes.
    Integrity,
    /// An iteration count outside [`Salted::ITERATIONS`].
    IterationCount {
        /// The count that was asked for.
        got: u32,
    },
    /// Parameters for making a key of a password that are not an iteration count of four bytes.
    Parameters,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enctype(enctype) => write!(f, "no key can be used with {enctype}"),
            Self::KeyLength { enctype, got } => write!(f, "key of {got} bytes for {enctype}"),
            Self::TooShort => f.write_str("ciphertext is too short"),
            Self::Integrity => f.write_str("checksum does not fit"),
            Self::IterationCount { got } => write!(f, "iteration count {got} is out of bounds"),
            Self::Parameters => f.write_str("unknown string-to-key parameters"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests;
