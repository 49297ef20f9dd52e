//! Connections: one task owns one socket.

pub(crate) mod credentials;
pub(crate) mod keys;
pub(crate) mod token;
