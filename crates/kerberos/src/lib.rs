//! Kerberos 5 initiator in pure Rust.
#![forbid(unsafe_code)]

mod cursor;
pub mod enctype;
pub mod file;
pub mod key;
pub mod keytab;
pub mod principal;
