//! See `ottla::internals::fuzz_response`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ottla::internals::fuzz_response(bytes));
