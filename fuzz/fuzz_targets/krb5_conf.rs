//! See `ottla_kerberos::internals::fuzz_krb5_conf`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ottla_kerberos::internals::fuzz_krb5_conf(bytes));
