//! Record batches of format 2 (KIP-98), read where they lie.
//!
//! ```text
//! bytes of one partition ──► Batches ──► Batch ──verify_crc──► CheckedBatch ──records──► Record
//!                 └────────► skim (headers only: the next offset to fetch)    ▲
//!                                                             Decompressor ───┘
//! ```
//!
//! Nothing is allocated or copied for a record; a compressed batch is unpacked into a buffer that
//! is used again. Every length and count is checked against the bytes that are there.

mod batch;
mod checked;
mod cursor;
mod decompress;
mod error;
mod header;
mod lz4;
mod record;
mod transactions;

pub(crate) use batch::{Batch, Batches, CheckedBatch, Skimmed, skim};
pub(crate) use checked::{CheckedBatchIter, CheckedBatches};
pub(crate) use decompress::Decompressor;
pub(crate) use error::Error;
pub use header::TimestampType;
pub(crate) use header::{BatchHeader, Codec};
pub(crate) use record::Records;
pub use record::{Header, HeaderIter, Headers, MalformedHeader, Record};
pub(crate) use transactions::{AbortedTransactions, Marker};

#[cfg(test)]
mod tests;
