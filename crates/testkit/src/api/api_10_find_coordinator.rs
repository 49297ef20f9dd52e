//! FindCoordinator, versions 0 to 6.
//!
//! - Groups (key type 0) and transactional ids (1) have a coordinator each; other types get 42.
//! - 15 while no broker runs.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_protocol::protocol::StrBytes;

use super::{Answer, Api, Call};
use crate::shape::{BYTE, Shape, TEXT, TEXTS, shape};

pub(super) struct FindCoordinator;

impl Api for FindCoordinator {
    type Request = FindCoordinatorRequest;
    const SHAPE: Shape = shape(3, &[TEXT.until(3), BYTE.since(1), TEXTS.since(4)]);

    fn answer(request: FindCoordinatorRequest, call: &mut Call<'_>) -> Answer<FindCoordinatorResponse> {
        let response = FindCoordinatorResponse::default().with_throttle_time_ms(call.throttle());
        if call.version >= 4 {
            let found = request.coordinator_keys.into_iter().map(|key| find(key, request.key_type, call));
            return Answer::Reply(response.with_coordinators(found.collect()));
        }
        let found = find(request.key, request.key_type, call);
        Answer::Reply(
            response
                .with_error_code(found.error_code)
                .with_error_message(found.error_message)
                .with_node_id(found.node_id)
                .with_host(found.host)
                .with_port(found.port),
        )
    }
}

fn find(key: StrBytes, key_type: i8, call: &Call<'_>) -> Coordinator {
    let broker = call.state.coordinator(&key);
    let refused = Coordinator::default().with_key(key.clone()).with_node_id((-1).into()).with_port(-1);
    if let Some(code) = call.refusal() {
        return refused.with_error_code(code);
    }
    if !matches!(key_type, 0 | 1) {
        return refused.with_error_code(ResponseError::InvalidRequest.code());
    }
    let Some(broker) = broker else {
        return refused.with_error_code(ResponseError::CoordinatorNotAvailable.code());
    };
    let (host, port) = call.address(broker);
    Coordinator::default().with_key(key).with_node_id(broker.wire()).with_host(host.into()).with_port(port)
}
