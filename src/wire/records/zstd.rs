//! Zstandard (RFC 8878): in pure Rust, or by the C library with the feature `zstd-c`.

use super::error::Error;
use super::header::Codec;
use super::output::Output;

const FRAME: Error = Error::Frame { codec: Codec::Zstd };

/// The level that Java writes by default.
const LEVEL: i32 = 3;

#[cfg(not(feature = "zstd-c"))]
pub(super) use pure::{Packer, Unpacker};

#[cfg(feature = "zstd-c")]
pub(super) use c::{Packer, Unpacker};

#[cfg(not(feature = "zstd-c"))]
mod pure {
    use zrip::{CompressContext, DecompressContext, DecompressError, compress_bound};

    use super::{Error, FRAME, LEVEL, Output};

    /// Unpacks frames with tables that are used again.
    pub(in super::super) struct Unpacker(DecompressContext);

    impl Unpacker {
        pub(in super::super) fn new() -> Self {
            Self(DecompressContext::new())
        }

        /// Unpacks the frames of `bytes`. A frame that says to be larger than the limit is refused
        /// before anything is unpacked.
        pub(in super::super) fn unpack(&mut self, bytes: &[u8], out: &mut Output) -> Result<(), Error> {
            if bytes.is_empty() {
                return Err(FRAME);
            }
            let max = out.max();
            let unpacked =
                out.append_with(|plain| self.0.decompress_into_with_limit(bytes, plain, max).map(drop));
            unpacked.map_err(|error| match error {
                DecompressError::OutputTooSmall => Error::DecompressedLength { max },
                _ => FRAME,
            })
        }
    }

    /// Packs frames with tables that are used again.
    pub(in super::super) struct Packer(CompressContext);

    impl Packer {
        pub(in super::super) fn new() -> Result<Self, Error> {
            let mut context = CompressContext::new(LEVEL).map_err(|_| FRAME)?;
            // The CRC of the batch covers the frame.
            context.set_content_checksum(false);
            Ok(Self(context))
        }

        /// Appends `plain` to `out` as one frame.
        pub(in super::super) fn pack(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
            let at = out.len();
            out.resize(at.saturating_add(compress_bound(plain.len())), 0);
            let room = out.get_mut(at..).unwrap_or_default();
            let length = self.0.compress_into(plain, room).map_err(|_| FRAME)?;
            out.truncate(at + length);
            Ok(())
        }
    }
}

#[cfg(feature = "zstd-c")]
mod c {
    use zstd_safe::{CCtx, DCtx, InBuffer, OutBuffer, ResetDirective, compress_bound};

    use super::{Error, FRAME, LEVEL, Output};

    /// Room is made in steps of this.
    const STEP: usize = 256 << 10;

    /// Unpacks frames with a context that is used again.
    pub(in super::super) struct Unpacker(DCtx<'static>);

    impl Unpacker {
        pub(in super::super) fn new() -> Self {
            Self(DCtx::create())
        }

        /// Unpacks the frames of `bytes`. A frame that says to be larger than the limit is refused
        /// before anything is unpacked.
        pub(in super::super) fn unpack(&mut self, bytes: &[u8], out: &mut Output) -> Result<(), Error> {
            let max = out.max();
            if let Ok(Some(size)) = zstd_safe::get_frame_content_size(bytes)
                && usize::try_from(size).is_ok_and(|size| size <= max)
            {
                let (_, room) = out.room(usize::try_from(size).unwrap_or(0));
                if let Ok(length) = self.0.decompress(room, bytes) {
                    out.advance(length);
                    return Ok(());
                }
            } else if matches!(zstd_safe::get_frame_content_size(bytes), Ok(Some(_))) {
                return Err(Error::DecompressedLength { max });
            }
            self.stream(bytes, out)
        }

        fn stream(&mut self, bytes: &[u8], out: &mut Output) -> Result<(), Error> {
            out.clear();
            self.0.reset(ResetDirective::SessionOnly).map_err(|_| FRAME)?;
            let mut input = InBuffer::around(bytes);
            let mut beyond = [0];
            loop {
                let (max, before) = (out.max(), input.pos());
                let (_, room) = out.room(STEP);
                let full = room.is_empty();
                let target = if full { &mut beyond[..] } else { room };
                let mut output = OutBuffer::around(target);
                let left = self.0.decompress_stream(&mut output, &mut input).map_err(|_| FRAME)?;
                let written = output.pos();
                if full && written > 0 {
                    return Err(Error::DecompressedLength { max });
                }
                out.advance(written);
                match (left, input.pos() == bytes.len()) {
                    (0, true) => return Ok(()),
                    _ if written == 0 && input.pos() == before => return Err(FRAME),
                    _ => {}
                }
            }
        }
    }

    /// Packs frames with a context that is used again.
    pub(in super::super) struct Packer(CCtx<'static>);

    impl Packer {
        pub(in super::super) fn new() -> Result<Self, Error> {
            Ok(Self(CCtx::create()))
        }

        /// Appends `plain` to `out` as one frame.
        pub(in super::super) fn pack(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
            let at = out.len();
            out.resize(at.saturating_add(compress_bound(plain.len())), 0);
            let room = out.get_mut(at..).unwrap_or_default();
            let length = self.0.compress(room, plain, LEVEL).map_err(|_| FRAME)?;
            out.truncate(at + length);
            Ok(())
        }
    }
}
