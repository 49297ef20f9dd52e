//! What is known of brokers, asked of the embedded one.

mod support;

#[path = "conformance/mod.rs"]
mod conformance;

use conformance::embedded::Embedded;
use ottla_testkit::KafkaVersion;

fn main() {
    conformance::runner::main(&[&Embedded::new(KafkaVersion::V4_3), &Embedded::new(KafkaVersion::V3_9)]);
}
