//! ApiVersions: which versions of which APIs the broker speaks (KIP-35, KIP-511).

use std::ops::RangeInclusive;

use bytes::Bytes;
use kafka_protocol::messages::{api_versions_request as request, api_versions_response as response};

use super::{Request, read, text, write};
use crate::wire::Error;
use crate::wire::api::ApiKey;
use crate::wire::error_code::ErrorCode;

/// Asks for the table of versions; tells the broker the name and version of this library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ApiVersionsRequest;

/// The versions of one API that a broker speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ApiVersionRange {
    /// Kafka's number of the API, which may be one that this client never calls.
    pub(crate) api_code: i16,
    pub(crate) min: i16,
    pub(crate) max: i16,
}

/// What a broker speaks. With error 35 it lists at most the range of ApiVersions itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiVersionsResponse {
    pub(crate) error: ErrorCode,
    pub(crate) ranges: Vec<ApiVersionRange>,
}

impl Request for ApiVersionsRequest {
    type Response = ApiVersionsResponse;

    const API: ApiKey = ApiKey::ApiVersions;
    const VERSIONS: RangeInclusive<i16> = 0..=4;

    fn encode(&self, version: i16, body: &mut Vec<u8>) -> Result<(), Error> {
        let mut message = request::ApiVersionsRequest::default();
        if version >= 3 {
            message = message
                .with_client_software_name(text("ottla"))
                .with_client_software_version(text(env!("CARGO_PKG_VERSION")));
        }
        write(Self::API, version, &message, body)
    }

    fn decode(version: i16, body: Bytes) -> Result<ApiVersionsResponse, Error> {
        let message: response::ApiVersionsResponse = read(Self::API, version, body)?;
        let range = |listed: &response::ApiVersion| ApiVersionRange {
            api_code: listed.api_key,
            min: listed.min_version,
            max: listed.max_version,
        };
        Ok(ApiVersionsResponse {
            error: ErrorCode(message.error_code),
            ranges: message.api_keys.iter().map(range).collect(),
        })
    }

    /// A broker that does not know the version of the request answers in version 0.
    fn answered_in(version: i16, body: &[u8]) -> i16 {
        match body.first_chunk() {
            Some(code) if ErrorCode(i16::from_be_bytes(*code)) == ErrorCode::UNSUPPORTED_VERSION => 0,
            _ => version,
        }
    }
}
