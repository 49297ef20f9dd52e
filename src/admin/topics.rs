//! Topics: what partitions there are, create, delete.

use std::sync::Arc;
use std::time::Duration;

use crate::cluster::client::{Cluster, Repeat};
use crate::error::Error;
use crate::ids::TopicPartition;
use crate::wire::codec::Request;
use crate::wire::codec::create_topics::{self, CreateTopicsRequest, TopicOutcome};
use crate::wire::codec::delete_topics::DeleteTopicsRequest;
use crate::wire::codec::metadata::MetadataRequest;
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

impl Cluster {
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
        self.want(std::slice::from_ref(&topic)).await?;
        let mut attempts = self.attempts(Repeat::Harmless);
        let partitions = loop {
            match self.topology(|topology| topology.partitions(&topic)) {
                Ok(partitions) => break partitions.into_iter(),
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
        let topics = topics.into_iter().map(|topic| topic.0).collect();
        let request =
            CreateTopicsRequest { topics, timeout: self.broker_side_timeout(), validate_only: false };
        let response = self.ask(Repeat::Twice, &request).await?;
        outcomes::<CreateTopicsRequest>(&response.topics)
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
        outcomes::<DeleteTopicsRequest>(&response.topics)
    }

    /// A broker that answers must do so before the client gives up.
    fn broker_side_timeout(&self) -> Duration {
        self.config().request_timeout() * 3 / 4
    }
}

fn outcomes<R: Request>(topics: &[TopicOutcome]) -> Result<(), Error> {
    match topics.iter().find(|topic| topic.error != ErrorCode::NONE) {
        None => Ok(()),
        Some(refused) => Err(Error::broker(refused.error).in_api(R::API).about_topic(&refused.name)),
    }
}
