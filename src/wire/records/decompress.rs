//! Unpacking of compressed batches.

use super::error::Error;
use super::gzip::Inflate;
use super::header::Codec;
use super::output::Output;
use super::{lz4, snappy, zstd};

/// Unpacks batches into one buffer that is used again, so only one batch is unpacked at a time.
///
/// The buffer stays as large as the largest batch so far; `max` bounds it.
pub(crate) struct Decompressor {
    output: Output,
    gzip: Option<Inflate>,
    zstd: Option<zstd::Unpacker>,
}

impl Decompressor {
    /// Unpacks batches of at most `max` bytes.
    pub(crate) fn new(max: usize) -> Self {
        Self { output: Output::new(max), gzip: None, zstd: None }
    }

    /// Unpacks the body of a batch. An uncompressed one stays where it is and is not bounded.
    #[inline]
    pub(super) fn unpack<'b>(&'b mut self, codec: Codec, body: &'b [u8]) -> Result<&'b [u8], Error> {
        if codec == Codec::Uncompressed {
            return Ok(body);
        }
        self.output.clear();
        match codec {
            Codec::Uncompressed => {}
            Codec::Gzip => self.gzip.get_or_insert_with(Inflate::new).unpack(body, &mut self.output)?,
            Codec::Snappy => snappy::unpack(body, &mut self.output)?,
            Codec::Lz4 => lz4::unpack_frame(body, &mut self.output)?,
            Codec::Zstd => {
                self.zstd.get_or_insert_with(zstd::Unpacker::new).unpack(body, &mut self.output)?;
            }
        }
        Ok(self.output.filled())
    }

    /// How much memory the buffer takes.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.output.capacity()
    }
}
