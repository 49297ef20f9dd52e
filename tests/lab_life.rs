//! The life of a token on real brokers: short forms.
// First: it takes longest.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

#[path = "lab_life/mod.rs"]
mod life;
mod support;

const SOAK: bool = false;
