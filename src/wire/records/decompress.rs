//! Unpacking of compressed batches.

use super::error::Error;
use super::header::Codec;
use super::lz4;

/// Unpacks batches into one buffer that is used again, so only one batch is unpacked at a time.
///
/// The buffer stays as large as the largest batch so far; `max` bounds it.
pub(crate) struct Decompressor {
    /// Always initialised to its length, which never shrinks: zeroed once, when it grows.
    unpacked: Vec<u8>,
    max: usize,
}

impl Decompressor {
    /// Unpacks batches of at most `max` bytes.
    pub(crate) fn new(max: usize) -> Self {
        Self { unpacked: Vec::new(), max }
    }

    /// Unpacks the body of a batch. An uncompressed one stays where it is and is not bounded.
    #[inline]
    pub(super) fn unpack<'b>(&'b mut self, codec: Codec, body: &'b [u8]) -> Result<&'b [u8], Error> {
        match codec {
            Codec::Uncompressed => Ok(body),
            Codec::Lz4 => lz4::unpack_frame(body, &mut self.unpacked, self.max),
            Codec::Gzip | Codec::Snappy | Codec::Zstd => Err(Error::UnsupportedCodec { codec }),
        }
    }
}
