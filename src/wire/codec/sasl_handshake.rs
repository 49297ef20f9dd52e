//! SaslHandshake: names the mechanism of the login that follows (KIP-43).

use std::ops::RangeInclusive;

use bytes::Bytes;
use kafka_protocol::messages::{sasl_handshake_request as request, sasl_handshake_response as response};

use super::{Request, read, text, write};
use crate::wire::Error;
use crate::wire::api::ApiKey;
use crate::wire::error_code::ErrorCode;

/// Asks to log in by one mechanism.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SaslHandshakeRequest {
    /// The mechanism, such as `SCRAM-SHA-512`.
    pub(crate) mechanism: String,
}

/// Tells whether the mechanism may be used, and which ones may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SaslHandshakeResponse {
    pub(crate) error: ErrorCode,
    /// The mechanisms of this listener. Empty when a re-authentication is refused (error 34).
    pub(crate) mechanisms: Vec<String>,
}

impl Request for SaslHandshakeRequest {
    type Response = SaslHandshakeResponse;

    const API: ApiKey = ApiKey::SaslHandshake;
    /// After version 0 the login would follow as bare tokens, without SaslAuthenticate.
    const VERSIONS: RangeInclusive<i16> = 1..=1;

    fn encode(&self, version: i16, body: &mut Vec<u8>) -> Result<(), Error> {
        let message = request::SaslHandshakeRequest::default().with_mechanism(text(&self.mechanism));
        write(Self::API, version, &message, body)
    }

    fn decode(version: i16, body: Bytes) -> Result<SaslHandshakeResponse, Error> {
        let message: response::SaslHandshakeResponse = read(Self::API, version, body)?;
        Ok(SaslHandshakeResponse {
            error: ErrorCode(message.error_code),
            mechanisms: message.mechanisms.iter().map(|name| name.to_string()).collect(),
        })
    }
}
