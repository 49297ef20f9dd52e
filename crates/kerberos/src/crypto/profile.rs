use crate::enctype::Enctype;

/// An encryption type that this crate can use: the proof that a number is one of the four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Profile {
    Aes128Sha1,
    Aes256Sha1,
    Aes128Sha256,
    Aes256Sha384,
}

impl Profile {
    pub(super) const fn of(enctype: Enctype) -> Option<Self> {
        match enctype {
            Enctype::AES128_CTS_HMAC_SHA1_96 => Some(Self::Aes128Sha1),
            Enctype::AES256_CTS_HMAC_SHA1_96 => Some(Self::Aes256Sha1),
            Enctype::AES128_CTS_HMAC_SHA256_128 => Some(Self::Aes128Sha256),
            Enctype::AES256_CTS_HMAC_SHA384_192 => Some(Self::Aes256Sha384),
            _ => None,
        }
    }

    pub(super) const fn enctype(self) -> Enctype {
        match self {
            Self::Aes128Sha1 => Enctype::AES128_CTS_HMAC_SHA1_96,
            Self::Aes256Sha1 => Enctype::AES256_CTS_HMAC_SHA1_96,
            Self::Aes128Sha256 => Enctype::AES128_CTS_HMAC_SHA256_128,
            Self::Aes256Sha384 => Enctype::AES256_CTS_HMAC_SHA384_192,
        }
    }

    pub(super) const fn key_length(self) -> usize {
        match self {
            Self::Aes128Sha1 | Self::Aes128Sha256 => 16,
            Self::Aes256Sha1 | Self::Aes256Sha384 => 32,
        }
    }

    pub(super) const fn checksum_length(self) -> usize {
        match self {
            Self::Aes128Sha1 | Self::Aes256Sha1 => 12,
            Self::Aes128Sha256 => 16,
            Self::Aes256Sha384 => 24,
        }
    }

    pub(super) const fn checksum_number(self) -> i32 {
        match self {
            Self::Aes128Sha1 => 15,
            Self::Aes256Sha1 => 16,
            Self::Aes128Sha256 => 19,
            Self::Aes256Sha384 => 20,
        }
    }
}
