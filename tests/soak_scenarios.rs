//! The scenarios that embedded brokers play, with thousands of seeds, hundreds of tokens and rounds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "scenarios/mod.rs"]
mod scenarios;
mod support;

const SOAK: bool = true;
