//! Checks a response before the generated decoders see it.
//!
//! Those allocate what a count announces before they read its elements, so that a count of two
//! thousand million aborts the process; and an element in memory is many times its bytes on the
//! wire. ApiVersions is even read before anybody has authenticated. So every length and count is
//! compared here with the bytes that are left, and what the decoded elements will occupy is
//! charged against a budget in proportion to the frame.
//!
//! ```text
//! bytes + shape ──► walk ──► the bytes after the last field, or the field and its fault
//! ```

mod fault;
mod shape;
mod walk;

pub(crate) use fault::{Fault, Flaw};
pub(crate) use shape::{
    BOOL, Field, INT8, INT16, INT32, INT64, Kind, Shape, TEXT, UUID, blob, field, list, text,
};
pub(crate) use walk::{header, response, throttle};

#[cfg(test)]
mod tests;
