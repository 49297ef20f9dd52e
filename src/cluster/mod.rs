//! A cluster: how to reach it, who leads what, and a client that keeps up with both.

pub(crate) mod client;
pub(crate) mod config;
pub(crate) mod jaas;
pub(crate) mod pool;
pub(crate) mod probe;
pub(crate) mod properties;
mod retry;
pub(crate) mod topology;
