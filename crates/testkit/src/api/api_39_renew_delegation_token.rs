//! RenewDelegationToken, versions 1 and 2.
//!
//! - In this order: 64, 61, 35, 62 for an HMAC that the controller does not know (yet), 66 for a token
//!   that is over, 63 for anybody but the owner and the listed renewers.
//! - The new end is now + min(period, `delegation.token.expiry.time.ms`), at the latest the token's
//!   maximum: it may lie before the old one. A period of 0 or less is the default.
//! - A renewal changes the token's salts on every broker, as the brokers learn it.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{RenewDelegationTokenRequest, RenewDelegationTokenResponse};

use super::{Answer, Api, Call};
use crate::shape::{BLOB, INT64, Shape, shape};

pub(super) struct RenewToken;

impl Api for RenewToken {
    type Request = RenewDelegationTokenRequest;
    const SHAPE: Shape = shape(2, &[BLOB, INT64]);

    fn answer(
        request: RenewDelegationTokenRequest,
        call: &mut Call<'_>,
    ) -> Answer<RenewDelegationTokenResponse> {
        let response = RenewDelegationTokenResponse::default().with_throttle_time_ms(call.throttle());
        Answer::Reply(match renew(&request, call) {
            Ok(expires) => response.with_expiry_timestamp_ms(expires),
            Err(code) => response.with_error_code(code).with_expiry_timestamp_ms(-1),
        })
    }
}

fn renew(request: &RenewDelegationTokenRequest, call: &mut Call<'_>) -> Result<i64, i16> {
    if let Some(code) = call.refusal() {
        return Err(code);
    }
    if !call.session.may_use_tokens() {
        return Err(ResponseError::DelegationTokenRequestNotAllowed.code());
    }
    let who = call.session.principal();
    let expires = call
        .state
        .tokens
        .renew(call.now, &who, &request.hmac, request.renew_period_ms)
        .map_err(|error| error.code())?;
    call.state.counters.tokens_renewed += 1;
    Ok(expires)
}
