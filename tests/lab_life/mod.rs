//! The scenarios of tests/SCENARIOS.md on real brokers. Times are printed, next to those of the
//! same work without the event: on a busy machine they say little by themselves.

mod another_secret;
mod away;
mod deleted;
mod every_version;
mod fresh;
mod killed;
mod pile;
mod rollover;
pub(crate) mod stage;
mod three_brokers;
