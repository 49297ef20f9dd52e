//! A world in virtual time from a seed; see `tests/sim.rs`.

mod dice;
mod event;
mod follow;
mod kind;
mod laws;
mod manners;
mod net;
mod oracle;
mod reading;
mod run;
mod schedule;
mod shrink;
mod storms;
mod tally;
mod world;
mod writing;

#[allow(unused_imports, reason = "the soak compares no traces")]
pub(crate) use run::{run_many, trace_of};

use kind::Kind;

/// Kinds that a fault of the client keeps out of the worlds until it is mended.
const NOT_YET: &[Kind] =
    &[Kind::BitFlipped, Kind::Leaderless, Kind::LeaderTaken, Kind::ListenerPanicked, Kind::WriterDropped];
