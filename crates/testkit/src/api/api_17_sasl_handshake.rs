//! SaslHandshake, versions 0 and 1.
//!
//! - On a listener without SASL, and on a session that may not re-authenticate (no end, or less than
//!   a second after the last time): 34 without mechanisms, and the connection stays usable.
//! - A mechanism that is not enabled: 33 with those that are, then the connection is closed.
//! - Re-authentication with another mechanism is answered 0; the next message closes the connection.
//! - After version 0 the mechanism's messages come as bare frames, after version 1 in
//!   SaslAuthenticate.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{SaslHandshakeRequest, SaslHandshakeResponse};

use super::{Answer, Api, Call};
use crate::serve::{Exchange, Phase, Step};
use crate::shape::{Shape, TEXT, shape};

pub(super) struct SaslHandshake;

impl Api for SaslHandshake {
    type Request = SaslHandshakeRequest;
    const SHAPE: Shape = shape(i16::MAX, &[TEXT]);

    fn answer(request: SaslHandshakeRequest, call: &mut Call<'_>) -> Answer<SaslHandshakeResponse> {
        let response = SaslHandshakeResponse::default();
        if let Some(code) = call.refusal() {
            return Answer::Reply(response.with_error_code(code));
        }
        if !matches!(call.session.phase, Phase::ExpectHandshake) {
            return Answer::Reply(response.with_error_code(ResponseError::IllegalSaslState.code()));
        }
        let enabled = &call.state.settings.mechanisms;
        let names = enabled.iter().map(|mechanism| mechanism.name().into()).collect();
        let response = response.with_mechanisms(names);
        let Some(&mechanism) = enabled.iter().find(|mechanism| mechanism.name() == &*request.mechanism)
        else {
            call.state.counters.failed_logins += 1;
            return Answer::Last(
                call.state.settings.failure_delay,
                response.with_error_code(ResponseError::UnsupportedSaslMechanism.code()),
            );
        };
        let before = call.session.login.as_ref().and_then(|login| login.mechanism);
        call.session.phase = if before.is_some_and(|before| before != mechanism) {
            Phase::WrongMechanism
        } else {
            Phase::ExpectMessage(Exchange { mechanism, raw: call.version == 0, step: Step::First })
        };
        Answer::Reply(response)
    }
}
