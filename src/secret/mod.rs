//! Bytes that never appear in a log and are wiped when they are dropped, and the files that hold them.

pub mod file;

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Holds secret bytes: a password, the HMAC of a delegation token, a message that contains one.
///
/// `Debug` prints no part of it, not even its length; the memory is wiped on drop; comparison
/// takes constant time for equal lengths. A clone is a second copy that wipes itself too.
#[derive(Clone)]
pub struct Secret(Zeroizing<Box<[u8]>>);

impl Secret {
    /// Takes ownership of `bytes`. A `Vec` with spare capacity is copied into an exact
    /// allocation and its old one is wiped.
    pub fn new(bytes: Vec<u8>) -> Self {
        if bytes.len() == bytes.capacity() {
            return Self(Zeroizing::new(bytes.into_boxed_slice()));
        }
        let bytes = Zeroizing::new(bytes);
        Self(Zeroizing::new(Box::from(bytes.as_slice())))
    }

    /// Takes a copy of `bytes`, which somebody else wipes.
    pub(crate) fn copied(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(Box::from(bytes)))
    }

    /// Shows the secret bytes. Whoever calls this answers for where they go.
    pub fn secret_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Tells whether there are no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(Box::from(text.as_bytes())))
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.secret_bytes().ct_eq(other.secret_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_the_bytes_nor_their_number() {
        let shown = format!("{:?} {:#?}", Secret::from("hunter2"), Secret::from("x"));
        assert_eq!(shown, "Secret(..) Secret(..)");
    }

    #[test]
    fn compares_by_content() {
        assert_eq!(Secret::from("a"), Secret::new(vec![b'a']));
        assert_ne!(Secret::from("a"), Secret::from("b"));
        assert_ne!(Secret::from("a"), Secret::from("ab"));
    }
}
