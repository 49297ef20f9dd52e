//! The buffer that compressed batches are unpacked into.

use std::fmt;

use crate::wire::records::Decompressor;

/// Unpacks compressed batches, one at a time, into a buffer that is used again.
///
/// Keep one for each thread that reads records. It allocates nothing before it meets a compressed
/// batch, and then as much as the largest batch so far needs.
pub struct Decoder(pub(super) Decompressor);

impl Decoder {
    /// Makes a decoder of batches that unpack to at most 128 MiB.
    pub fn new() -> Self {
        Self::with_max_batch(128 << 20)
    }

    /// Makes a decoder of batches that unpack to at most `bytes`: a larger one is an error of
    /// kind [`Unsupported`](crate::ErrorKind::Unsupported). It guards against few bytes that
    /// unpack to very many.
    pub fn with_max_batch(bytes: usize) -> Self {
        Self(Decompressor::new(bytes))
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}
