//! See `ottla_kerberos::internals::fuzz_gss_token`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ottla_kerberos::internals::fuzz_gss_token(bytes));
