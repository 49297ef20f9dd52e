//! Pure functions of the private layers, for this project's own fuzz targets, benches and tests.
//!
//! Outside semver, behind the feature `unstable-internals`.

mod config;
mod entropy;
mod frame;
mod java_texts;
mod records;
mod response;
mod scram;
mod session;

pub use crate::conn::race::{ATTEMPT_DELAY, interleaved, race};
pub use crate::partition::plan::plan_turn;
pub use crate::partition::writer::gathering::Gathering;
pub use config::{fuzz_jaas, fuzz_properties, fuzz_token_file};
pub use entropy::{seed_entropy, set_wall_clock};
pub use frame::fuzz_frame;
pub use java_texts::{JavaText, read_jaas, read_properties, written_jaas, written_properties};
pub use records::{RecordWalk, fuzz_record_batch};
pub use response::{apis, decode_response, fuzz_response, throttle_time, versions};
pub use scram::{ScramLogin, fuzz_scram};
pub use session::fuzz_session;
