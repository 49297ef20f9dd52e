//! ExpireDelegationToken, versions 1 and 2.
//!
//! - In this order: 64, 61, 35, 62 for an HMAC that the controller does not know (yet), 63 for anybody
//!   but the owner and the listed renewers, 66 for a token that is over.
//! - A negative period deletes the token now, even if it is over. Otherwise the token ends after the
//!   period, which may be later than before and than `delegation.token.expiry.time.ms`, but not later
//!   than its maximum; with 0 it is over and stays until the sweep.
//! - Live sessions of the token go on until their end.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ExpireDelegationTokenRequest, ExpireDelegationTokenResponse};

use super::{Answer, Api, Call};
use crate::shape::{BLOB, INT64, Shape, shape};

pub(super) struct ExpireToken;

impl Api for ExpireToken {
    type Request = ExpireDelegationTokenRequest;
    const SHAPE: Shape = shape(2, &[BLOB, INT64]);

    fn answer(
        request: ExpireDelegationTokenRequest,
        call: &mut Call<'_>,
    ) -> Answer<ExpireDelegationTokenResponse> {
        let response = ExpireDelegationTokenResponse::default().with_throttle_time_ms(call.throttle());
        Answer::Reply(match expire(&request, call) {
            Ok(expires) => response.with_expiry_timestamp_ms(expires),
            Err(code) => response.with_error_code(code).with_expiry_timestamp_ms(-1),
        })
    }
}

fn expire(request: &ExpireDelegationTokenRequest, call: &mut Call<'_>) -> Result<i64, i16> {
    if let Some(code) = call.refusal() {
        return Err(code);
    }
    if !call.session.may_use_tokens() {
        return Err(ResponseError::DelegationTokenRequestNotAllowed.code());
    }
    let who = call.session.principal();
    call.state
        .tokens
        .expire(call.now, &who, &request.hmac, request.expiry_time_period_ms)
        .map_err(|error| error.code())
}
