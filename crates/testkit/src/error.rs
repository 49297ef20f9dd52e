//! What can go wrong in driving a cluster from a test.

use std::fmt;
use std::io;

use crate::{BrokerId, Protocol};

/// A call of a test that could not be carried out.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused: a socket could not be bound.
    Io(io::Error),
    /// No topic of that name, or no such partition.
    UnknownPartition {
        /// The topic asked for.
        topic: String,
        /// The partition asked for.
        partition: i32,
    },
    /// No replica of the partition that is in sync runs.
    NoReplica {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// A topic of that name is there already.
    TopicExists(String),
    /// The cluster has no broker of that id.
    UnknownBroker(BrokerId),
    /// The cluster was built without that listener.
    NoListener(Protocol),
    /// No token of that id.
    UnknownToken(String),
    /// The records of a compressed batch cannot be looked into.
    Compressed,
    /// The bytes are not record batches of format 2.
    InvalidBatch,
    /// No transaction of that producer is open in the partition.
    NoTransaction,
    /// The KDC does not know the realm of the brokers.
    #[cfg(feature = "kerberos")]
    Kdc(crate::kdc::KdcError),
    /// A certificate or a TLS configuration could not be made.
    Tls(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "a listener could not be started: {error}"),
            Self::UnknownPartition { topic, partition } => write!(f, "no partition {topic}-{partition}"),
            Self::NoReplica { topic, partition } => {
                write!(f, "no replica of {topic}-{partition} in sync runs")
            }
            Self::TopicExists(topic) => write!(f, "topic {topic} is there already"),
            Self::UnknownBroker(id) => write!(f, "no broker {id}"),
            Self::NoListener(protocol) => write!(f, "no listener {protocol}"),
            Self::UnknownToken(id) => write!(f, "no token {id}"),
            Self::Compressed => f.write_str("the batch is compressed"),
            Self::InvalidBatch => f.write_str("not a record batch of format 2"),
            Self::NoTransaction => f.write_str("no open transaction of that producer"),
            #[cfg(feature = "kerberos")]
            Self::Kdc(error) => write!(f, "the KDC refused: {error}"),
            Self::Tls(reason) => write!(f, "TLS could not be set up: {reason}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            #[cfg(feature = "kerberos")]
            Self::Kdc(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
