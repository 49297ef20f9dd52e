//! How long a broker wants a connection to be left alone (KIP-219).

use std::time::Duration;

use super::{body, duration, shapes};
use crate::wire::api::ApiKey;
use crate::wire::guard;

/// No answer silences a connection for longer than this, whatever it says.
///
/// Java obeys any number, up to 24 days. Brokers ask for a second of request quota at most, but for as
/// long as the excess takes where bytes or changes of topics are counted: after a burst of a hundred
/// times the quota, minutes. So a lower bound would break a promise that KIP-219 makes to brokers; at
/// this one a damaged answer costs one connection five minutes, in which its calls fail by their own
/// deadlines.
pub(super) const LONGEST: Duration = Duration::from_secs(300);

/// Reads from a response frame (all after the length) how long no request should follow it on this
/// connection.
///
/// Zero where the API has no such field, where the broker itself held the answer back (the versions
/// before KIP-219), and where the field cannot be read: telling what is wrong with a frame is left
/// to its decoder. At most 5 minutes.
pub(crate) fn throttle_time(api: ApiKey, version: i16, frame: &[u8]) -> Duration {
    if obeyed_from(api).is_none_or(|first| version < first) {
        return Duration::ZERO;
    }
    let field = |body| guard::throttle(shapes::of(api), version, body);
    let millis = body(api, version, frame).ok().and_then(field);
    duration(millis.unwrap_or(0).into()).min(LONGEST)
}

/// The first version in which the client, not the broker, does the waiting.
fn obeyed_from(api: ApiKey) -> Option<i16> {
    match api {
        ApiKey::Fetch => Some(8),
        ApiKey::ListOffsets | ApiKey::CreateTopics => Some(3),
        ApiKey::Metadata | ApiKey::Produce => Some(6),
        ApiKey::ApiVersions | ApiKey::DeleteTopics | ApiKey::OffsetForLeaderEpoch => Some(2),
        ApiKey::CreateDelegationToken
        | ApiKey::RenewDelegationToken
        | ApiKey::ExpireDelegationToken
        | ApiKey::DescribeDelegationToken
        | ApiKey::InitProducerId => Some(1),
        ApiKey::SaslHandshake | ApiKey::SaslAuthenticate => None,
    }
}
