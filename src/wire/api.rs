//! The APIs that this client calls, by Kafka's number and name.

use std::fmt;

/// Kafka's `api_key`, of the APIs that this client calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i16)]
pub(crate) enum ApiKey {
    Produce = 0,
    Fetch = 1,
    ListOffsets = 2,
    Metadata = 3,
    SaslHandshake = 17,
    ApiVersions = 18,
    CreateTopics = 19,
    DeleteTopics = 20,
    InitProducerId = 22,
    OffsetForLeaderEpoch = 23,
    SaslAuthenticate = 36,
    CreateDelegationToken = 38,
    RenewDelegationToken = 39,
    ExpireDelegationToken = 40,
    DescribeDelegationToken = 41,
}

impl ApiKey {
    /// Every API that this client calls.
    pub(crate) const ALL: [Self; 15] = [
        Self::Fetch,
        Self::ListOffsets,
        Self::Metadata,
        Self::SaslHandshake,
        Self::ApiVersions,
        Self::CreateTopics,
        Self::DeleteTopics,
        Self::SaslAuthenticate,
        Self::CreateDelegationToken,
        Self::RenewDelegationToken,
        Self::ExpireDelegationToken,
        Self::DescribeDelegationToken,
        Self::Produce,
        Self::InitProducerId,
        Self::OffsetForLeaderEpoch,
    ];

    /// Whether its answers hold secrets: HMACs of tokens, or what a mechanism says.
    pub(crate) const fn tells_secrets(self) -> bool {
        matches!(self, Self::SaslAuthenticate | Self::CreateDelegationToken | Self::DescribeDelegationToken)
    }

    /// Kafka's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Produce => "Produce",
            Self::Fetch => "Fetch",
            Self::ListOffsets => "ListOffsets",
            Self::Metadata => "Metadata",
            Self::SaslHandshake => "SaslHandshake",
            Self::ApiVersions => "ApiVersions",
            Self::CreateTopics => "CreateTopics",
            Self::DeleteTopics => "DeleteTopics",
            Self::InitProducerId => "InitProducerId",
            Self::OffsetForLeaderEpoch => "OffsetForLeaderEpoch",
            Self::SaslAuthenticate => "SaslAuthenticate",
            Self::CreateDelegationToken => "CreateDelegationToken",
            Self::RenewDelegationToken => "RenewDelegationToken",
            Self::ExpireDelegationToken => "ExpireDelegationToken",
            Self::DescribeDelegationToken => "DescribeDelegationToken",
        }
    }

    /// The number on the wire.
    pub(crate) const fn code(self) -> i16 {
        self as i16
    }

    /// The API with this number, if this client calls it.
    pub(crate) fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|api| api.code() == code)
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
