//! Kerberos 5 initiator in pure Rust.
#![forbid(unsafe_code)]

pub mod ccache;
#[cfg(feature = "tokio")]
pub mod client;
pub mod conf;
pub mod crypto;
mod cursor;
pub mod der;
pub mod enctype;
pub mod entropy;
pub mod error;
pub mod exchange;
pub mod expand;
pub mod file;
#[cfg(test)]
mod forge;
pub mod gss;
#[cfg(feature = "unstable-internals")]
#[doc(hidden)]
pub mod internals;
pub mod key;
pub mod keytab;
pub mod locate;
mod messages;
pub mod principal;
pub mod sasl;
pub mod ticket;
pub mod time;
