//! What can be wrong with record batches.

use std::fmt;

use super::header::Codec;

/// A private error of record batches. It never holds payload bytes, and does not know its
/// topic-partition: the caller does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    // The fault of the broker, or of what once wrote the batch.
    /// A batch says that it is shorter than its own header.
    BatchLength { got: i32 },
    /// A base offset is negative, or the last offset lies before it or beyond an `i64`.
    Offsets { base: i64, last_delta: i32 },
    /// A batch begins at or before the end of the one before it, or all lie before what was asked.
    OffsetsGoBack { got: i64, min: i64 },
    /// A hole before a batch reaches beyond the end of the log.
    OffsetsBeyondEnd { got: i64, end: i64 },
    /// The bytes of a batch are not those that were written.
    Crc { got: u32, stated: u32 },
    /// The attributes name a codec that no version of Kafka has.
    UnknownCodec { got: i16 },
    /// A batch counts a negative number of records.
    RecordCount { got: i32 },
    /// A batch ends, and this many of the records that it counts are not there.
    RecordsMissing { left: u32 },
    /// Bytes are left after the last record of a batch.
    TrailingBytes { left: usize },
    /// A variable-length integer is cut short, or too large for its type.
    Varint,
    /// A record's length is negative or reaches beyond its batch.
    RecordLength { got: i32, left: usize },
    /// The offset of a record lies outside of its batch, or not after the record before it.
    OffsetDelta { got: i32, min: i64, max: i32 },
    /// The length of a key, value or header is negative or reaches beyond its record.
    FieldLength { got: i32, left: usize },
    /// A record counts a negative number of headers.
    HeaderCount { got: i32 },
    /// The key of a header is not UTF-8.
    HeaderKey,
    /// Bytes are left in a record after its last header.
    TrailingHeaderBytes { left: usize },
    /// The key of a control record is cut short, or its version is negative.
    ControlRecord,
    /// The framing of a codec is malformed, or asks for a dictionary.
    Frame { codec: Codec },
    /// A packed block does not unpack.
    Block { codec: Codec },
    // The caller's limits, or what this client lacks.
    /// A batch unpacks to more than the caller allows.
    DecompressedLength { max: usize },
    /// A batch has the format of before Kafka 0.11 (magic 0 or 1), or one of the future.
    Magic { got: u8 },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BatchLength { got } => write!(f, "record batch of length {got}"),
            Self::Offsets { base, last_delta } => {
                write!(f, "record batch at {base} spans {last_delta} offsets")
            }
            Self::OffsetsGoBack { got, min } => {
                write!(f, "record batch at {got} where {min} or more was due")
            }
            Self::OffsetsBeyondEnd { got, end } => {
                write!(f, "record batch at {got} behind a hole, in a log that ends at {end}")
            }
            Self::Crc { got, stated } => write!(f, "record batch has CRC {got:08x} and states {stated:08x}"),
            Self::UnknownCodec { got } => write!(f, "record batch with the unknown codec {got}"),
            Self::RecordCount { got } => write!(f, "record batch of {got} records"),
            Self::RecordsMissing { left } => write!(f, "record batch ends {left} records early"),
            Self::TrailingBytes { left } => write!(f, "record batch has {left} bytes after its last record"),
            Self::Varint => f.write_str("record with a malformed variable-length integer"),
            Self::RecordLength { got, left } => {
                write!(f, "record of length {got} where {left} bytes are left")
            }
            Self::OffsetDelta { got, min, max } => {
                write!(f, "record at offset delta {got}, which is not from {min} to {max}")
            }
            Self::FieldLength { got, left } => {
                write!(f, "field of length {got} in a record with {left} bytes left")
            }
            Self::HeaderCount { got } => write!(f, "record with {got} headers"),
            Self::HeaderKey => f.write_str("record header whose key is not UTF-8"),
            Self::TrailingHeaderBytes { left } => write!(f, "record has {left} bytes after its last header"),
            Self::ControlRecord => f.write_str("malformed control record"),
            Self::Frame { codec } => write!(f, "record batch with a malformed {codec} frame"),
            Self::Block { codec } => write!(f, "record batch with a malformed {codec} block"),
            Self::DecompressedLength { max } => write!(f, "record batch unpacks to more than {max} bytes"),
            Self::Magic { got } => write!(f, "record batch of format {got}; only 2 (Kafka 0.11 on) is read"),
        }
    }
}

impl std::error::Error for Error {}
