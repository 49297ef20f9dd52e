//! The number of a broker.

use std::fmt;

/// The id of a broker: 1 for the first, as in Kafka's quick start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BrokerId(pub i32);

impl BrokerId {
    pub(crate) fn wire(self) -> kafka_protocol::messages::BrokerId {
        self.0.into()
    }

    /// The name under which a cluster in memory advertises this broker.
    pub(crate) fn host(self) -> String {
        format!("broker-{self}")
    }
}

impl fmt::Display for BrokerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
