//! Names and numbers by which Kafka knows things, each a type of its own.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The id of a broker (`node.id`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BrokerId(pub i32);

impl fmt::Display for BrokerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "broker {}", self.0)
    }
}

/// The number that pairs a response with its request on one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CorrelationId(pub(crate) i32);

/// The epoch of a partition's leader: it grows by one with each election.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaderEpoch(pub i32);

/// The id of a topic (KIP-516): a topic that is deleted and made again under its name gets another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TopicId(u128);

impl TopicId {
    /// Reads Kafka's UUID, of which zero says that there is no id.
    pub(crate) fn new(id: u128) -> Option<Self> {
        (id != 0).then_some(Self(id))
    }

    /// Kafka's UUID.
    pub(crate) fn as_u128(self) -> u128 {
        self.0
    }
}

/// One partition of a topic. Cloning shares the name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The name of the topic.
    pub topic: Arc<str>,
    /// The number of the partition, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// Names partition `partition` of `topic`.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// Who somebody is to Kafka: a type, nearly always `User`, and a name, written `User:alice`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Principal {
    kind: Arc<str>,
    name: Arc<str>,
}

impl Principal {
    /// Names a principal of the type `User`.
    pub fn user(name: impl Into<Arc<str>>) -> Self {
        Self { kind: Arc::from("User"), name: name.into() }
    }

    /// Names a principal of any type.
    pub fn new(kind: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { kind: kind.into(), name: name.into() }
    }

    /// The type, such as `User`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The name, without the type.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.name)
    }
}

/// A text is not a principal: it has no colon, or nothing before or after the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAPrincipal;

impl fmt::Display for NotAPrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a principal is written TYPE:NAME, for example User:alice")
    }
}

impl std::error::Error for NotAPrincipal {}

impl FromStr for Principal {
    type Err = NotAPrincipal;

    fn from_str(text: &str) -> Result<Self, NotAPrincipal> {
        match text.split_once(':') {
            Some((kind, name)) if !kind.is_empty() && !name.is_empty() => Ok(Self::new(kind, name)),
            _ => Err(NotAPrincipal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_reads_what_it_prints() {
        let principal: Principal = "User:CN=a:b".parse().unwrap();
        assert_eq!((principal.kind(), principal.name()), ("User", "CN=a:b"));
        assert_eq!(principal.to_string(), "User:CN=a:b");
    }

    #[test]
    fn refuses_a_principal_without_type_or_name() {
        for text in ["", "alice", ":alice", "User:"] {
            assert_eq!(text.parse::<Principal>(), Err(NotAPrincipal), "{text}");
        }
    }
}
