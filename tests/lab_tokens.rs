//! Delegation tokens on real brokers: who may make them, who may use them, how long they live.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "lab_tokens/made.rs"]
mod made;
#[path = "lab_tokens/owner.rs"]
mod owner;
#[path = "lab_tokens/refused.rs"]
mod refused;
mod support;
#[path = "lab_tokens/times.rs"]
mod times;
#[path = "lab_tokens/young.rs"]
mod young;
