//! Batches of single topic partitions.
//!
//! ```text
//! Reader ◄── chunks ── fetcher (one for each broker and purpose) ◄──► connection
//!                        │ ▲
//!        moved, failed ──┘ └── partitions, by their leaders
//!                        ▼ │
//!                       router (refreshes, asks for offsets, waits)
//! ```
//! What is asked of a broker next is decided by `plan`, what became of a range by `progress`.

mod batch;
mod budget;
mod chunk;
mod decoder;
mod fetcher;
mod plan;
mod progress;
mod range;
pub(crate) mod reader;
mod router;
mod sorted;
pub(crate) mod writer;

pub use batch::{Batch, Batches, Records};
pub use chunk::Chunk;
pub use decoder::Decoder;
pub use range::{Loss, OffsetRange, OnDataLoss, ReadOptions};
pub use writer::{Acknowledgement, BatchOutcome, Receipt, TopicWriter, WriteOptions, Writer};

pub use crate::wire::records::{
    Codec, Header, HeaderIter, Headers, MalformedHeader, NewRecord, Record, TimestampType,
};
