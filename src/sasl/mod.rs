//! SASL mechanisms as pure state machines.

mod mechanism;

pub use mechanism::{NotAScramMechanism, ScramMechanism};
