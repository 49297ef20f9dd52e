//! Which versions of each API there are.

use kafka_protocol::messages::{ApiKey, ApiVersionsRequest};
use ottla_testkit::Protocol;

use super::Fact;
use crate::conformance::made::Scene;
use crate::conformance::target::Kafka;

/// The ranges that a broker tells before a login.
fn ranges(s: &Scene<'_>, keys: &[ApiKey]) -> String {
    let told = s.day().open(1, Protocol::SaslPlaintext).call(
        3,
        &ApiVersionsRequest::default()
            .with_client_software_name("facts".into())
            .with_client_software_version("1".into()),
    );
    let told = told.unwrap();
    let range = |key: &ApiKey| {
        let api = told.api_keys.iter().find(|api| api.api_key == *key as i16).unwrap();
        format!("{}-{}", api.min_version, api.max_version)
    };
    keys.iter().map(range).collect::<Vec<_>>().join(" ")
}

macro_rules! versions {
    ($($says:literal, $old:literal, $new:literal, [$($key:ident),+];)+) => {
        &[$(Fact::new(
            "m",
            $says,
            |kafka| if kafka == Kafka::V3_9 { $old } else { $new },
            |s| ranges(s, &[$(ApiKey::$key),+]),
        )),+]
    };
}

const RANGES: &[Fact] = versions![
    "versions of Create, Renew, Expire and DescribeDelegationToken", "0-3 0-2 0-2 0-3", "1-3 1-2 1-2 1-3",
        [CreateDelegationToken, RenewDelegationToken, ExpireDelegationToken, DescribeDelegationToken];
    "versions of SaslHandshake and SaslAuthenticate", "0-1 0-2", "0-1 0-2", [SaslHandshake, SaslAuthenticate];
    "versions of ApiVersions", "0-4", "0-4", [ApiVersions];
    "versions of Metadata", "0-12", "0-13", [Metadata];
    "versions of Produce", "0-11", "0-13", [Produce];
    "versions of Fetch", "0-17", "4-18", [Fetch];
    "versions of ListOffsets", "0-9", "1-11", [ListOffsets];
    "versions of FindCoordinator", "0-6", "0-6", [FindCoordinator];
    "versions of OffsetCommit and OffsetFetch", "0-9 0-9", "2-10 1-10", [OffsetCommit, OffsetFetch];
];

const UNKNOWN: &[Fact] = &[Fact::new(
    "m",
    "an unknown version of ApiVersions is answered in version 0",
    |_| "35 true",
    |s| {
        let mut raw = s.day().open(1, Protocol::Plaintext);
        // ApiVersions 127, correlation id 5, no client id, no tags.
        let frame = [0, 0, 0, 11, 0, 18, 0, 127, 0, 0, 0, 5, 0xff, 0xff, 0];
        let answer = raw.exchange(&frame).unwrap();
        let code = i16::from_be_bytes([answer[4], answer[5]]);
        format!("{code} {}", answer[..4] == [0, 0, 0, 5])
    },
)];

pub(super) const FACTS: &[&[Fact]] = &[RANGES, UNKNOWN];
