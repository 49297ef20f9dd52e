//! Topics: list, describe, create, delete.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::client::{Cluster, Repeat, is_rebootstrap};
use crate::error::Error;
use crate::ids::{BrokerId, TopicPartition};
use crate::wire::codec::Request;
use crate::wire::codec::create_topics::{self, CreateTopicsRequest, TopicOutcome};
use crate::wire::codec::delete_topics::DeleteTopicsRequest;
use crate::wire::codec::metadata::{MetadataRequest, MetadataResponse, Partition, Topic, is_whole};
use crate::wire::error_code::ErrorCode;

/// Describes a topic to be made.
#[derive(Clone, Debug)]
pub struct NewTopic(create_topics::NewTopic);

impl NewTopic {
    /// A topic with the broker's default number of partitions and replicas.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        let name = name.into();
        Self(create_topics::NewTopic {
            name,
            partitions: None,
            replication_factor: None,
            configs: Vec::new(),
        })
    }

    /// Sets the number of partitions.
    #[must_use]
    pub fn with_partitions(mut self, partitions: i32) -> Self {
        self.0.partitions = Some(partitions);
        self
    }

    /// Sets the number of replicas of each partition.
    #[must_use]
    pub fn with_replication_factor(mut self, replicas: i16) -> Self {
        self.0.replication_factor = Some(replicas);
        self
    }

    /// Sets a topic configuration, such as `retention.ms`.
    #[must_use]
    pub fn with_config(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.configs.push((key.into(), value.into()));
        self
    }
}

/// A topic as one broker knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DescribedTopic {
    /// Its name.
    pub name: Arc<str>,
    /// Whether it is one of Kafka's own, such as `__consumer_offsets`.
    pub internal: bool,
    /// Its partitions, in ascending order.
    pub partitions: Vec<DescribedPartition>,
}

/// A partition as one broker knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DescribedPartition {
    /// Its number, from 0.
    pub partition: i32,
    /// Its leader; `None` while there is none.
    pub leader: Option<BrokerId>,
    /// How many brokers are to have a copy of it.
    pub replicas: usize,
    /// How many of them are up to date.
    pub in_sync: usize,
}

impl DescribedTopic {
    fn of(topic: Topic) -> Result<Self, Error> {
        if topic.error != ErrorCode::NONE {
            return Err(Error::broker(topic.error).in_api(MetadataRequest::API).about_topic(&topic.name));
        }
        let partition = |listed: &Partition| DescribedPartition {
            partition: listed.partition,
            leader: listed.leader,
            replicas: listed.replicas,
            in_sync: listed.in_sync,
        };
        let mut partitions: Vec<_> = topic.partitions.iter().map(partition).collect();
        partitions.sort_by_key(|partition| partition.partition);
        Ok(Self { name: topic.name, internal: topic.internal, partitions })
    }
}

/// The first topic that was asked for and is left out of an answer, or told without a partition, or without one of
/// them: no topic is so.
fn left_out<'a>(request: &'a MetadataRequest, response: &MetadataResponse) -> Option<&'a Arc<str>> {
    let is_told = |topic: &&Topic| topic.error != ErrorCode::NONE || topic.is_whole();
    let told: HashSet<&str> = response.topics.iter().filter(is_told).map(|topic| &*topic.name).collect();
    request.topics.iter().flatten().find(|name| !told.contains(&***name))
}

fn unknown(topic: &str) -> Error {
    Error::broker(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION).in_api(MetadataRequest::API).about_topic(topic)
}

impl Cluster {
    /// Tells of all topics that the asker may describe, in the order of their names. Others are
    /// left out without an error.
    ///
    /// # Errors
    /// What is wrong with the connections, if no broker answers within the deadline.
    ///
    /// # Cancel safety
    /// A dropped call loses the answer only.
    pub async fn list_topics(&self) -> Result<Vec<DescribedTopic>, Error> {
        self.described(MetadataRequest { topics: None }).await
    }

    /// Tells of some topics what one broker knows now: one that was made moments ago may be
    /// unknown to it. [`Cluster::partitions`] waits for such a one.
    ///
    /// # Errors
    /// The first refusal: `Broker` with `UNKNOWN_TOPIC_OR_PARTITION`,
    /// `TOPIC_AUTHORIZATION_FAILED` or others. A topic that an answer leaves out, or tells without a partition, is
    /// asked for again until the deadline, and unknown then.
    ///
    /// # Cancel safety
    /// A dropped call loses the answer only.
    pub async fn describe_topics(&self, topics: &[Arc<str>]) -> Result<Vec<DescribedTopic>, Error> {
        self.described(MetadataRequest { topics: Some(topics.to_vec()) }).await
    }

