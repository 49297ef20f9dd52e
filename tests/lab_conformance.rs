//! What is known of brokers, asked of real ones (`ottla_lab`) and of the embedded one beside them.
// By itself: what brokers do at a time is asked at that time.

mod support;

#[path = "conformance/mod.rs"]
mod conformance;
#[path = "conformance/real.rs"]
mod real;

use conformance::embedded::Embedded;
use conformance::target::Kafka;
use ottla_testkit::KafkaVersion;

fn main() {
    let real = real::Real::of(&ottla_lab::default_version());
    let same = match conformance::target::Target::kafka(&real) {
        Kafka::V3_9 => KafkaVersion::V3_9,
        Kafka::V4 => KafkaVersion::V4_3,
    };
    conformance::runner::main(&[&real, &Embedded::new(same)]);
}
