//! Create, renew, expire and describe delegation tokens (KIP-48, KIP-373).

use std::time::Duration;

use crate::cluster::client::{Cluster, Repeat};
use crate::conn::credentials::Credentials;
use crate::conn::token::{Token, TokenLife, YOUNG};
use crate::error::{BrokerError, Error, ErrorKind};
use crate::ids::Principal;
use crate::time::{self, Clock, SystemClock, Timestamp};
use crate::wire::codec::Request;
use crate::wire::codec::create_delegation_token::CreateDelegationTokenRequest;
use crate::wire::codec::describe_delegation_token::DescribeDelegationTokenRequest;
use crate::wire::codec::expire_delegation_token::{ExpireDelegationTokenRequest, Expiry};
use crate::wire::codec::renew_delegation_token::RenewDelegationTokenRequest;
use crate::wire::codec::token::TokenDetails;
use crate::wire::error_code::ErrorCode;

/// The wait before a young token that is not known is tried again; it doubles.
const YOUNG_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long a token may be unknown that all brokers of its target have taken: the controller, which
/// renews and expires, learns of it as they do.
const KNOWN_PATIENCE: Duration = Duration::from_secs(2);
/// How long a token may be unknown of which nothing tells when it was made, as of one that Java's tool has
/// made: longer than brokers take, and no longer than whoever deletes one that is gone likes to wait.
const UNDATED_PATIENCE: Duration = Duration::from_secs(5);

/// Describes a delegation token to be made.
#[derive(Clone, Debug, Default)]
pub struct NewToken {
    owner: Option<Principal>,
    requester: Option<Principal>,
    renewers: Vec<Principal>,
    max_lifetime: Option<Duration>,
}

impl NewToken {
    /// A token for whoever asks, renewable by its owner, for as long as the broker allows (7 days
    /// unless `delegation.token.max.lifetime.ms` says otherwise).
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the token for somebody else (KIP-373). That needs the ACL `CreateTokens` on the
    /// resource `User:<owner>`, and brokers of Kafka 3.3 or later.
    ///
    /// The requester is put among the renewers, since otherwise it could neither renew nor expire
    /// the token that it asked for. With a user name and a password it is known who that is; with
    /// any other credential say so by [`NewToken::with_requester`].
    #[must_use]
    pub fn with_owner(mut self, owner: Principal) -> Self {
        self.owner = Some(owner);
        self
    }

    /// Says who the client is to Kafka, for [`NewToken::with_owner`].
    #[must_use]
    pub fn with_requester(mut self, requester: Principal) -> Self {
        self.requester = Some(requester);
        self
    }

    /// Lets one more principal renew and expire the token.
    #[must_use]
    pub fn with_renewer(mut self, renewer: Principal) -> Self {
        self.renewers.push(renewer);
        self
    }

    /// Bounds the life of the token, however often it is renewed. The broker cuts it to its own
    /// bound silently: look at the life of the token that is returned.
    #[must_use]
    pub fn with_max_lifetime(mut self, lifetime: Duration) -> Self {
        self.max_lifetime = Some(lifetime);
        self
    }

    fn request(self, credentials: &Credentials) -> Result<CreateDelegationTokenRequest, Error> {
        let Self { owner, requester, mut renewers, max_lifetime } = self;
        if owner.is_some() {
            let requester = requester.or_else(|| user(credentials)).ok_or_else(|| {
                let text = "a token for somebody else needs to know who asks for it: \
                            say so by NewToken::with_requester";
                Error::because(ErrorKind::Misuse, text)
            })?;
            if !renewers.contains(&requester) {
                renewers.push(requester);
            }
        }
        Ok(CreateDelegationTokenRequest { owner, renewers, max_lifetime })
    }
}

/// A token and who, besides its owner, may renew and expire it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DescribedToken {
    /// The token.
    pub token: Token,
    /// Its renewers.
    pub renewers: Vec<Principal>,
}