    async fn described(&self, request: MetadataRequest) -> Result<Vec<DescribedTopic>, Error> {
        let mut attempts = self.attempts(Repeat::Harmless);
        let response = loop {
            let response = self.ask_in(&mut attempts, &request).await?;
            let error = match left_out(&request, &response) {
                _ if response.error != ErrorCode::NONE => {
                    Error::broker(response.error).in_api(MetadataRequest::API)
                }
                _ if !request.is_answered_by(&response) => Error::other_than_asked(MetadataRequest::API),
                Some(topic) => unknown(topic),
                None => break response,
            };
            if is_rebootstrap(&error) {
                self.rebootstrap();
            }
            attempts.again(error).await?;
        };
        let mut topics: Vec<_> =
            response.topics.into_iter().map(DescribedTopic::of).collect::<Result<_, _>>()?;
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// Tells which partitions a topic has, in ascending order.
    ///
    /// # Errors
    /// `Broker` with `UNKNOWN_TOPIC_OR_PARTITION` or `TOPIC_AUTHORIZATION_FAILED`; a topic that
    /// stays unknown is asked for again until the deadline, since it may just have been made.
    ///
    /// # Cancel safety
    /// A dropped call loses the answer only.
    pub async fn partitions(&self, topic: impl Into<Arc<str>>) -> Result<Vec<TopicPartition>, Error> {
        let topic = topic.into();
        let mut attempts = self.attempts(Repeat::Harmless);
        self.want_in(&mut attempts, std::slice::from_ref(&topic)).await?;
        let partitions = loop {
            match self.topology(|topology| topology.partitions(&topic)) {
                Ok(partitions) if is_whole(&partitions) => break partitions.into_iter(),
                Ok(_) => attempts.after(unknown(&topic)).await?,
                Err(code) => {
                    let error = Error::broker(code).in_api(MetadataRequest::API).about_topic(&topic);
                    attempts.after(error).await?;
                }
            }
        };
        Ok(partitions.map(|partition| TopicPartition::new(Arc::clone(&topic), partition)).collect())
    }

    /// Makes topics.
    ///
    /// # Errors
    /// The first refusal: `Broker` with `TOPIC_ALREADY_EXISTS`, `CLUSTER_AUTHORIZATION_FAILED`,
    /// or others. Other topics of the call may have been made.
    ///
    /// # Cancel safety
    /// A dropped call may have made the topics.
    pub async fn create_topics(&self, topics: Vec<NewTopic>) -> Result<(), Error> {
        let topics: Vec<_> = topics.into_iter().map(|topic| topic.0).collect();
        let names: Vec<_> = topics.iter().map(|topic| Arc::clone(&topic.name)).collect();
        let request =
            CreateTopicsRequest { topics, timeout: self.broker_side_timeout(), validate_only: false };
        let response = self.ask(Repeat::Twice, &request).await?;
        outcomes::<CreateTopicsRequest>(&names, &response.topics)
    }

    /// Deletes topics, and all that is in them.
    ///
    /// # Errors
    /// The first refusal: `Broker` with `UNKNOWN_TOPIC_OR_PARTITION`,
    /// `TOPIC_AUTHORIZATION_FAILED`, or others. Other topics of the call may have been deleted.
    ///
    /// # Cancel safety
    /// A dropped call may have deleted the topics.
    pub async fn delete_topics(&self, topics: &[Arc<str>]) -> Result<(), Error> {
        let request = DeleteTopicsRequest { topics: topics.to_vec(), timeout: self.broker_side_timeout() };
        let response = self.ask(Repeat::Twice, &request).await?;
        outcomes::<DeleteTopicsRequest>(topics, &response.topics)
    }

    /// A broker that answers must do so before the client gives up.
    fn broker_side_timeout(&self) -> Duration {
        self.config().request_timeout() * 3 / 4
    }
}

/// Finds the first refusal. An answer that leaves out a topic, or is about others, says of none what became of it.
fn outcomes<R: Request>(asked: &[Arc<str>], topics: &[TopicOutcome]) -> Result<(), Error> {
    let told: HashSet<_> = topics.iter().map(|topic| &topic.name).collect();
    if told != asked.iter().collect() {
        return Err(Error::other_than_asked(R::API));
    }
    match topics.iter().find(|topic| topic.error != ErrorCode::NONE) {
        None => Ok(()),
        Some(refused) => Err(Error::broker(refused.error).in_api(R::API).about_topic(&refused.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn topics_are_not_made_by_an_answer_about_others() {
        let outcome =
            |name: &str| TopicOutcome { name: name.into(), error: ErrorCode::NONE, error_message: None };
        let asked: [Arc<str>; 2] = ["a".into(), "b".into()];
        let of = |names: &[&str]| {
            let told: Vec<_> = names.iter().map(|name| outcome(name)).collect();
            outcomes::<CreateTopicsRequest>(&asked, &told)
        };
        of(&["b", "a"]).unwrap();
        for wrong in [&[][..], &["a"], &["a", "a"], &["a", "c"], &["a", "b", "c"]] {
            let error = of(wrong).unwrap_err();
            assert!(error.kind() == ErrorKind::Protocol && error.possibly_written(), "{wrong:?}");
        }
    }
}
