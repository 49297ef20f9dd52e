//! See `ottla_kerberos::internals::fuzz_der`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ottla_kerberos::internals::fuzz_der(bytes));
