//! Tokens beyond one connection: the file that carries one, and in time what renews it.

pub(crate) mod file;
pub(crate) mod target;
