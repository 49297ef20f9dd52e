//! The life of a token on real brokers: hundreds of tokens, renewals and an hour of reading.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

#[path = "lab_life/hour.rs"]
mod hour;
#[path = "lab_life/job.rs"]
mod job;
#[path = "lab_life/mod.rs"]
mod life;
mod support;

const SOAK: bool = true;
