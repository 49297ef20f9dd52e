//! The life of tokens in virtual time from a seed; see `tests/sim_tokens.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is wrong"
)]

mod audit;
mod crowd;
#[path = "../sim/dice.rs"]
mod dice;
mod draw;
mod files;
mod gauges;
mod keeping;
mod kind;
mod laws;
#[path = "../sim/net.rs"]
#[allow(dead_code, reason = "no bit is flipped here")]
mod net;
mod plan;
mod run;
mod tally;
mod trouble;
mod using;
mod world;

#[allow(unused_imports, reason = "the soak compares no traces")]
pub(crate) use run::{run_many, trace_of};
