//! What a driver asks of a cluster besides records: delegation tokens, offsets, topics.

pub(crate) mod delegation_token;
pub(crate) mod offsets;
pub(crate) mod topics;
