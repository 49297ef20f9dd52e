//! Record batches of format 2 (KIP-98), read where they lie.
//!
//! ```text
//! bytes of one partition ──► Batches ──► Batch ──verify_crc──► CheckedBatch ──records──► Record
//!                                                                             ▲
//!                                                             Decompressor ───┘
//! ```
//!
//! Nothing is allocated or copied for a record; a compressed batch is unpacked into a buffer that
//! is used again. Every length and count is checked against the bytes that are there.

mod batch;
mod builder;
mod checked;
mod compress;
mod cursor;
mod decompress;
mod error;
mod gzip;
mod header;
mod lz4;
mod new_record;
mod output;
mod record;
mod snappy;
mod split;
mod transactions;
mod zstd;

#[cfg(any(test, feature = "unstable-internals"))]
pub(crate) use batch::Batches;
pub(crate) use batch::CheckedBatch;
pub(crate) use builder::{BatchBuilder, Stamp};
pub(crate) use checked::{CheckedBatchIter, CheckedBatches};
pub(crate) use compress::Compressor;
pub(crate) use decompress::Decompressor;
pub(crate) use error::Error;
pub use header::{Codec, TimestampType};
pub use new_record::NewRecord;
pub(crate) use record::Records;
pub use record::{Header, HeaderIter, Headers, MalformedHeader, Record};
pub(crate) use split::split;
pub(crate) use transactions::AbortedTransactions;
#[cfg(test)]
pub(crate) use transactions::Marker;

#[cfg(test)]
mod tests;
