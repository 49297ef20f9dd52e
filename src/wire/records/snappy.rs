//! Snappy: raw blocks, and the framing of snappy-java, in which Java writes them.

use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

use super::error::Error;
use super::header::Codec;
use super::output::Output;

const FRAME: Error = Error::Frame { codec: Codec::Snappy };
const BLOCK: Error = Error::Block { codec: Codec::Snappy };

/// How the framing begins: a magic, its version, and the oldest version that can read it.
const HEAD: [u8; 16] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
const MAGIC: usize = 8;

/// The blocks that snappy-java makes.
const BLOCK_SIZE: usize = 32 << 10;

/// A copy of 64 bytes takes 3: no block grows by more than this.
const MOST_GROWTH: usize = 22;

/// Unpacks framed blocks, or one raw block.
pub(super) fn unpack(bytes: &[u8], out: &mut Output) -> Result<(), Error> {
    let mut decoder = Decoder::new();
    if bytes.get(..MAGIC) != HEAD.get(..MAGIC) {
        return unpack_block(&mut decoder, bytes, out);
    }
    let mut rest = bytes.get(HEAD.len()..).ok_or(FRAME)?;
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk().ok_or(FRAME)?;
        let length = usize::try_from(i32::from_be_bytes(*length)).map_err(|_| FRAME)?;
        let (block, after) = after.split_at_checked(length).ok_or(FRAME)?;
        unpack_block(&mut decoder, block, out)?;
        rest = after;
    }
    Ok(())
}

fn unpack_block(decoder: &mut Decoder, block: &[u8], out: &mut Output) -> Result<(), Error> {
    let length = decompress_len(block).map_err(|_| BLOCK)?;
    if length > block.len().saturating_mul(MOST_GROWTH) {
        return Err(BLOCK);
    }
    let max = out.max();
    let (_, room) = out.room(length);
    if room.len() < length {
        return Err(Error::DecompressedLength { max });
    }
    let written = decoder.decompress(block, room).map_err(|_| BLOCK)?;
    out.advance(written);
    Ok(())
}

/// Appends `plain` to `out` in the framing of snappy-java.
pub(super) fn pack(encoder: &mut Encoder, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    out.extend_from_slice(&HEAD);
    for block in plain.chunks(BLOCK_SIZE) {
        let at = out.len();
        out.resize(at + 4 + max_compress_len(block.len()), 0);
        let room = out.get_mut(at + 4..).unwrap_or_default();
        let length = encoder.compress(block, room).map_err(|_| BLOCK)?;
        out.truncate(at + 4 + length);
        let prefix = i32::try_from(length).map_err(|_| BLOCK)?;
        if let Some(place) = out.get_mut(at..at + 4) {
            place.copy_from_slice(&prefix.to_be_bytes());
        }
    }
    Ok(())
}
