//! CreateTopics.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::{
    TopicName, create_topics_request as request, create_topics_response as response,
};

use super::{Request, millis, read, text, write};
use crate::wire::Error;
use crate::wire::api::ApiKey;
use crate::wire::error_code::ErrorCode;

/// Asks to create topics. Each of them succeeds or fails for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CreateTopicsRequest {
    pub(crate) topics: Vec<NewTopic>,
    /// How long the broker waits for the topics to be there before it answers.
    pub(crate) timeout: Duration,
    /// Only checks whether the topics could be created.
    pub(crate) validate_only: bool,
}

/// A topic to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewTopic {
    pub(crate) name: Arc<str>,
    /// `None` is the broker's default.
    pub(crate) partitions: Option<i32>,
    /// `None` is the broker's default.
    pub(crate) replication_factor: Option<i16>,
    /// Names and values of topic settings, such as `retention.ms`.
    pub(crate) configs: Vec<(String, String)>,
}

/// What became of each topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CreateTopicsResponse {
    pub(crate) topics: Vec<TopicOutcome>,
}

/// What became of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicOutcome {
    pub(crate) name: Arc<str>,
    pub(crate) error: ErrorCode,
    /// The broker's own words on an error.
    pub(crate) error_message: Option<String>,
}

impl Request for CreateTopicsRequest {
    type Response = CreateTopicsResponse;

    const API: ApiKey = ApiKey::CreateTopics;
    /// Version 4 brought the broker's defaults (KIP-464).
    const VERSIONS: RangeInclusive<i16> = 4..=7;

    fn encode(&self, version: i16, body: &mut Vec<u8>) -> Result<(), Error> {
        let config = |(name, value): &(String, String)| {
            request::CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)))
        };
        let topic = |new: &NewTopic| {
            request::CreatableTopic::default()
                .with_name(TopicName(text(&new.name)))
                .with_num_partitions(new.partitions.unwrap_or(-1))
                .with_replication_factor(new.replication_factor.unwrap_or(-1))
                .with_configs(new.configs.iter().map(config).collect())
        };
        let message = request::CreateTopicsRequest::default()
            .with_topics(self.topics.iter().map(topic).collect())
            .with_timeout_ms(millis(self.timeout))
            .with_validate_only(self.validate_only);
        write(Self::API, version, &message, body)
    }

    fn decode(version: i16, body: Bytes) -> Result<CreateTopicsResponse, Error> {
        let message: response::CreateTopicsResponse = read(Self::API, version, body)?;
        let outcome = |topic: response::CreatableTopicResult| TopicOutcome {
            name: Arc::from(topic.name.as_str()),
            error: ErrorCode(topic.error_code),
            error_message: topic.error_message.map(|words| words.to_string()),
        };
        Ok(CreateTopicsResponse { topics: message.topics.into_iter().map(outcome).collect() })
    }
}
