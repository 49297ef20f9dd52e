//! LZ4 frames, format 1.6.x, unpacked block by block into a kept buffer.
//!
//! The checksums in the frame (xxHash-32 of its head, of blocks, of the content) are skipped, not
//! checked: the CRC of the batch covers the same bytes.

use lz4_flex::block::{DecompressError, decompress_into, decompress_into_with_dict};

use super::error::Error;

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

/// Unpacks one frame, which must be all of `frame`, into the front of `out`, and gives that front.
/// `out` grows as needed, to `max` bytes at most.
pub(super) fn unpack_frame<'b>(
    mut frame: &[u8],
    out: &'b mut Vec<u8>,
    max: usize,
) -> Result<&'b [u8], Error> {
    let head = FrameHead::take_from(&mut frame).ok_or(Error::Lz4Frame)?;
    let mut unpacked = 0;
    loop {
        let word = u32::from_le_bytes(take(&mut frame).ok_or(Error::Lz4Frame)?);
        if word == 0 {
            break;
        }
        let length = usize::try_from(word & !STORED).map_err(|_| Error::Lz4Frame)?;
        if length > head.max_block {
            return Err(Error::Lz4Frame);
        }
        let block = take_slice(&mut frame, length).ok_or(Error::Lz4Frame)?;
        if head.has(BLOCK_CHECKSUM) {
            take::<4>(&mut frame).ok_or(Error::Lz4Frame)?;
        }
        unpacked += if word & STORED == 0 {
            head.unpack_block(block, unpacked, out, max)?
        } else {
            store_block(block, unpacked, out, max)?
        };
    }
    if head.has(CONTENT_CHECKSUM) {
        take::<4>(&mut frame).ok_or(Error::Lz4Frame)?;
    }
    if !frame.is_empty() {
        return Err(Error::Lz4Frame);
    }
    out.get(..unpacked).ok_or(Error::Lz4Frame)
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

    /// Unpacks one block to `out[unpacked..]`, and gives its unpacked length.
    fn unpack_block(
        &self,
        block: &[u8],
        unpacked: usize,
        out: &mut Vec<u8>,
        max: usize,
    ) -> Result<usize, Error> {
        let (before, room) = make_room(out, unpacked, self.max_block, max)?;
        let limit = room.len();
        let length = if self.has(INDEPENDENT) || before.is_empty() {
            decompress_into(block, room)
        } else {
            let window = before.get(before.len().saturating_sub(WINDOW)..).unwrap_or_default();
            decompress_into_with_dict(block, room, window)
        };
        length.map_err(|error| match error {
            DecompressError::OutputTooSmall { .. } if limit < self.max_block => {
                Error::DecompressedLength { max }
            }
            _ => Error::Lz4Block,
        })
    }
}

fn store_block(block: &[u8], unpacked: usize, out: &mut Vec<u8>, max: usize) -> Result<usize, Error> {
    let (_, room) = make_room(out, unpacked, block.len(), max)?;
    let room = room.get_mut(..block.len()).ok_or(Error::DecompressedLength { max })?;
    room.copy_from_slice(block);
    Ok(block.len())
}

/// Gives what is unpacked so far, and room for `wanted` bytes after it, or for as many as `max`
/// allows.
fn make_room(
    out: &mut Vec<u8>,
    unpacked: usize,
    wanted: usize,
    max: usize,
) -> Result<(&[u8], &mut [u8]), Error> {
    let end = unpacked.saturating_add(wanted).min(max);
    if out.len() < end {
        out.resize(end, 0);
    }
    let (before, room) = out.split_at_mut_checked(unpacked).ok_or(Error::Lz4Frame)?;
    let room = room.get_mut(..end.saturating_sub(unpacked)).ok_or(Error::Lz4Frame)?;
    Ok((before, room))
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