impl Cluster {
    /// Makes a delegation token.
    ///
    /// The brokers learn of it within moments, also the one that made it: until then a login with
    /// it is refused as if the password were wrong.
    ///
    /// # Errors
    /// `Broker` with `DELEGATION_TOKEN_AUTH_DISABLED`, `UNSUPPORTED_VERSION` from a cluster whose
    /// metadata version is below 3.6-IV2, `DELEGATION_TOKEN_REQUEST_NOT_ALLOWED` on
    /// a connection that is anonymous or was itself made by a token,
    /// `DELEGATION_TOKEN_AUTHORIZATION_FAILED` or `INVALID_PRINCIPAL_TYPE`; `Unsupported` if an
    /// owner is named and the broker cannot make tokens for others; `Misuse` for an owner without
    /// a requester. An error that says [`Error::possibly_written`] may have left a token behind.
    ///
    /// # Cancel safety
    /// A dropped call may leave a token behind that nobody knows of.
    pub async fn create_delegation_token(&self, new: NewToken) -> Result<Token, Error> {
        let request = new.request(self.config().credentials())?;
        let response = self.ask(Repeat::Twice, &request).await?;
        let details = response.outcome.map_err(refused::<CreateDelegationTokenRequest>)?;
        Ok(token(details)?.with_received(time::now()))
    }

    /// Renews a token by `period` from now, or by the broker's `delegation.token.expiry.time.ms`.
    /// Returns the new expiry, which is never later than the token's maximum; a short period can
    /// bring it nearer.
    ///
    /// The secret stays the same, and sessions that are live keep their end until they log in
    /// again. A token that was made moments ago and is not known yet is tried again.
    ///
    /// # Errors
    /// `Broker` with `DELEGATION_TOKEN_NOT_FOUND`, `DELEGATION_TOKEN_EXPIRED`,
    /// `DELEGATION_TOKEN_OWNER_MISMATCH`, `DELEGATION_TOKEN_REQUEST_NOT_ALLOWED` or
    /// `DELEGATION_TOKEN_AUTH_DISABLED`.
    ///
    /// # Cancel safety
    /// A dropped call may have renewed the token.
    pub async fn renew_delegation_token(
        &self,
        token: &Token,
        period: Option<Duration>,
    ) -> Result<Timestamp, Error> {
        let request = RenewDelegationTokenRequest { hmac: token.secret_hmac().clone(), period };
        self.change(token, &request, |response| response.outcome).await
    }

    /// Moves the expiry of a token to `after` from now, or deletes the token at once if that is
    /// `None`. Returns the new expiry.
    ///
    /// `after` can lengthen the token's life as well, up to its maximum. Sessions of a deleted
    /// token live on until they end. A token that was made moments ago and is not known yet
    /// is tried again: otherwise it would survive.
    ///
    /// # Errors
    /// Those of [`Cluster::renew_delegation_token`]; an expired token can still be deleted.
    ///
    /// # Cancel safety
    /// A dropped call may have expired the token.
    pub async fn expire_delegation_token(
        &self,
        token: &Token,
        after: Option<Duration>,
    ) -> Result<Timestamp, Error> {
        let expiry = after.map_or(Expiry::Delete, Expiry::After);
        let request = ExpireDelegationTokenRequest { hmac: token.secret_hmac().clone(), expiry };
        self.change(token, &request, |response| response.outcome).await
    }

    /// Tells of the tokens of some owners, or of all (`None`), as far as the asker may see them:
    /// its own, those that it requested or may renew, and those that ACLs let it see. Others are
    /// left out without an error.
    ///
    /// The answer comes from one broker's own picture, which may lag by moments. It contains the
    /// HMACs: whoever can describe a token can use it.
    ///
    /// # Errors
    /// `Broker` with `DELEGATION_TOKEN_REQUEST_NOT_ALLOWED` or `DELEGATION_TOKEN_AUTH_DISABLED`.
    ///
    /// # Cancel safety
    /// A dropped call loses the answer only.
    pub async fn describe_delegation_tokens(
        &self,
        owners: Option<&[Principal]>,
    ) -> Result<Vec<DescribedToken>, Error> {
        let request = DescribeDelegationTokenRequest { owners: owners.map(<[Principal]>::to_vec) };
        let response = self.ask(Repeat::Harmless, &request).await?;
        let described = response.outcome.map_err(refused::<DescribeDelegationTokenRequest>)?;
        let described = described.into_iter();
        described.map(|it| Ok(DescribedToken { token: token(it.token)?, renewers: it.renewers })).collect()
    }

