//! The APIs of the brokers, one file each, and how a request finds its file.

mod api_00_produce;
mod api_01_fetch;
mod api_02_list_offsets;
mod api_03_metadata;
mod api_08_offset_commit;
mod api_09_offset_fetch;
mod api_10_find_coordinator;
mod api_17_sasl_handshake;
mod api_18_api_versions;
mod api_19_create_topics;
mod api_20_delete_topics;
mod api_22_init_producer_id;
mod api_23_offset_for_leader_epoch;
mod api_36_sasl_authenticate;
mod api_38_create_delegation_token;
mod api_39_renew_delegation_token;
mod api_40_expire_delegation_token;
mod api_41_describe_delegation_token;
mod call;
mod held;
#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, ResponseHeader, TopicName};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request};
use tokio::time::Instant;

pub(crate) use api_36_sasl_authenticate::answer_raw;
pub(crate) use call::Call;
pub(crate) use held::Held;

use crate::shape::{Shape, check_header};

/// An API: the shape of its requests, and its rules.
pub(crate) trait Api {
    type Request: Request;
    const SHAPE: Shape;
    fn answer(request: Self::Request, call: &mut Call<'_>) -> Answer<<Self::Request as Request>::Response>;
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Answer<R> {
    Reply(R),
    /// The client wants no reply.
    Silence,
    /// The request waits until something is written, or until then.
    Later(Instant),
    /// After so long the reply goes out, and the connection is closed.
    Last(Duration, R),
    /// After so long the connection is closed without a reply.
    Close(Duration),
}

impl<R> Answer<R> {
    pub(crate) fn map<T>(self, f: impl FnOnce(R) -> Option<T>) -> Answer<T> {
        match self {
            Self::Reply(reply) => f(reply).map_or(Answer::Close(Duration::ZERO), Answer::Reply),
            Self::Last(delay, reply) => {
                f(reply).map_or(Answer::Close(Duration::ZERO), |reply| Answer::Last(delay, reply))
            }
            Self::Silence => Answer::Silence,
            Self::Later(until) => Answer::Later(until),
            Self::Close(delay) => Answer::Close(delay),
        }
    }
}

/// A request whose header was read.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    pub(crate) key: ApiKey,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    pub(crate) client_id: String,
    body: Bytes,
}

impl Incoming {
    /// Reads a request header. None if no broker could: the connection is to be closed.
    pub(crate) fn parse(mut frame: Bytes) -> Option<Self> {
        let key = i16::from_be_bytes(*frame.first_chunk()?);
        let version = i16::from_be_bytes(*frame.get(2..)?.first_chunk()?);
        let correlation_id = i32::from_be_bytes(*frame.get(4..)?.first_chunk()?);
        let key = ApiKey::try_from(key).ok()?;
        let header_version = key.request_header_version(version);
        let length = check_header(header_version, &frame).ok()?;
        let header = RequestHeader::decode(&mut frame.split_to(length), header_version).ok()?;
        let client_id = header.client_id.map(|id| id.to_string()).unwrap_or_default();
        Some(Self { key, version, correlation_id, client_id, body: frame })
    }

    /// Whether a fetch that waits may have more to read after this.
    pub(crate) fn may_write(&self) -> bool {
        matches!(self.key, ApiKey::Produce | ApiKey::CreateTopics | ApiKey::DeleteTopics)
    }
}

/// Answers a request that was admitted, with a whole frame.
pub(crate) fn answer(incoming: &Incoming, call: &mut Call<'_>) -> Answer<BytesMut> {
    let Some(offer) = call.state.settings.offer(incoming.key) else {
        return Answer::Close(Duration::ZERO);
    };
    if incoming.key == ApiKey::ApiVersions && incoming.version > offer.max {
        let reply = api_18_api_versions::unsupported(call);
        return Answer::Reply(reply).map(|reply| encode(&reply, incoming.correlation_id, 0));
    }
    if incoming.version > offer.max || incoming.version < offer.min.max(offer.decoded_from) {
        return Answer::Close(Duration::ZERO);
    }
    match incoming.key {
        ApiKey::Produce => run::<api_00_produce::Produce>(incoming, call),
        ApiKey::Fetch => run::<api_01_fetch::Fetch>(incoming, call),
        ApiKey::ListOffsets => run::<api_02_list_offsets::ListOffsets>(incoming, call),
        ApiKey::Metadata => run::<api_03_metadata::Metadata>(incoming, call),
        ApiKey::OffsetCommit => run::<api_08_offset_commit::OffsetCommit>(incoming, call),
        ApiKey::OffsetFetch => run::<api_09_offset_fetch::OffsetFetch>(incoming, call),
        ApiKey::FindCoordinator => run::<api_10_find_coordinator::FindCoordinator>(incoming, call),
        ApiKey::SaslHandshake => run::<api_17_sasl_handshake::SaslHandshake>(incoming, call),
        ApiKey::ApiVersions => run::<api_18_api_versions::ApiVersions>(incoming, call),
        ApiKey::CreateTopics => run::<api_19_create_topics::CreateTopics>(incoming, call),
        ApiKey::DeleteTopics => run::<api_20_delete_topics::DeleteTopics>(incoming, call),
        ApiKey::InitProducerId => run::<api_22_init_producer_id::InitProducerId>(incoming, call),
        ApiKey::OffsetForLeaderEpoch => {
            run::<api_23_offset_for_leader_epoch::OffsetForLeaderEpoch>(incoming, call)
        }
        ApiKey::SaslAuthenticate => run::<api_36_sasl_authenticate::SaslAuthenticate>(incoming, call),
        ApiKey::CreateDelegationToken => run::<api_38_create_delegation_token::CreateToken>(incoming, call),
        ApiKey::RenewDelegationToken => run::<api_39_renew_delegation_token::RenewToken>(incoming, call),
        ApiKey::ExpireDelegationToken => run::<api_40_expire_delegation_token::ExpireToken>(incoming, call),
        ApiKey::DescribeDelegationToken => {
            run::<api_41_describe_delegation_token::DescribeTokens>(incoming, call)
        }
        _ => Answer::Close(Duration::ZERO),
    }
}

fn run<A: Api>(incoming: &Incoming, call: &mut Call<'_>) -> Answer<BytesMut> {
    let version = incoming.version;
    if A::SHAPE.check(version, &incoming.body).is_err() {
        return Answer::Close(Duration::ZERO);
    }
    let Ok(request) = A::Request::decode(&mut incoming.body.clone(), version) else {
        return Answer::Close(Duration::ZERO);
    };
    A::answer(request, call).map(|reply| encode(&reply, incoming.correlation_id, version))
}

fn encode<R: Encodable + HeaderVersion>(reply: &R, correlation_id: i32, version: i16) -> Option<BytesMut> {
    let mut frame = BytesMut::with_capacity(reply.compute_size(version).ok()?.saturating_add(16));
    frame.put_i32(0);
    ResponseHeader::default()
        .with_correlation_id(correlation_id)
        .encode(&mut frame, R::header_version(version))
        .ok()?;
    reply.encode(&mut frame, version).ok()?;
    let length = i32::try_from(frame.len().saturating_sub(4)).ok()?;
    if let Some(prefix) = frame.first_chunk_mut() {
        *prefix = length.to_be_bytes();
    }
    Some(frame)
}

fn topic(name: String) -> TopicName {
    TopicName(name.into())
}
