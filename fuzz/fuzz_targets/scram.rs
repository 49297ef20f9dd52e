//! See `ottla::internals::fuzz_scram`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ottla::internals::fuzz_scram(bytes));