    /// Sends a request that changes a token, again while the token is too young to be known
    /// everywhere.
    async fn change<R: Request>(
        &self,
        token: &Token,
        request: &R,
        outcome: fn(R::Response) -> Result<Timestamp, ErrorCode>,
    ) -> Result<Timestamp, Error> {
        let not_found = ErrorKind::Broker(BrokerError::DELEGATION_TOKEN_NOT_FOUND);
        let mut attempts = self.attempts(Repeat::Harmless);
        let young = match token.life() {
            _ if token.is_known() => KNOWN_PATIENCE,
            None => UNDATED_PATIENCE,
            Some(_) => YOUNG,
        };
        let patience = attempts.limit().ends.min(time::now() + young);
        let mut pause = YOUNG_PAUSE;
        loop {
            let answered = self.call_any_within(request, attempts.limit()).await.map(outcome);
            let error = match answered {
                Ok(Ok(expiry)) => return Ok(expiry),
                Ok(Err(code)) => refused::<R>(code),
                Err(error) => error,
            };
            // Of one that another process made only the wall clock tells; where that is wrong, a token that
            // is not known is looked for a little longer, or less.
            let young = token.may_be_young(time::now(), SystemClock.now()) && time::now() < patience;
            if error.kind() == not_found && young {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            } else {
                attempts.again(error).await?;
            }
        }
    }
}

/// Who the client is to Kafka, if its credentials tell.
fn user(credentials: &Credentials) -> Option<Principal> {
    match credentials {
        Credentials::Plain { user, .. } | Credentials::Scram { user, .. } => {
            Some(Principal::user(user.as_str()))
        }
        // The broker's rules make a user of a Kerberos principal.
        #[cfg(feature = "kerberos")]
        Credentials::Kerberos(_) => None,
        Credentials::None | Credentials::Token { .. } | Credentials::Custom(_) => None,
    }
}

fn refused<R: Request>(code: ErrorCode) -> Error {
    Error::broker(code).in_api(R::API)
}

fn token(details: TokenDetails) -> Result<Token, Error> {
    let life = TokenLife { issued: details.issued, expires: details.expires, max: details.max, renewals: 0 };
    let token = Token::new(details.token_id, details.hmac)
        .map_err(|error| Error::because(ErrorKind::Protocol, "the broker told no token").caused_by(error))?
        .with_owner(details.owner)
        .with_life(life);
    Ok(match details.requester {
        Some(requester) => token.with_requester(requester),
        None => token,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn plain() -> Credentials {
        Credentials::Plain { user: "alice".to_owned(), password: Secret::from("secret") }
    }

    #[test]
    fn the_requester_of_a_token_for_somebody_else_may_renew_it() {
        let new = NewToken::new().with_owner(Principal::user("bob"));
        let request = new.request(&plain()).unwrap();
        assert_eq!(request.renewers, [Principal::user("alice")]);
    }

    #[test]
    fn a_requester_that_is_not_known_must_be_named() {
        let new = NewToken::new().with_owner(Principal::user("bob"));
        let error = new.clone().request(&Credentials::None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse);
        let named = new.with_requester(Principal::user("driver"));
        assert_eq!(named.request(&Credentials::None).unwrap().renewers, [Principal::user("driver")]);
    }

    #[test]
    fn a_token_of_ones_own_names_nobody() {
        let request = NewToken::new().request(&Credentials::None).unwrap();
        assert_eq!((request.owner, request.renewers), (None, Vec::new()));
    }
}
