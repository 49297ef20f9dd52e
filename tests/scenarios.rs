//! The scenarios that embedded brokers play, with few seeds, tokens and rounds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "scenarios/mod.rs"]
mod scenarios;
mod support;

const SOAK: bool = false;
