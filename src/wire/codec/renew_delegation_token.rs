//! RenewDelegationToken.

use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::{
    renew_delegation_token_request as request, renew_delegation_token_response as response,
};

use super::{Request, period, read, shared, write};
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::wire::Error;
use crate::wire::api::ApiKey;
use crate::wire::error_code::ErrorCode;

/// Asks to move the expiry of a token to a period from now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RenewDelegationTokenRequest {
    pub(crate) hmac: Secret,
    /// `None` is the broker's `delegation.token.expiry.time.ms`, to which it also cuts anything
    /// longer. A period that is shorter than what is left **shortens** the life of the token.
    pub(crate) period: Option<Duration>,
}

/// When the token now expires, or why it was not renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RenewDelegationTokenResponse {
    pub(crate) outcome: Result<Timestamp, ErrorCode>,
}

impl Request for RenewDelegationTokenRequest {
    type Response = RenewDelegationTokenResponse;

    const API: ApiKey = ApiKey::RenewDelegationToken;
    const VERSIONS: RangeInclusive<i16> = 1..=2;

    fn encode(&self, version: i16, body: &mut Vec<u8>) -> Result<(), Error> {
        let message = request::RenewDelegationTokenRequest::default()
            .with_hmac(shared(&self.hmac))
            .with_renew_period_ms(period(self.period));
        write(Self::API, version, &message, body)
    }

    fn decode(version: i16, body: Bytes) -> Result<RenewDelegationTokenResponse, Error> {
        let message: response::RenewDelegationTokenResponse = read(Self::API, version, body)?;
        let expires = Timestamp::from_millis(message.expiry_timestamp_ms);
        Ok(RenewDelegationTokenResponse { outcome: ErrorCode(message.error_code).ok().map(|()| expires) })
    }
}
