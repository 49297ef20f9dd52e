//! ExpireDelegationToken.

use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::{
    expire_delegation_token_request as request, expire_delegation_token_response as response,
};

use super::{Request, long_millis, read, shared, write};
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::wire::Error;
use crate::wire::api::ApiKey;
use crate::wire::error_code::ErrorCode;

/// What to do with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// Deletes it at once. Sessions that it opened live on until they end.
    Delete,
    /// Moves its expiry to so long from now, to which only the maximum lifetime is a bound: it can
    /// also lengthen its life.
    After(Duration),
}

/// Asks to end a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExpireDelegationTokenRequest {
    pub(crate) hmac: Secret,
    pub(crate) expiry: Expiry,
}

/// When the token expires, which is now for a deleted one, or why nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExpireDelegationTokenResponse {
    pub(crate) outcome: Result<Timestamp, ErrorCode>,
}

impl Request for ExpireDelegationTokenRequest {
    type Response = ExpireDelegationTokenResponse;

    const API: ApiKey = ApiKey::ExpireDelegationToken;
    const VERSIONS: RangeInclusive<i16> = 1..=2;

    fn encode(&self, version: i16, body: &mut Vec<u8>) -> Result<(), Error> {
        let message = request::ExpireDelegationTokenRequest::default()
            .with_hmac(shared(&self.hmac))
            .with_expiry_time_period_ms(match self.expiry {
                Expiry::Delete => -1,
                Expiry::After(period) => long_millis(period),
            });
        write(Self::API, version, &message, body)
    }

    fn decode(version: i16, body: Bytes) -> Result<ExpireDelegationTokenResponse, Error> {
        let message: response::ExpireDelegationTokenResponse = read(Self::API, version, body)?;
        let expires = Timestamp::from_millis(message.expiry_timestamp_ms);
        Ok(ExpireDelegationTokenResponse { outcome: ErrorCode(message.error_code).ok().map(|()| expires) })
    }
}
