//! Kerberos 5 initiator in pure Rust.
#![forbid(unsafe_code)]
