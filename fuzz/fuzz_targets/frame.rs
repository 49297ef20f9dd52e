//! See `ottla::internals::fuzz_frame`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ottla::internals::fuzz_frame(bytes));
