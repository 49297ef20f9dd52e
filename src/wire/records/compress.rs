//! Packing of batches.

use snap::raw::Encoder;

use super::error::Error;
use super::gzip::Deflate;
use super::header::Codec;
use super::{lz4, snappy, zstd};

/// Packs the records of batches, with states that are made at their first use and kept.
#[derive(Default)]
pub(crate) struct Compressor {
    gzip: Option<Deflate>,
    snappy: Option<Encoder>,
    zstd: Option<zstd::Packer>,
}

impl Compressor {
    /// Appends `plain` to `out`, packed.
    ///
    /// # Errors
    /// The codec refuses, which none does that has the memory it asks for.
    pub(crate) fn pack(&mut self, codec: Codec, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        match codec {
            Codec::Uncompressed => {
                out.extend_from_slice(plain);
                Ok(())
            }
            Codec::Gzip => self.gzip.get_or_insert_with(Deflate::new).pack(plain, out),
            Codec::Snappy => snappy::pack(self.snappy.get_or_insert_with(Encoder::new), plain, out),
            Codec::Lz4 => {
                lz4::pack_frame(plain, out);
                Ok(())
            }
            Codec::Zstd => {
                let packer = match &mut self.zstd {
                    Some(packer) => packer,
                    none => none.insert(zstd::Packer::new()?),
                };
                packer.pack(plain, out)
            }
        }
    }
}
