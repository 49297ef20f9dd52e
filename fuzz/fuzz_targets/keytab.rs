//! See `ottla_kerberos::internals::fuzz_keytab`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ottla_kerberos::internals::fuzz_keytab(bytes));
