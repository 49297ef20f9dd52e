//! See `ottla::internals::fuzz_properties`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ottla::internals::fuzz_properties(bytes));
