//! Kerberos 5 initiator in pure Rust.
#![forbid(unsafe_code)]

pub mod ccache;
mod cursor;
pub mod enctype;
pub mod expand;
pub mod file;
pub mod key;
pub mod keytab;
pub mod principal;
