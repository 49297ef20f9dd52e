//! Encryption types: their numbers, their names in krb5.conf, and which of them this crate uses.

use std::fmt;

/// An encryption type by its assigned number (RFC 3961 section 8). Any number can be held; only
/// those of [`Enctype::SUPPORTED`] can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Enctype(pub i32);

impl Enctype {
    /// AES-128 with SHA-1 (RFC 3962).
    pub const AES128_CTS_HMAC_SHA1_96: Self = Self(17);
    /// AES-256 with SHA-1 (RFC 3962).
    pub const AES256_CTS_HMAC_SHA1_96: Self = Self(18);
    /// AES-128 with SHA-256 (RFC 8009).
    pub const AES128_CTS_HMAC_SHA256_128: Self = Self(19);
    /// AES-256 with SHA-384 (RFC 8009).
    pub const AES256_CTS_HMAC_SHA384_192: Self = Self(20);

    /// What this crate can use, in the order in which it asks for them: that of MIT and the JDK. A
    /// KDC takes the first that the service supports as the type of the session key.
    pub const SUPPORTED: [Self; 4] = [
        Self::AES256_CTS_HMAC_SHA1_96,
        Self::AES128_CTS_HMAC_SHA1_96,
        Self::AES256_CTS_HMAC_SHA384_192,
        Self::AES128_CTS_HMAC_SHA256_128,
    ];

    /// Tells whether this crate can encrypt with it.
    pub fn is_supported(self) -> bool {
        Self::SUPPORTED.contains(&self)
    }

    /// The length of a key in bytes, for the types that this crate can use.
    pub fn key_len(self) -> Option<usize> {
        match self {
            Self::AES128_CTS_HMAC_SHA1_96 | Self::AES128_CTS_HMAC_SHA256_128 => Some(16),
            Self::AES256_CTS_HMAC_SHA1_96 | Self::AES256_CTS_HMAC_SHA384_192 => Some(32),
            _ => None,
        }
    }

    /// Finds the type that krb5.conf calls `name`, in any case, by its name or an alias. Types
    /// that this crate cannot use (DES, RC4, Camellia) are found too, so that a list that has
    /// them still parses.
    pub fn from_name(name: &str) -> Option<Self> {
        let known = |(_, names): &&(i32, &[&str])| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        NAMES.iter().find(known).map(|(number, _)| Self(*number))
    }
}

impl fmt::Display for Enctype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(number, _)| *number == self.0) {
            Some((_, [name, ..])) => f.write_str(name),
            _ => write!(f, "etype {}", self.0),
        }
    }
}

/// The first name of each number is the one that is printed.
const NAMES: &[(i32, &[&str])] = &[
    (1, &["des-cbc-crc"]),
    (2, &["des-cbc-md4"]),
    (3, &["des-cbc-md5", "des"]),
    (16, &["des3-cbc-sha1", "des3-hmac-sha1", "des3-cbc-sha1-kd"]),
    (17, &["aes128-cts-hmac-sha1-96", "aes128-cts", "aes128-sha1"]),
    (18, &["aes256-cts-hmac-sha1-96", "aes256-cts", "aes256-sha1"]),
    (19, &["aes128-cts-hmac-sha256-128", "aes128-sha2"]),
    (20, &["aes256-cts-hmac-sha384-192", "aes256-sha2"]),
    (23, &["arcfour-hmac", "rc4-hmac", "arcfour-hmac-md5"]),
    (24, &["arcfour-hmac-exp", "rc4-hmac-exp", "arcfour-hmac-md5-exp"]),
    (25, &["camellia128-cts-cmac", "camellia128-cts"]),
    (26, &["camellia256-cts-cmac", "camellia256-cts"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_finds_its_number_in_any_case() {
        for (number, names) in NAMES {
            for name in *names {
                assert_eq!(Enctype::from_name(&name.to_uppercase()), Some(Enctype(*number)));
            }
            assert_eq!(Enctype(*number).to_string(), names[0]);
        }
        assert_eq!(Enctype::from_name("aes512"), None);
        assert_eq!(Enctype(-7).to_string(), "etype -7");
    }

    #[test]
    fn only_the_four_aes_types_can_be_used_and_have_a_key_length() {
        let usable: Vec<i32> = (-200..200).filter(|n| Enctype(*n).is_supported()).collect();
        assert_eq!(usable, [17, 18, 19, 20]);
        let sizes: Vec<_> = (16..=21).map(|n| Enctype(n).key_len()).collect();
        assert_eq!(sizes, [None, Some(16), Some(32), Some(16), Some(32), None]);
    }
}
