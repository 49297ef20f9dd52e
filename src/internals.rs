//! Pure functions of the private layers, for this project's own fuzz targets, benches and tests.
//!
//! Outside semver, behind the feature `unstable-internals`.

mod response;

pub use response::{apis, decode_response, fuzz_response, throttle_time, versions};
