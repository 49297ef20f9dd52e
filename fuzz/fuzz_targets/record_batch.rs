//! See `ottla::internals::fuzz_record_batch`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ottla::internals::fuzz_record_batch(bytes));
