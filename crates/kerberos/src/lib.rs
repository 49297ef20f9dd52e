//! Kerberos 5 initiator in pure Rust.
#![forbid(unsafe_code)]

pub mod enctype;
pub mod key;
pub mod principal;
