//! Connections: one task owns one socket, and callers send it requests.
//!
//! ```text
//! caller ─► handle ─► task ─► session (pure) ─► socket
//! caller ◄─────────── task ◄─ session (pure) ◄─ socket
//! ```
//! [`session`] has the protocol and no IO; [`task`] has the IO and no protocol; [`dial`] makes
//! connections; [`login`] turns the newest credential into a login.

pub(crate) mod authenticate;
mod broken;
pub(crate) mod counters;
pub(crate) mod credentials;
pub(crate) mod dial;
pub(crate) mod error;
pub(crate) mod handle;
pub(crate) mod inflight;
#[cfg(feature = "kerberos")]
pub(crate) mod kerberos;
pub(crate) mod keys;
pub(crate) mod lifetime;
pub(crate) mod login;
mod lowat;
#[cfg_attr(not(feature = "unstable-internals"), allow(unreachable_pub, reason = "tests reach it"))]
pub(crate) mod race;
pub(crate) mod session;
pub(crate) mod task;
pub(crate) mod token;
pub(crate) mod turns;
