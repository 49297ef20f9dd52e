//! Kafka's wire format: frames, requests and responses, record batches.
//!
//! All of it is pure: bytes come in as arguments, bytes and typed replies come out. Everything
//! that a peer chose is checked before it sizes an allocation or a loop.

pub(crate) mod api;
pub(crate) mod codec;
pub(crate) mod encoded;
mod error;
pub(crate) mod error_code;
pub(crate) mod frame;
mod guard;
pub(crate) mod pool;
pub(crate) mod records;
pub(crate) mod version;

pub(crate) use error::Error;
