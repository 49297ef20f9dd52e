//! DeleteTopics, by name.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::{
    TopicName, delete_topics_request as request, delete_topics_response as response,
};

use super::create_topics::TopicOutcome;
use super::{Request, millis, read, text, write};
use crate::wire::Error;
use crate::wire::api::ApiKey;
use crate::wire::error_code::ErrorCode;

/// Asks to delete topics. Each of them succeeds or fails for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeleteTopicsRequest {
    pub(crate) topics: Vec<Arc<str>>,
    /// How long the broker waits for the topics to be gone before it answers.
    pub(crate) timeout: Duration,
}

/// What became of each topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeleteTopicsResponse {
    pub(crate) topics: Vec<TopicOutcome>,
}

impl Request for DeleteTopicsRequest {
    type Response = DeleteTopicsResponse;

    const API: ApiKey = ApiKey::DeleteTopics;
    /// From version 6 on topics also go by id.
    const VERSIONS: RangeInclusive<i16> = 4..=5;

    fn encode(&self, version: i16, body: &mut Vec<u8>) -> Result<(), Error> {
        let names = self.topics.iter().map(|name| TopicName(text(name))).collect();
        let message = request::DeleteTopicsRequest::default()
            .with_topic_names(names)
            .with_timeout_ms(millis(self.timeout));
        write(Self::API, version, &message, body)
    }

    fn decode(version: i16, body: Bytes) -> Result<DeleteTopicsResponse, Error> {
        let message: response::DeleteTopicsResponse = read(Self::API, version, body)?;
        let mut topics = Vec::with_capacity(message.responses.len());
        for topic in message.responses {
            let name = topic.name.ok_or(Error::Malformed { api: Self::API, version })?;
            topics.push(TopicOutcome {
                name: Arc::from(name.as_str()),
                error: ErrorCode(topic.error_code),
                error_message: topic.error_message.map(|words| words.to_string()),
            });
        }
        Ok(DeleteTopicsResponse { topics })
    }
}
