//! Batches of single topic partitions.
//!
//! ```text
//! Reader ◄── chunks ── fetcher (one for each broker and purpose) ◄──► connection
//!                        │ ▲
//!        moved, failed ──┘ └── partitions, by their leaders
//!                        ▼ │
//!                       router ──► recoveries (refresh, ask for offsets and epochs, wait)
//! ```
//! What is asked of a broker next is decided by `plan`, what became of a range by `progress`, how long
//! to wait by `pace`. `asking` is the clock of the deadline: it stands still while the application pauses.

mod asking;
mod batch;
mod budget;
mod chunk;
mod decoder;
mod epochs;
mod fetcher;
mod inquiry;
mod pace;
pub(crate) mod plan;
mod progress;
mod range;
pub(crate) mod reader;
mod recovery;
mod report;
mod router;
mod sorted;
mod trouble;
pub(crate) mod writer;

pub use batch::{Batch, Batches, Records};
pub use chunk::Chunk;
pub use decoder::Decoder;
pub use range::{Loss, LossReason, OffsetRange, OnDataLoss, ReadOptions};
pub use writer::{Acknowledgement, BatchOutcome, Receipt, TopicWriter, WriteOptions, Writer};

pub use crate::wire::records::{
    Codec, Header, HeaderIter, Headers, MalformedHeader, NewRecord, Record, TimestampType,
};
