//! Responses of a broker, by the number of their API.

use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;

use crate::wire::Error;
use crate::wire::api::ApiKey;
use crate::wire::codec::api_versions::ApiVersionsRequest;
use crate::wire::codec::create_delegation_token::CreateDelegationTokenRequest;
use crate::wire::codec::create_topics::CreateTopicsRequest;
use crate::wire::codec::delete_topics::DeleteTopicsRequest;
use crate::wire::codec::describe_delegation_token::DescribeDelegationTokenRequest;
use crate::wire::codec::expire_delegation_token::ExpireDelegationTokenRequest;
use crate::wire::codec::fetch::FetchRequest;
use crate::wire::codec::init_producer_id::InitProducerIdRequest;
use crate::wire::codec::list_offsets::ListOffsetsRequest;
use crate::wire::codec::metadata::MetadataRequest;
use crate::wire::codec::offset_for_leader_epoch::OffsetForLeaderEpochRequest;
use crate::wire::codec::produce::ProduceRequest;
use crate::wire::codec::renew_delegation_token::RenewDelegationTokenRequest;
use crate::wire::codec::sasl_authenticate::SaslAuthenticateRequest;
use crate::wire::codec::sasl_handshake::SaslHandshakeRequest;
use crate::wire::codec::{self, Request};

/// One API as a pair of functions, without its types.
struct Decoder {
    versions: RangeInclusive<i16>,
    decode: fn(i16, Bytes) -> Result<(), Error>,
}

impl Decoder {
    fn of<R: Request>() -> Self {
        Self { versions: R::VERSIONS, decode: |version, frame| codec::decode::<R>(version, frame).map(drop) }
    }

    fn for_api(api: ApiKey) -> Self {
        match api {
            ApiKey::Produce => Self::of::<ProduceRequest>(),
            ApiKey::InitProducerId => Self::of::<InitProducerIdRequest>(),
            ApiKey::Fetch => Self::of::<FetchRequest>(),
            ApiKey::ListOffsets => Self::of::<ListOffsetsRequest>(),
            ApiKey::Metadata => Self::of::<MetadataRequest>(),
            ApiKey::SaslHandshake => Self::of::<SaslHandshakeRequest>(),
            ApiKey::ApiVersions => Self::of::<ApiVersionsRequest>(),
            ApiKey::CreateTopics => Self::of::<CreateTopicsRequest>(),
            ApiKey::DeleteTopics => Self::of::<DeleteTopicsRequest>(),
            ApiKey::OffsetForLeaderEpoch => Self::of::<OffsetForLeaderEpochRequest>(),
            ApiKey::SaslAuthenticate => Self::of::<SaslAuthenticateRequest>(),
            ApiKey::CreateDelegationToken => Self::of::<CreateDelegationTokenRequest>(),
            ApiKey::RenewDelegationToken => Self::of::<RenewDelegationTokenRequest>(),
            ApiKey::ExpireDelegationToken => Self::of::<ExpireDelegationTokenRequest>(),
            ApiKey::DescribeDelegationToken => Self::of::<DescribeDelegationTokenRequest>(),
        }
    }
}

/// Lists the numbers of the APIs that the client calls.
pub fn apis() -> Vec<i16> {
    ApiKey::ALL.map(ApiKey::code).to_vec()
}

/// Gives the versions of an API that the client speaks, none of an unknown API.
pub fn versions(api_code: i16) -> RangeInclusive<i16> {
    let none = RangeInclusive::new(0, -1);
    ApiKey::from_code(api_code).map_or(none, |api| Decoder::for_api(api).versions)
}

/// Decodes a response frame (all after the length) and drops what it says.
///
/// # Errors
///
/// Says in the words of the private error what is wrong with the frame, or that the client never
/// calls the API.
pub fn decode_response(api_code: i16, version: i16, frame: Bytes) -> Result<(), String> {
    let api = ApiKey::from_code(api_code).ok_or_else(|| "not an API of this client".to_owned())?;
    (Decoder::for_api(api).decode)(version, frame).map_err(|error| format!("{error:?}"))
}

/// Reads how long a response frame asks the client to wait.
pub fn throttle_time(api_code: i16, version: i16, frame: &[u8]) -> Duration {
    let read = |api| codec::throttle_time(api, version, frame);
    ApiKey::from_code(api_code).map_or(Duration::ZERO, read)
}

/// Decodes fuzzed bytes: the first chooses the API, the second the version, the rest is the frame.
pub fn fuzz_response(input: &[u8]) {
    let Some(([api, version], frame)) = input.split_first_chunk() else { return };
    let Some(api) = ApiKey::ALL.into_iter().cycle().nth(usize::from(*api)) else { return };
    let decoder = Decoder::for_api(api);
    let Some(version) = decoder.versions.cycle().nth(usize::from(*version)) else { return };
    let _ = codec::correlation_id(frame);
    let _ = codec::throttle_time(api, version, frame);
    let _ = (decoder.decode)(version, Bytes::copy_from_slice(frame));
}
