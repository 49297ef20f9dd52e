//! A world in virtual time from a seed; see `tests/sim.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::large_enum_variant,
    reason = "a test stops at the first thing that is wrong, and has few values at a time"
)]

mod calling;
mod dice;
mod event;
mod follow;
mod happen;
mod kind;
mod laws;
mod manners;
mod net;
mod oracle;
mod outage;
mod reading;
mod receipts;
mod run;
mod schedule;
mod sessions;
mod shrink;
mod storms;
mod tally;
mod tasks;
mod world;
mod writing;

#[allow(unused_imports, reason = "the soak compares no traces")]
pub(crate) use run::{run_many, trace_of};
