//! Requests and responses as plain types, and their bytes.
//!
//! One file an API. Kafka's generated types stay inside these files: their `Debug` prints HMACs
//! and SASL messages, and some of their defaults ask for nothing instead of everything.
//!
//! ```text
//! request ── encode ──► Encoded { length, header, body }            (the session numbers it)
//! frame ──► correlation_id, throttle_time
//!       └─► decode: header ─► guard ─► generated decoder ─► nothing left ─► response
//! ```

pub(crate) mod api_versions;
pub(crate) mod create_delegation_token;
pub(crate) mod create_topics;
pub(crate) mod delete_topics;
pub(crate) mod describe_delegation_token;
pub(crate) mod expire_delegation_token;
pub(crate) mod fetch;
pub(crate) mod init_producer_id;
pub(crate) mod list_offsets;
pub(crate) mod metadata;
pub(crate) mod offset_for_leader_epoch;
pub(crate) mod produce;
pub(crate) mod renew_delegation_token;
pub(crate) mod sasl_authenticate;
pub(crate) mod sasl_handshake;
mod shapes;
mod throttle;
pub(crate) mod token;

use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::{ApiKey as Schema, RequestHeader};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use zeroize::Zeroizing;

pub(crate) use self::throttle::throttle_time;
use super::Error;
use super::api::ApiKey;
use super::encoded::Encoded;
use super::guard::{self, Flaw};
use crate::ids::CorrelationId;
use crate::secret::Secret;

/// One API as this client speaks it.
pub(crate) trait Request {
    /// What the broker answers.
    type Response;

    /// The API.
    const API: ApiKey;

    /// The versions that both functions below know.
    const VERSIONS: RangeInclusive<i16>;

    /// The highest version that can say what this request asks for.
    fn highest_version(&self) -> i16 {
        *Self::VERSIONS.end()
    }

    /// Appends the body in `version`, in one growth of `body`: a secret in it is never left
    /// behind in a smaller buffer.
    fn encode(&self, version: i16, body: &mut Vec<u8>) -> Result<(), Error>;

    /// Appends the body as [`encode`](Self::encode) does, but leaves in `tail` what need not be
    /// copied.
    fn encode_parts(&self, version: i16, head: &mut Vec<u8>, _tail: &mut Vec<Bytes>) -> Result<(), Error> {
        self.encode(version, head)
    }

    /// Reads a body that the guard has let through. Whoever awaits a response calls the function
    /// [`decode`] instead.
    fn decode(version: i16, body: Bytes) -> Result<Self::Response, Error>;

    /// The version in which `body` answers a request in `version`.
    fn answered_in(version: i16, _body: &[u8]) -> i16 {
        version
    }
}

/// Makes a whole request frame; its correlation id is 0 until a session numbers it.
pub(crate) fn encode<R: Request>(request: &R, version: i16, client_id: &str) -> Result<Encoded, Error> {
    let unencodable = Error::Unencodable { api: R::API, version };
    if !R::VERSIONS.contains(&version) {
        return Err(unencodable);
    }
    let header = RequestHeader::default()
        .with_request_api_key(R::API.code())
        .with_request_api_version(version)
        .with_client_id(Some(StrBytes::from_string(client_id.to_owned())));
    let mut frame = Zeroizing::new(vec![0; 4]);
    let written = header.encode(&mut *frame, schema(R::API)?.request_header_version(version));
    written.map_err(|_| unencodable.clone())?;
    let mut tail = Vec::new();
    request.encode_parts(version, &mut frame, &mut tail)?;
    let length = frame.len() - 4 + tail.iter().map(Bytes::len).sum::<usize>();
    let length = i32::try_from(length).map_err(|_| unencodable)?;
    if let Some(prefix) = frame.first_chunk_mut() {
        *prefix = length.to_be_bytes();
    }
    Ok(Encoded::new(R::API, version, std::mem::take(&mut *frame), tail))
}

/// Reads by which number a response is paired with its request. `frame` is all after the length.
pub(crate) fn correlation_id(frame: &[u8]) -> Result<CorrelationId, Error> {
    let id = frame.first_chunk().ok_or(Error::NoCorrelationId { left: frame.len() })?;
    Ok(CorrelationId(i32::from_be_bytes(*id)))
}

/// Reads a response. `frame` is all after the length.
///
/// Secrets are copied out of it, so that nothing but fetched records keeps its memory alive.
pub(crate) fn decode<R: Request>(version: i16, mut frame: Bytes) -> Result<R::Response, Error> {
    let api = R::API;
    if !R::VERSIONS.contains(&version) {
        return Err(Error::Malformed { api, version });
    }
    let body = body(api, version, &frame)?;
    let version = R::answered_in(version, body);
    let left =
        guard::response(shapes::of(api), version, body).map_err(|flaw| bad_field(api, version, flaw))?;
    match left.len() {
        0 => R::decode(version, frame.split_off(frame.len() - body.len())),
        left => Err(Error::TrailingBytes { api, version, left }),
    }
}

/// The part of a response frame after its header.
fn body(api: ApiKey, version: i16, frame: &[u8]) -> Result<&[u8], Error> {
    let flexible = schema(api)?.response_header_version(version) >= 1;
    guard::header(flexible, frame).map_err(|flaw| bad_field(api, version, flaw))
}

fn bad_field(api: ApiKey, version: i16, Flaw { field, fault }: Flaw) -> Error {
    Error::BadField { api, version, field, fault }
}

/// The generated description of an API.
fn schema(api: ApiKey) -> Result<Schema, Error> {
    Schema::try_from(api.code()).map_err(|()| Error::Unencodable { api, version: -1 })
}

/// Appends a generated message in one growth of `body`.
fn write<M: Encodable>(api: ApiKey, version: i16, message: &M, body: &mut Vec<u8>) -> Result<(), Error> {
    let unencodable = |_| Error::Unencodable { api, version };
    body.reserve_exact(message.compute_size(version).map_err(unencodable)?);
    message.encode(body, version).map_err(unencodable)
}

/// Reads a generated message from a body that the guard has let through.
fn read<M: Decodable>(api: ApiKey, version: i16, mut body: Bytes) -> Result<M, Error> {
    let message = M::decode(&mut body, version).ok().filter(|_| body.is_empty());
    message.ok_or(Error::Malformed { api, version })
}

/// A copy of `text` for the generated types.
fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// A handle to a copy of `secret` that wipes itself, for the generated types.
fn shared(secret: &Secret) -> Bytes {
    struct Shown(Secret);
    impl AsRef<[u8]> for Shown {
        fn as_ref(&self) -> &[u8] {
            self.0.secret_bytes()
        }
    }
    Bytes::from_owner(Shown(secret.clone()))
}

/// Kafka's milliseconds; a negative number is no time.
fn duration(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// Kafka's milliseconds, cut to what an `i64` holds.
fn long_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Kafka's milliseconds, cut to what an `i32` holds.
fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

/// The period of a token, -1 where the broker is to choose. To Kafka zero means that too, so the
/// shortest period is a millisecond.
fn period(duration: Option<Duration>) -> i64 {
    duration.map_or(-1, |duration| long_millis(duration).max(1))
}

/// Kafka writes -1 for an id or an epoch that there is not.
fn present(number: i32) -> Option<i32> {
    (number >= 0).then_some(number)
}

#[cfg(test)]
mod tests;
