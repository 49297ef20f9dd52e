//! Tokens beyond one connection: the file that carries one, and what makes, proves, renews and
//! replaces them.

mod aside;
mod doubt;
mod errands;
pub(crate) mod file;
pub(crate) mod followed;
mod gate;
pub(crate) mod keeper;
pub(crate) mod lifecycle;
mod mark;
pub(crate) mod proof;
mod readiness;
mod saved;
pub(crate) mod state;
pub(crate) mod target;
mod work;
