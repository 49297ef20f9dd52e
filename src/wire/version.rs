//! Which version of an API to speak with a broker: decided by what the broker lists, never by the
//! number of a Kafka release.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::Error;
use super::api::ApiKey;
use super::codec::Request;
use super::codec::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use super::error_code::ErrorCode;

/// What one broker speaks, of the APIs that this client calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct VersionTable(BTreeMap<ApiKey, RangeInclusive<i16>>);

impl VersionTable {
    /// Takes over what a broker lists.
    pub(crate) fn new(response: &ApiVersionsResponse) -> Self {
        let known = |code| ApiKey::from_code(code);
        Self(response.ranges.iter().filter_map(|r| Some((known(r.api_code)?, r.min..=r.max))).collect())
    }

    /// Tells whether the broker speaks `version` of `api`.
    pub(crate) fn supports(&self, api: ApiKey, version: i16) -> bool {
        self.0.get(&api).is_some_and(|range| range.contains(&version))
    }

    /// Chooses the highest version of an API that both sides speak and that can say `request`.
    ///
    /// # Errors
    ///
    /// As [`negotiate`](Self::negotiate).
    pub(crate) fn negotiate_for<R: Request>(&self, request: &R) -> Result<i16, Error> {
        self.highest::<R>(request.highest_version())
    }

    /// Chooses the highest version of an API that both sides speak.
    ///
    /// # Errors
    ///
    /// `NoCommonVersion` when there is none, or the broker does not list the API at all.
    pub(crate) fn negotiate<R: Request>(&self) -> Result<i16, Error> {
        self.highest::<R>(*R::VERSIONS.end())
    }

    fn highest<R: Request>(&self, at_most: i16) -> Result<i16, Error> {
        let mut ours = R::VERSIONS.rev().filter(|version| *version <= at_most);
        ours.find(|&version| self.supports(R::API, version)).ok_or(Error::NoCommonVersion { api: R::API })
    }
}

/// The version of ApiVersions to begin with.
pub(crate) const FIRST_PROBE: i16 = *ApiVersionsRequest::VERSIONS.end();

/// What to do with an answer to ApiVersions in version `asked`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Probed {
    /// The broker listed what it speaks.
    Table(VersionTable),
    /// The broker does not know version `asked`; ask once more in this one, which is lower.
    AskIn(i16),
    /// The broker refused for another reason, or refused every version.
    Refused(ErrorCode),
}

/// Judges the answer to ApiVersions in version `asked`.
///
/// A broker that does not know the version lists the range that it knows (KIP-511); one from
/// before that lists nothing and is asked in version 0. Each new try is lower, so there is an end.
pub(crate) fn probed(asked: i16, response: &ApiVersionsResponse) -> Probed {
    match response.error {
        ErrorCode::NONE => Probed::Table(VersionTable::new(response)),
        ErrorCode::UNSUPPORTED_VERSION if asked > 0 => {
            let listed = VersionTable::new(response).negotiate::<ApiVersionsRequest>();
            Probed::AskIn(listed.ok().filter(|&version| version < asked).unwrap_or(0))
        }
        other => Probed::Refused(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::codec::api_versions::ApiVersionRange;
    use crate::wire::codec::metadata::MetadataRequest;

    fn listing(error: i16, ranges: &[(ApiKey, i16, i16)]) -> ApiVersionsResponse {
        let range =
            |&(api, min, max): &(ApiKey, i16, i16)| ApiVersionRange { api_code: api.code(), min, max };
        ApiVersionsResponse { error: ErrorCode(error), ranges: ranges.iter().map(range).collect() }
    }

    fn metadata(min: i16, max: i16) -> Result<i16, Error> {
        VersionTable::new(&listing(0, &[(ApiKey::Metadata, min, max)])).negotiate::<MetadataRequest>()
    }

    #[test]
    fn chooses_the_highest_common_version() {
        assert_eq!(metadata(0, 11), Ok(11));
        assert_eq!(metadata(0, 99), Ok(13));
        assert_eq!(metadata(7, 7), Ok(7));
    }

    #[test]
    fn finds_no_version_where_there_is_none() {
        let none = Err(Error::NoCommonVersion { api: ApiKey::Metadata });
        for (min, max) in [(0, 3), (14, 20), (9, 5), (i16::MIN, -1)] {
            assert_eq!(metadata(min, max), none, "{min}..={max}");
        }
        assert_eq!(VersionTable::default().negotiate::<MetadataRequest>(), none);
    }

    #[test]
    fn leaves_out_what_this_client_never_calls() {
        let unknown = ApiVersionRange { api_code: 9999, min: 0, max: 1 };
        let response = ApiVersionsResponse { error: ErrorCode::NONE, ranges: vec![unknown] };
        assert_eq!(VersionTable::new(&response), VersionTable::default());
    }

    #[test]
    fn asks_again_in_the_version_that_the_refusal_lists() {
        let refusal = listing(35, &[(ApiKey::ApiVersions, 0, 3)]);
        assert_eq!(probed(FIRST_PROBE, &refusal), Probed::AskIn(3));
    }

    #[test]
    fn asks_in_version_0_when_the_refusal_lists_nothing_lower() {
        assert_eq!(probed(4, &listing(35, &[])), Probed::AskIn(0));
        assert_eq!(probed(3, &listing(35, &[(ApiKey::ApiVersions, 0, 4)])), Probed::AskIn(0));
    }

    #[test]
    fn gives_up_when_version_0_is_refused() {
        assert_eq!(probed(0, &listing(35, &[])), Probed::Refused(ErrorCode::UNSUPPORTED_VERSION));
        assert_eq!(probed(4, &listing(-1, &[])), Probed::Refused(ErrorCode::UNKNOWN_SERVER_ERROR));
    }

    #[test]
    fn takes_the_table_of_a_broker_that_lists_one() {
        let response = listing(0, &[(ApiKey::Fetch, 4, 18)]);
        let Probed::Table(table) = probed(4, &response) else { unreachable!() };
        assert!(table.supports(ApiKey::Fetch, 4) && table.supports(ApiKey::Fetch, 18));
        assert!(!table.supports(ApiKey::Fetch, 3) && !table.supports(ApiKey::Metadata, 4));
    }
}
