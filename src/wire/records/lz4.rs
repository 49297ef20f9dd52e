//! LZ4 frames, format 1.6.x, packed and unpacked block by block with kept buffers.
//!
//! The checksums in the frame (xxHash-32 of its head, of blocks, of the content) are skipped, not
//! checked: the CRC of the batch covers the same bytes.

use lz4_flex::block::{
    DecompressError, compress_into, decompress_into, decompress_into_with_dict, get_maximum_output_size,
};

use super::error::Error;
use super::header::Codec;
use super::output::Output;

const FRAME: Error = Error::Frame { codec: Codec::Lz4 };
const BLOCK: Error = Error::Block { codec: Codec::Lz4 };

const MAGIC: u32 = 0x184D_2204;

const VERSION_MASK: u8 = 0b1100_0000;
const VERSION: u8 = 0b0100_0000;
const INDEPENDENT: u8 = 1 << 5;
const BLOCK_CHECKSUM: u8 = 1 << 4;
const CONTENT_SIZE: u8 = 1 << 3;
const CONTENT_CHECKSUM: u8 = 1 << 2;
const DICTIONARY: u8 = 1;

/// In the length of a block: it is stored as it is.
const STORED: u32 = 1 << 31;

/// How far back a match may reach.
const WINDOW: usize = 64 << 10;

/// The head of the frames that this client writes, as Java's does: independent blocks of 64 KiB,
/// no checksums. Its last byte is of the xxHash-32 of the two before it.
const HEAD: [u8; 7] = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
const BLOCK_SIZE: usize = 64 << 10;

/// Appends `plain` to `out` as one frame.
pub(super) fn pack_frame(plain: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&HEAD);
    for block in plain.chunks(BLOCK_SIZE) {
        let at = out.len();
        out.resize(at + 4 + get_maximum_output_size(block.len()), 0);
        let packed = out.get_mut(at + 4..).and_then(|room| compress_into(block, room).ok());
        let word = match packed.and_then(|length| u32::try_from(length).ok()) {
            Some(length) if usize::try_from(length).is_ok_and(|length| length < block.len()) => {
                out.truncate(at + 4 + usize::try_from(length).unwrap_or(0));
                length
            }
            _ => {
                out.truncate(at + 4);
                out.extend_from_slice(block);
                u32::try_from(block.len()).unwrap_or(0) | STORED
            }
        };
        if let Some(place) = out.get_mut(at..at + 4) {
            place.copy_from_slice(&word.to_le_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
}

/// Unpacks one frame, which must be all of `frame`.
pub(super) fn unpack_frame(mut frame: &[u8], out: &mut Output) -> Result<(), Error> {
    let head = FrameHead::take_from(&mut frame).ok_or(FRAME)?;
    loop {
        let word = u32::from_le_bytes(take(&mut frame).ok_or(FRAME)?);
        if word == 0 {
            break;
        }
        let length = usize::try_from(word & !STORED).map_err(|_| FRAME)?;
        if length > head.max_block {
            return Err(FRAME);
        }
        let block = take_slice(&mut frame, length).ok_or(FRAME)?;
        if head.has(BLOCK_CHECKSUM) {
            take::<4>(&mut frame).ok_or(FRAME)?;
        }
        if word & STORED == 0 {
            head.unpack_block(block, out)?;
        } else {
            out.push(block)?;
        }
    }
    if head.has(CONTENT_CHECKSUM) {
        take::<4>(&mut frame).ok_or(FRAME)?;
    }
    if frame.is_empty() { Ok(()) } else { Err(FRAME) }
}

struct FrameHead {
    flags: u8,
    max_block: usize,
}

impl FrameHead {
    fn take_from(frame: &mut &[u8]) -> Option<Self> {
        if u32::from_le_bytes(take(frame)?) != MAGIC {
            return None;
        }
        let [flags, block] = take(frame)?;
        let max_block = match (block >> 4) & 0b111 {
            4 => 64 << 10,
            5 => 256 << 10,
            6 => 1 << 20,
            7 => 4 << 20,
            _ => return None,
        };
        let head = Self { flags, max_block };
        if flags & VERSION_MASK != VERSION || head.has(DICTIONARY) {
            return None;
        }
        if head.has(CONTENT_SIZE) {
            take::<8>(frame)?;
        }
        take::<1>(frame)?;
        Some(head)
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Unpacks one block behind those before it.
    fn unpack_block(&self, block: &[u8], out: &mut Output) -> Result<(), Error> {
        let max = out.max();
        let (before, room) = out.room(self.max_block);
        let limit = room.len();
        let length = if self.has(INDEPENDENT) || before.is_empty() {
            decompress_into(block, room)
        } else {
            let window = before.get(before.len().saturating_sub(WINDOW)..).unwrap_or_default();
            decompress_into_with_dict(block, room, window)
        };
        let length = length.map_err(|error| match error {
            DecompressError::OutputTooSmall { .. } if limit < self.max_block => {
                Error::DecompressedLength { max }
            }
            _ => BLOCK,
        })?;
        out.advance(length);
        Ok(())
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*head)
}

fn take_slice<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(head)
}
