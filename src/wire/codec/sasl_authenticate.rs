//! SaslAuthenticate: carries one message of a login each way (KIP-152, KIP-368).

use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::{
    sasl_authenticate_request as request, sasl_authenticate_response as response,
};

use super::{Request, duration, read, shared, write};
use crate::secret::Secret;
use crate::wire::Error;
use crate::wire::api::ApiKey;
use crate::wire::error_code::ErrorCode;

/// A message of the mechanism to the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SaslAuthenticateRequest {
    pub(crate) auth_bytes: Secret,
}

/// The broker's message of the mechanism, or its refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SaslAuthenticateResponse {
    pub(crate) error: ErrorCode,
    /// The broker's own words on an error. They are never more precise than "invalid credentials".
    pub(crate) error_message: Option<String>,
    pub(crate) auth_bytes: Secret,
    /// After this time the broker serves nothing but a new login. Zero is no limit for a password
    /// and a dead token for a token.
    pub(crate) session_lifetime: Duration,
}

impl Request for SaslAuthenticateRequest {
    type Response = SaslAuthenticateResponse;

    const API: ApiKey = ApiKey::SaslAuthenticate;
    /// Version 0 hides the session's lifetime: the broker would close the connection at an end that
    /// the client does not know, and a token that has expired would look like one without end.
    const VERSIONS: RangeInclusive<i16> = 1..=2;

    fn encode(&self, version: i16, body: &mut Vec<u8>) -> Result<(), Error> {
        let message = request::SaslAuthenticateRequest::default().with_auth_bytes(shared(&self.auth_bytes));
        write(Self::API, version, &message, body)
    }

    fn decode(version: i16, body: Bytes) -> Result<SaslAuthenticateResponse, Error> {
        let message: response::SaslAuthenticateResponse = read(Self::API, version, body)?;
        Ok(SaslAuthenticateResponse {
            error: ErrorCode(message.error_code),
            error_message: message.error_message.map(|text| text.to_string()),
            auth_bytes: Secret::new(message.auth_bytes.to_vec()),
            session_lifetime: duration(message.session_lifetime_ms),
        })
    }
}
