//! CreateDelegationToken.

use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::{
    create_delegation_token_request as request, create_delegation_token_response as response,
};

use super::token::{TokenDetails, principal};
use super::{Request, period, read, text, write};
use crate::ids::Principal;
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::wire::Error;
use crate::wire::api::ApiKey;
use crate::wire::error_code::ErrorCode;

/// Asks for a new token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CreateDelegationTokenRequest {
    /// Whose rights the token is to carry: `None` is whoever asks. Somebody else's need version 3
    /// and the ACL `CreateTokens` on that user (KIP-373).
    pub(crate) owner: Option<Principal>,
    /// Who may renew and expire the token besides its owner. A requester who is neither may not.
    pub(crate) renewers: Vec<Principal>,
    /// `None` is the longest that the broker allows, to which it also cuts anything longer.
    pub(crate) max_lifetime: Option<Duration>,
}

/// The token, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CreateDelegationTokenResponse {
    pub(crate) outcome: Result<TokenDetails, ErrorCode>,
}

impl Request for CreateDelegationTokenRequest {
    type Response = CreateDelegationTokenResponse;

    const API: ApiKey = ApiKey::CreateDelegationToken;
    /// Brokers of the 4 series know no version 0.
    const VERSIONS: RangeInclusive<i16> = 1..=3;

    fn encode(&self, version: i16, body: &mut Vec<u8>) -> Result<(), Error> {
        let renewer = |renewer: &Principal| {
            request::CreatableRenewers::default()
                .with_principal_type(text(renewer.kind()))
                .with_principal_name(text(renewer.name()))
        };
        let owner = match &self.owner {
            Some(_) if version < 3 => {
                return Err(Error::NotInVersion { api: Self::API, version, field: "owner" });
            }
            Some(owner) => (Some(text(owner.kind())), Some(text(owner.name()))),
            None if version < 3 => (Some(text("")), Some(text(""))),
            None => (None, None),
        };
        let message = request::CreateDelegationTokenRequest::default()
            .with_owner_principal_type(owner.0)
            .with_owner_principal_name(owner.1)
            .with_renewers(self.renewers.iter().map(renewer).collect())
            .with_max_lifetime_ms(period(self.max_lifetime));
        write(Self::API, version, &message, body)
    }

    fn decode(version: i16, body: Bytes) -> Result<CreateDelegationTokenResponse, Error> {
        let message: response::CreateDelegationTokenResponse = read(Self::API, version, body)?;
        let requester =
            || principal(&message.token_requester_principal_type, &message.token_requester_principal_name);
        let outcome = ErrorCode(message.error_code).ok().map(|()| TokenDetails {
            owner: principal(&message.principal_type, &message.principal_name),
            requester: (version >= 3).then(requester),
            issued: Timestamp::from_millis(message.issue_timestamp_ms),
            expires: Timestamp::from_millis(message.expiry_timestamp_ms),
            max: Timestamp::from_millis(message.max_timestamp_ms),
            token_id: message.token_id.to_string(),
            hmac: Secret::new(message.hmac.to_vec()),
        });
        Ok(CreateDelegationTokenResponse { outcome })
    }
}
