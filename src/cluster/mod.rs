//! A cluster: how to reach it, who leads what, and a client that keeps up with both.

pub(crate) mod config;
