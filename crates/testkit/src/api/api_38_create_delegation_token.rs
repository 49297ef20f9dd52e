//! CreateDelegationToken, versions 1 to 3.
//!
//! - In this order: 64 on a connection that logged in by token or not at all; 65 for another owner
//!   (version 3) without `CreateTokens`; 67 for a renewer that is no `User`; 61 without a secret;
//!   35 if the metadata version has no tokens.
//! - A lifetime of 0 or less, or above the broker's, is the broker's. The token ends after
//!   `delegation.token.expiry.time.ms`, at the latest at its maximum.
//! - The answer comes when the token is committed. Brokers, the one that answers among them, learn it
//!   later: until then a login with it fails, and renewing or expiring it gets 62.
//! - A refusal still names owner and requester; times are -1, id and HMAC empty.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{CreateDelegationTokenRequest, CreateDelegationTokenResponse};

use super::{Answer, Api, Call};
use crate::Principal;
use crate::shape::{INT64, Shape, TEXT, list, shape};
use crate::state::{Token, TokenRight};

pub(super) struct CreateToken;

impl Api for CreateToken {
    type Request = CreateDelegationTokenRequest;
    const SHAPE: Shape = shape(2, &[TEXT.since(3), TEXT.since(3), list(&[TEXT, TEXT]), INT64]);

    fn answer(
        request: CreateDelegationTokenRequest,
        call: &mut Call<'_>,
    ) -> Answer<CreateDelegationTokenResponse> {
        let requester = call.session.principal();
        let owner = match &request.owner_principal_name {
            Some(name) if !name.is_empty() => {
                let kind = request.owner_principal_type.as_ref().map_or("", |kind| kind.as_str());
                Principal::new(kind, name.as_str())
            }
            _ => requester.clone(),
        };
        let response = CreateDelegationTokenResponse::default()
            .with_throttle_time_ms(call.throttle())
            .with_principal_type(owner.kind().to_owned().into())
            .with_principal_name(owner.name().to_owned().into())
            .with_token_requester_principal_type(requester.kind().to_owned().into())
            .with_token_requester_principal_name(requester.name().to_owned().into());
        Answer::Reply(match create(&request, owner, requester, call) {
            Ok((token, hmac)) => response
                .with_issue_timestamp_ms(token.issued)
                .with_expiry_timestamp_ms(token.expires)
                .with_max_timestamp_ms(token.max)
                .with_token_id(token.id.into())
                .with_hmac(hmac.into()),
            Err(code) => response
                .with_error_code(code)
                .with_issue_timestamp_ms(-1)
                .with_expiry_timestamp_ms(-1)
                .with_max_timestamp_ms(-1),
        })
    }
}

fn create(
    request: &CreateDelegationTokenRequest,
    owner: Principal,
    requester: Principal,
    call: &mut Call<'_>,
) -> Result<(Token, Vec<u8>), i16> {
    if let Some(code) = call.refusal() {
        return Err(code);
    }
    if !call.session.may_use_tokens() {
        return Err(ResponseError::DelegationTokenRequestNotAllowed.code());
    }
    let right = TokenRight::CreateFor(owner.clone());
    if owner != requester && !call.state.access.may(&requester, right) {
        return Err(ResponseError::DelegationTokenAuthorizationFailed.code());
    }
    let renewers: Vec<Principal> = request
        .renewers
        .iter()
        .map(|renewer| Principal::new(renewer.principal_type.as_str(), renewer.principal_name.as_str()))
        .collect();
    if !renewers.iter().all(Principal::is_user) {
        return Err(ResponseError::InvalidPrincipalType.code());
    }
    call.state.tokens.refusal().map_err(|error| error.code())?;
    call.state.counters.tokens_created += 1;
    let parties = (owner, requester);
    Ok(call.state.tokens.create(call.now, parties, renewers, request.max_lifetime_ms))
}
