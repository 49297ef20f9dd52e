//! Keys, which never appear in a log and are wiped when they are dropped.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::enctype::Enctype;

/// A key of Kerberos and the type of encryption that it is for.
///
/// `Debug` prints the type only; the bytes are wiped on drop; comparison takes constant time for
/// keys of one type and length. There is no `Clone`: share a reference.
pub struct Key {
    enctype: Enctype,
    bytes: Zeroizing<Box<[u8]>>,
}

impl Key {
    /// Takes ownership of `bytes`. Their number is not compared with what `enctype` asks for:
    /// files hold keys of types that this crate cannot use. A `Vec` with spare capacity is
    /// copied into an exact allocation and its old one is wiped.
    pub fn new(enctype: Enctype, bytes: Vec<u8>) -> Self {
        if bytes.len() == bytes.capacity() {
            return Self { enctype, bytes: Zeroizing::new(bytes.into_boxed_slice()) };
        }
        let bytes = Zeroizing::new(bytes);
        Self { enctype, bytes: Zeroizing::new(Box::from(bytes.as_slice())) }
    }

    /// The type of encryption that the key is for.
    pub fn enctype(&self) -> Enctype {
        self.enctype
    }

    /// Shows the secret bytes. Whoever calls this answers for where they go.
    pub fn secret_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.enctype == other.enctype && bool::from(self.secret_bytes().ct_eq(other.secret_bytes()))
    }
}

impl Eq for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, ..)", self.enctype)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_type_and_no_bytes() {
        let key = Key::new(Enctype(17), vec![0x41; 16]);
        assert_eq!(format!("{key:?}"), "Key(aes128-cts-hmac-sha1-96, ..)");
    }

    #[test]
    fn compares_by_type_and_bytes() {
        let mut roomy = Vec::with_capacity(8);
        roomy.push(7);
        assert_eq!(Key::new(Enctype(17), vec![7]), Key::new(Enctype(17), roomy));
        assert_ne!(Key::new(Enctype(17), vec![7]), Key::new(Enctype(18), vec![7]));
        assert_ne!(Key::new(Enctype(17), vec![7]), Key::new(Enctype(17), vec![8]));
    }
}
