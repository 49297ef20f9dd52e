//! SASL mechanisms as pure state machines: a step consumes the state and gives the next one.
//!
//! ```text
//!  SCRAM     step("") ─► Send ─► step(server_first) ─► Derive ─► with_key ─► Send ─► step(server_final) ─► Done
//!  PLAIN     step("") ─► Last ─► finish(server_last)
//!  GSSAPI    step("") ─► Send ─► step(ap_rep) ─► Send ─► step(offer) ─► Last ─► finish(server_last)
//!  custom    step("") ─► Send ─► step(challenge) ─► .. ─► Last ─► finish(server_last)
//! ```
//!
//! The first step is taken with an empty challenge. What the crate exports from here is
//! the seam for mechanisms of a user's own: [`Mechanism`], made by a [`MechanismFactory`], and
//! [`Adapter`] for mechanisms written for the crate `sasl`.

mod adapter;
mod error;
mod exchange;
#[cfg(feature = "kerberos")]
pub(crate) mod gssapi;
mod mechanism;
mod plain;
pub(crate) mod scram;
#[cfg(any(test, feature = "unstable-internals"))]
pub(crate) mod transcript;

pub use self::adapter::Adapter;
pub(crate) use self::error::Error;
pub(crate) use self::exchange::{AwaitingKey, AwaitingOutcome, Exchange, Step};
#[cfg(feature = "kerberos")]
pub(crate) use self::gssapi::KerberosError;
pub use self::mechanism::{CustomStep, Mechanism, MechanismError, MechanismFactory};
pub(crate) use self::scram::{Derivation, SaltedPassword, ScramCredentials, ScramMechanism};
