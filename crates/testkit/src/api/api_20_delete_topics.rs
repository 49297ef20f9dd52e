//! DeleteTopics, versions 1 to 6: by name, and in version 6 by id.
//!
//! - 3 for an unknown name, 100 for an unknown id. The log is gone at once; a topic made anew with
//!   the same name has another id and starts at offset 0.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse};

use super::{Answer, Api, Call};
use crate::shape::{INT32, Shape, TEXT, TEXTS, UUID, list, shape};

pub(super) struct DeleteTopics;

impl Api for DeleteTopics {
    type Request = DeleteTopicsRequest;
    const SHAPE: Shape = shape(4, &[list(&[TEXT, UUID]).since(6), TEXTS.until(5), INT32]);

    fn answer(request: DeleteTopicsRequest, call: &mut Call<'_>) -> Answer<DeleteTopicsResponse> {
        let by_name =
            request.topic_names.into_iter().map(|name| DeleteTopicState::default().with_name(Some(name)));
        let results = by_name.chain(request.topics).map(|topic| delete(topic, call)).collect();
        Answer::Reply(
            DeleteTopicsResponse::default().with_throttle_time_ms(call.throttle()).with_responses(results),
        )
    }
}

fn delete(topic: DeleteTopicState, call: &mut Call<'_>) -> DeletableTopicResult {
    let result = DeletableTopicResult::default().with_topic_id(topic.topic_id).with_name(topic.name.clone());
    if let Some(code) = call.refusal_before() {
        return result.with_error_code(code);
    }
    let name = match topic.name {
        Some(name) => name.to_string(),
        None => match call.state.topics.name_of(topic.topic_id) {
            Some(name) => name.to_owned(),
            None => return result.with_error_code(ResponseError::UnknownTopicId.code()),
        },
    };
    let id = call.state.topics.by_name(&name).map(|topic| topic.id).unwrap_or_default();
    if !call.state.topics.remove(&name) {
        return result.with_error_code(ResponseError::UnknownTopicOrPartition.code());
    }
    let code = call.refusal_after().unwrap_or(0);
    result.with_topic_id(id).with_name(Some(super::topic(name))).with_error_code(code)
}
