//! A cluster: how to reach it, who leads what, and a client that keeps up with both.

pub(crate) mod attempts;
pub(crate) mod client;
pub(crate) mod config;
pub(crate) mod jaas;
mod outage;
pub(crate) mod pool;
pub(crate) mod probe;
pub(crate) mod properties;
pub(crate) mod retry;
pub(crate) mod silence;
mod slot;
pub(crate) mod topology;
