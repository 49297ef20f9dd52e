//! See `ottla::internals::fuzz_session`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ottla::internals::fuzz_session(bytes));
