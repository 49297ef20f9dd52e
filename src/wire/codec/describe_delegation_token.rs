//! DescribeDelegationToken.

use std::ops::RangeInclusive;

use bytes::Bytes;
use kafka_protocol::messages::{
    describe_delegation_token_request as request, describe_delegation_token_response as response,
};

use super::token::{TokenDetails, principal};
use super::{Request, read, text, write};
use crate::ids::Principal;
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::wire::Error;
use crate::wire::api::ApiKey;
use crate::wire::error_code::ErrorCode;

/// Asks for the tokens of some owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DescribeDelegationTokenRequest {
    /// `None` is everybody, an empty list nobody. Either way the broker tells only of tokens that
    /// the asker may see.
    pub(crate) owners: Option<Vec<Principal>>,
}

/// The tokens, or why they are not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DescribeDelegationTokenResponse {
    pub(crate) outcome: Result<Vec<DescribedToken>, ErrorCode>,
}

/// A token and who may renew it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DescribedToken {
    pub(crate) token: TokenDetails,
    pub(crate) renewers: Vec<Principal>,
}

impl Request for DescribeDelegationTokenRequest {
    type Response = DescribeDelegationTokenResponse;

    const API: ApiKey = ApiKey::DescribeDelegationToken;
    const VERSIONS: RangeInclusive<i16> = 1..=3;

    fn encode(&self, version: i16, body: &mut Vec<u8>) -> Result<(), Error> {
        let owner = |owner: &Principal| {
            request::DescribeDelegationTokenOwner::default()
                .with_principal_type(text(owner.kind()))
                .with_principal_name(text(owner.name()))
        };
        let owners = self.owners.as_ref().map(|owners| owners.iter().map(owner).collect());
        let message = request::DescribeDelegationTokenRequest::default().with_owners(owners);
        write(Self::API, version, &message, body)
    }

    fn decode(version: i16, body: Bytes) -> Result<DescribeDelegationTokenResponse, Error> {
        let message: response::DescribeDelegationTokenResponse = read(Self::API, version, body)?;
        let tokens = message.tokens.into_iter().map(|token| described(version, &token)).collect();
        Ok(DescribeDelegationTokenResponse { outcome: ErrorCode(message.error_code).ok().map(|()| tokens) })
    }
}

fn described(version: i16, token: &response::DescribedDelegationToken) -> DescribedToken {
    let requester =
        || principal(&token.token_requester_principal_type, &token.token_requester_principal_name);
    let renewer = |renewer: &response::DescribedDelegationTokenRenewer| {
        principal(&renewer.principal_type, &renewer.principal_name)
    };
    DescribedToken {
        token: TokenDetails {
            owner: principal(&token.principal_type, &token.principal_name),
            requester: (version >= 3).then(requester),
            issued: Timestamp::from_millis(token.issue_timestamp),
            expires: Timestamp::from_millis(token.expiry_timestamp),
            max: Timestamp::from_millis(token.max_timestamp),
            token_id: token.token_id.to_string(),
            hmac: Secret::new(token.hmac.to_vec()),
        },
        renewers: token.renewers.iter().map(renewer).collect(),
    }
}
