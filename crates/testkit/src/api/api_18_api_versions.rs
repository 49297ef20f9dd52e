//! ApiVersions, versions 0 to 4.
//!
//! - Answered in full before a login, too, but not in the midst of one.
//! - A version that is too new is answered in the format of version 0: 35, and the range of this API
//!   (KIP-511).
//! - From version 3 on a software name or version that is empty or has odd characters gets 42.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, ApiVersionsResponse};

use super::{Answer, Api, Call};
use crate::shape::{Shape, TEXT, shape};
use crate::version::Offer;

pub(super) struct ApiVersions;

impl Api for ApiVersions {
    type Request = ApiVersionsRequest;
    const SHAPE: Shape = shape(3, &[TEXT.since(3), TEXT.since(3)]);

    fn answer(request: ApiVersionsRequest, call: &mut Call<'_>) -> Answer<ApiVersionsResponse> {
        let response = ApiVersionsResponse::default()
            .with_throttle_time_ms(call.throttle())
            .with_finalized_features_epoch(-1);
        let software = [&request.client_software_name, &request.client_software_version];
        let odd = call.version >= 3 && !software.iter().all(|name| is_software(name));
        let odd = odd.then_some(ResponseError::InvalidRequest.code());
        if let Some(code) = call.refusal().or(odd) {
            return Answer::Reply(response.with_error_code(code));
        }
        let offers = call.state.settings.offers().map(wire).collect();
        Answer::Reply(response.with_api_keys(offers))
    }
}

/// The answer to a version that the broker does not know.
pub(super) fn unsupported(call: &Call<'_>) -> ApiVersionsResponse {
    let own = call.state.settings.offer(ApiKey::ApiVersions).map(wire);
    ApiVersionsResponse::default()
        .with_error_code(ResponseError::UnsupportedVersion.code())
        .with_api_keys(own.into_iter().collect())
}

fn wire(offer: Offer) -> ApiVersion {
    ApiVersion::default()
        .with_api_key(offer.key as i16)
        .with_min_version(offer.min)
        .with_max_version(offer.max)
}

/// Letters and digits, with dots and dashes in between.
fn is_software(name: &str) -> bool {
    let inside = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    let ends = [name.bytes().next(), name.bytes().last()];
    ends.iter().all(|end| end.is_some_and(|b| b.is_ascii_alphanumeric())) && name.bytes().all(inside)
}
