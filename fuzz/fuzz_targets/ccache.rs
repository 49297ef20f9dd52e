//! See `ottla_kerberos::internals::fuzz_ccache`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ottla_kerberos::internals::fuzz_ccache(bytes));
