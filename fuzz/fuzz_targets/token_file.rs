//! See `ottla::internals::fuzz_token_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ottla::internals::fuzz_token_file(bytes));
