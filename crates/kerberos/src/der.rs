//! The part of DER that Kerberos messages are written in (RFC 4120 section 5, X.690).
//!
//! [`Reader`] walks bytes of a peer: lengths are definite, minimal and at most four bytes, tags fit
//! one byte, nothing may follow a value, nesting is bounded. It borrows and never allocates.
//! [`Writer`] makes the same form.

mod reader;
mod writer;

use std::fmt;

pub use reader::Reader;
pub use writer::Writer;

/// Tag bytes of the universal types in use.
pub mod tag {
    /// INTEGER.
    pub const INTEGER: u8 = 0x02;
    /// BIT STRING.
    pub const BIT_STRING: u8 = 0x03;
    /// OCTET STRING.
    pub const OCTET_STRING: u8 = 0x04;
    /// OBJECT IDENTIFIER.
    pub const OID: u8 = 0x06;
    /// GeneralizedTime.
    pub const TIME: u8 = 0x18;
    /// GeneralString; Kerberos peers put UTF-8 into it.
    pub const STRING: u8 = 0x1b;
    /// SEQUENCE and SEQUENCE OF.
    pub const SEQUENCE: u8 = 0x30;

    /// The tag `[n]` of an explicitly tagged field; `n` up to 30.
    pub const fn field(n: u8) -> u8 {
        0xa0 | (n & 0x1f)
    }

    /// The tag `[APPLICATION n]` of a message; `n` up to 30.
    pub const fn application(n: u8) -> u8 {
        0x60 | (n & 0x1f)
    }
}

/// Why bytes are not the DER that was expected. The peer is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// A value is longer than what holds it.
    Truncated,
    /// A length of indefinite form, which is BER only.
    IndefiniteLength,
    /// A length in more bytes than it needs.
    NonMinimalLength,
    /// A length in more than four bytes.
    LengthTooLong,
    /// A tag number above 30.
    HighTag,
    /// Another type than the one the message has here; `got` is absent at the end.
    UnexpectedTag {
        /// The tag that the message has here.
        expected: u8,
        /// The tag that was found.
        got: Option<u8>,
    },
    /// Bytes after the end of a value.
    TrailingBytes,
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep,
    /// An INTEGER that is empty, not minimal, or out of its field's range.
    Integer,
    /// A BIT STRING without a valid count of unused bits.
    BitString,
    /// A string that is not UTF-8.
    Text,
    /// A time that is not of the form `YYYYMMDDHHMMSSZ`.
    Time,
    /// A version, message type or other constant with a value it cannot have.
    Constant,
    /// A list with more members than are looked at.
    TooMany,
}

/// How deep values may nest.
pub const MAX_DEPTH: u8 = 16;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("value is cut short"),
            Self::IndefiniteLength => f.write_str("length of indefinite form"),
            Self::NonMinimalLength => f.write_str("length is not minimal"),
            Self::LengthTooLong => f.write_str("length of more than four bytes"),
            Self::HighTag => f.write_str("tag number above 30"),
            Self::UnexpectedTag { expected, got: Some(got) } => {
                write!(f, "tag {got:#04x} in place of {expected:#04x}")
            }
            Self::UnexpectedTag { expected, got: None } => write!(f, "end in place of tag {expected:#04x}"),
            Self::TrailingBytes => f.write_str("bytes after the end"),
            Self::TooDeep => f.write_str("nested too deep"),
            Self::Integer => f.write_str("invalid integer"),
            Self::BitString => f.write_str("invalid bit string"),
            Self::Text => f.write_str("string is not UTF-8"),
            Self::Time => f.write_str("invalid time"),
            Self::Constant => f.write_str("a constant has another value"),
            Self::TooMany => f.write_str("list is too long"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests;
