//! InitProducerId, versions 0 to 5.
//!
//! - Without a transactional id: a new id with epoch 0, from any broker, whatever id the request names.
//! - With one: the same id with the next epoch, from the coordinator only, else 16; 42 for an empty
//!   id; 50 for a timeout that is not between 1 ms and 15 minutes.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};

use super::{Answer, Api, Call};
use crate::shape::{INT16, INT32, INT64, Shape, TEXT, shape};

const MAX_TRANSACTION_TIMEOUT: i32 = 900_000;

pub(super) struct InitProducerId;

impl Api for InitProducerId {
    type Request = InitProducerIdRequest;
    const SHAPE: Shape = shape(2, &[TEXT, INT32, INT64.since(3), INT16.since(3)]);

    fn answer(request: InitProducerIdRequest, call: &mut Call<'_>) -> Answer<InitProducerIdResponse> {
        let response = InitProducerIdResponse::default().with_throttle_time_ms(call.throttle());
        Answer::Reply(match allot(&request, call) {
            Ok((id, epoch)) => response.with_producer_id(id.into()).with_producer_epoch(epoch),
            Err(code) => response.with_error_code(code).with_producer_id((-1).into()).with_producer_epoch(-1),
        })
    }
}

fn allot(request: &InitProducerIdRequest, call: &mut Call<'_>) -> Result<(i64, i16), i16> {
    if let Some(code) = call.refusal() {
        return Err(code);
    }
    let Some(transactional_id) = &request.transactional_id else {
        return Ok((call.state.producer_ids.allot(), 0));
    };
    if transactional_id.is_empty() {
        return Err(ResponseError::InvalidRequest.code());
    }
    if !(1..=MAX_TRANSACTION_TIMEOUT).contains(&request.transaction_timeout_ms) {
        return Err(ResponseError::InvalidTransactionTimeout.code());
    }
    if call.state.coordinator(transactional_id) != Some(call.broker) {
        return Err(ResponseError::NotCoordinator.code());
    }
    Ok(call.state.producer_ids.allot_for(transactional_id))
}
