//! See `ottla::internals::fuzz_jaas`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ottla::internals::fuzz_jaas(bytes));
