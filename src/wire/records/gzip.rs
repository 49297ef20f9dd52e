//! gzip (RFC 1952), one member after another.
//!
//! The checksum and the length at the end of a member are skipped, not checked: the CRC of the
//! batch covers the same bytes.

use flate2::{Compress, Compression, Crc, Decompress, FlushCompress, FlushDecompress, Status};

use super::error::Error;
use super::header::Codec;
use super::output::Output;

const FRAME: Error = Error::Frame { codec: Codec::Gzip };
const BLOCK: Error = Error::Block { codec: Codec::Gzip };

const ID: [u8; 2] = [0x1f, 0x8b];
const DEFLATE: u8 = 8;

const HEADER_CRC: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// The head that this client writes: no name, no time, an unknown system.
const HEAD: [u8; 10] = [0x1f, 0x8b, DEFLATE, 0, 0, 0, 0, 0, 0, 255];

/// The CRC-32 and the length at the end of a member.
const TRAILER: usize = 8;

/// Room is made in steps of this.
const STEP: usize = 64 << 10;

/// Unpacks members with one state that is used again.
pub(super) struct Inflate(Decompress);

impl Inflate {
    pub(super) fn new() -> Self {
        Self(Decompress::new(false))
    }

    /// Unpacks all members of `bytes`.
    pub(super) fn unpack(&mut self, mut bytes: &[u8], out: &mut Output) -> Result<(), Error> {
        loop {
            let body = after_head(bytes).ok_or(FRAME)?;
            let read = self.inflate(body, out)?;
            bytes = body.get(read..).and_then(|rest| rest.get(TRAILER..)).ok_or(FRAME)?;
            if bytes.is_empty() {
                return Ok(());
            }
        }
    }

    /// Unpacks one deflate stream and gives its length.
    fn inflate(&mut self, body: &[u8], out: &mut Output) -> Result<usize, Error> {
        self.0.reset(false);
        loop {
            let (read, wrote) = (self.0.total_in(), self.0.total_out());
            let rest = usize::try_from(read).ok().and_then(|read| body.get(read..)).ok_or(BLOCK)?;
            let max = out.max();
            let (_, room) = out.room(rest.len().saturating_mul(4).clamp(STEP, 16 * STEP));
            let full = room.is_empty();
            // Where the limit is reached the stream may still end: one byte more would be too many.
            let mut beyond = [0];
            let target = if full { &mut beyond[..] } else { room };
            let status = self.0.decompress(rest, target, FlushDecompress::None).map_err(|_| BLOCK)?;
            let written = usize::try_from(self.0.total_out() - wrote).map_err(|_| BLOCK)?;
            if full && written > 0 {
                return Err(Error::DecompressedLength { max });
            }
            out.advance(written);
            if status == Status::StreamEnd {
                return usize::try_from(self.0.total_in()).map_err(|_| BLOCK);
            }
            if written == 0 && self.0.total_in() == read {
                return Err(BLOCK);
            }
        }
    }
}

/// What follows the head of a member.
fn after_head(bytes: &[u8]) -> Option<&[u8]> {
    let ([id_1, id_2, method, flags, ..], mut rest) = bytes.split_first_chunk::<10>()?;
    if [*id_1, *id_2] != ID || *method != DEFLATE || flags & RESERVED != 0 {
        return None;
    }
    if flags & EXTRA != 0 {
        let (length, extra) = rest.split_first_chunk()?;
        rest = extra.get(usize::from(u16::from_le_bytes(*length))..)?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|byte| *byte == 0)?;
            rest = rest.get(end + 1..)?;
        }
    }
    if flags & HEADER_CRC != 0 { rest.get(2..) } else { Some(rest) }
}

/// Packs members with one state that is used again.
pub(super) struct Deflate(Compress);

impl Deflate {
    pub(super) fn new() -> Self {
        Self(Compress::new(Compression::default(), false))
    }

    /// Appends `plain` to `out` as one member.
    pub(super) fn pack(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        self.0.reset();
        out.extend_from_slice(&HEAD);
        loop {
            let read = usize::try_from(self.0.total_in()).map_err(|_| BLOCK)?;
            out.reserve(STEP.min(plain.len() / 2 + 64));
            let rest = plain.get(read..).unwrap_or_default();
            match self.0.compress_vec(rest, out, FlushCompress::Finish) {
                Ok(Status::StreamEnd) => break,
                Ok(Status::Ok | Status::BufError) => {}
                Err(_) => return Err(BLOCK),
            }
        }
        let mut crc = Crc::new();
        crc.update(plain);
        out.extend_from_slice(&crc.sum().to_le_bytes());
        out.extend_from_slice(&crc.amount().to_le_bytes());
        Ok(())
    }
}
