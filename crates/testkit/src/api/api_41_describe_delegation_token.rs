//! DescribeDelegationToken, versions 1 to 3.
//!
//! - 64 on a connection that logged in by token or not at all, 61 without a secret.
//! - Null owners are every visible token, an empty list is none, a list those in which one of it is
//!   owner, requester or renewer.
//! - Visible are tokens of which the asking one is owner, requester or renewer, and those that an ACL
//!   opens (`Describe` on the token, `DescribeTokens` on its owner). Others are left out in silence.
//! - The answer is what this broker has learned so far; tokens that are over are listed until swept.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_delegation_token_request::DescribeDelegationTokenOwner;
use kafka_protocol::messages::describe_delegation_token_response::{
    DescribedDelegationToken, DescribedDelegationTokenRenewer,
};
use kafka_protocol::messages::{DescribeDelegationTokenRequest, DescribeDelegationTokenResponse};

use super::{Answer, Api, Call};
use crate::Principal;
use crate::shape::{Shape, TEXT, list, shape};

pub(super) struct DescribeTokens;

impl Api for DescribeTokens {
    type Request = DescribeDelegationTokenRequest;
    const SHAPE: Shape = shape(2, &[list(&[TEXT, TEXT])]);

    fn answer(
        request: DescribeDelegationTokenRequest,
        call: &mut Call<'_>,
    ) -> Answer<DescribeDelegationTokenResponse> {
        let response = DescribeDelegationTokenResponse::default().with_throttle_time_ms(call.throttle());
        let refusal = if !call.session.may_use_tokens() {
            Some(ResponseError::DelegationTokenRequestNotAllowed.code())
        } else if call.state.tokens.is_enabled() {
            None
        } else {
            Some(ResponseError::DelegationTokenAuthDisabled.code())
        };
        Answer::Reply(match call.refusal().or(refusal) {
            Some(code) => response.with_error_code(code),
            None => response.with_tokens(visible(request.owners.as_deref(), call)),
        })
    }
}

fn visible(
    owners: Option<&[DescribeDelegationTokenOwner]>,
    call: &Call<'_>,
) -> Vec<DescribedDelegationToken> {
    let who = call.session.principal();
    let owners: Option<Vec<Principal>> = owners.map(|owners| {
        owners.iter().map(|o| Principal::new(o.principal_type.as_str(), o.principal_name.as_str())).collect()
    });
    let asked = |token: &crate::Token| {
        owners.as_ref().is_none_or(|owners| owners.iter().any(|owner| token.concerns(owner)))
    };
    let known = call.state.tokens.image(call.broker).into_iter().flat_map(|image| image.tokens());
    known
        .filter(|known| asked(&known.token) && call.state.access.may_describe(&who, &known.token))
        .map(|known| described(&known.token, &known.hmac))
        .collect()
}

fn described(token: &crate::Token, hmac: &[u8]) -> DescribedDelegationToken {
    let renewers = token.renewers.iter().map(|renewer| {
        DescribedDelegationTokenRenewer::default()
            .with_principal_type(renewer.kind().to_owned().into())
            .with_principal_name(renewer.name().to_owned().into())
    });
    DescribedDelegationToken::default()
        .with_principal_type(token.owner.kind().to_owned().into())
        .with_principal_name(token.owner.name().to_owned().into())
        .with_token_requester_principal_type(token.requester.kind().to_owned().into())
        .with_token_requester_principal_name(token.requester.name().to_owned().into())
        .with_issue_timestamp(token.issued)
        .with_expiry_timestamp(token.expires)
        .with_max_timestamp(token.max)
        .with_token_id(token.id.clone().into())
        .with_hmac(hmac.to_vec().into())
        .with_renewers(renewers.collect())
}
