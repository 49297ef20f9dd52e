//! Which Kafka the brokers claim to be.

use kafka_protocol::messages::ApiKey;

/// The release whose version ranges the brokers offer.
///
/// Ranges are those of real brokers, cut to what the testkit can decode: the oldest versions of
/// 3.9 (Produce below 3, Fetch below 4, token APIs at 0, ..) and the newest of 4.3 (ListOffsets
/// 11, OffsetCommit and OffsetFetch 10) are not offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KafkaVersion {
    /// Apache Kafka 3.9.
    V3_9,
    /// Apache Kafka 4.3.
    #[default]
    V4_3,
}

/// An API with the versions that a broker offers, and the oldest that it truly decodes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    pub(crate) key: ApiKey,
    pub(crate) min: i16,
    pub(crate) max: i16,
    pub(crate) decoded_from: i16,
}

impl KafkaVersion {
    pub(crate) fn offers(self) -> impl Iterator<Item = Offer> {
        TABLE.iter().map(move |&(key, decoded_from, old, new)| {
            let (min, max) = if self == Self::V3_9 { old } else { new };
            Offer { key, min, max, decoded_from }
        })
    }
}

type Range = (i16, i16);

/// Kafka 4 offers Produce from 0 on for the sake of old clients, and refuses 0 to 2 when they come
/// (KAFKA-18659).
const TABLE: &[(ApiKey, i16, Range, Range)] = &[
    (ApiKey::Produce, 3, (3, 11), (0, 13)),
    (ApiKey::Fetch, 4, (4, 17), (4, 18)),
    (ApiKey::ListOffsets, 1, (1, 9), (1, 10)),
    (ApiKey::Metadata, 0, (0, 12), (0, 13)),
    (ApiKey::OffsetCommit, 2, (2, 9), (2, 9)),
    (ApiKey::OffsetFetch, 1, (1, 9), (1, 9)),
    (ApiKey::FindCoordinator, 0, (0, 6), (0, 6)),
    (ApiKey::SaslHandshake, 0, (0, 1), (0, 1)),
    (ApiKey::ApiVersions, 0, (0, 4), (0, 4)),
    (ApiKey::CreateTopics, 2, (2, 7), (2, 7)),
    (ApiKey::DeleteTopics, 1, (1, 6), (1, 6)),
    (ApiKey::InitProducerId, 0, (0, 5), (0, 5)),
    (ApiKey::OffsetForLeaderEpoch, 2, (2, 4), (2, 4)),
    (ApiKey::SaslAuthenticate, 0, (0, 2), (0, 2)),
    (ApiKey::CreateDelegationToken, 1, (1, 3), (1, 3)),
    (ApiKey::RenewDelegationToken, 1, (1, 2), (1, 2)),
    (ApiKey::ExpireDelegationToken, 1, (1, 2), (1, 2)),
    (ApiKey::DescribeDelegationToken, 1, (1, 3), (1, 3)),
];
