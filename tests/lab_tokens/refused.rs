//! Every refusal of a token request.

use std::time::Duration;

use ottla::ids::Principal;
use ottla::secret::Secret;
use ottla::{BrokerError, Cluster, Error, ErrorKind, NewToken, ScramMechanism, Token};
use ottla_lab::{Listener, Profile};

use crate::support::lab;

fn assert_refused<T: std::fmt::Debug>(outcome: Result<T, Error>, code: BrokerError) {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Broker(code), "{error:?}");
    assert!(!error.is_retriable(), "{error:?}");
}

/// A token that no broker has made.
fn made_up() -> Token {
    Token::new("AAAAAAAAAAAAAAAAAAAAAA", Secret::new(vec![7; 64])).unwrap()
}

async fn assert_all_four_refused(cluster: &Cluster, token: &Token, code: BrokerError) {
    assert_refused(cluster.create_delegation_token(NewToken::new()).await, code);
    assert_refused(cluster.renew_delegation_token(token, None).await, code);
    assert_refused(cluster.expire_delegation_token(token, None).await, code);
    assert_refused(cluster.describe_delegation_tokens(None).await, code);
}

async fn alice(lab: &ottla_lab::Cluster) -> Cluster {
    lab::connect(lab, Listener::SaslPlaintext, lab::plain("alice")).await.unwrap()
}

#[tokio::test]
async fn a16_without_a_secret_key_the_broker_refuses_all_token_requests_by_61() {
    lab::in_time(async {
        let admin = alice(&lab::cluster(Profile::NoSecret)).await;
        let code = BrokerError::DELEGATION_TOKEN_AUTH_DISABLED;
        assert_all_four_refused(&admin, &made_up(), code).await;
    })
    .await;
}

/// Tokens came to KRaft with the metadata version 3.6-IV2; brokers that are newer than their
/// metadata offer the requests all the same.
#[tokio::test]
async fn a16_with_an_old_metadata_version_the_broker_refuses_all_that_change_a_token_by_35() {
    lab::in_time(async {
        let admin = alice(&lab::cluster(Profile::OldMetadata)).await;
        let code = BrokerError::UNSUPPORTED_VERSION;
        assert_refused(admin.create_delegation_token(NewToken::new()).await, code);
        assert_refused(admin.renew_delegation_token(&made_up(), None).await, code);
        assert_refused(admin.expire_delegation_token(&made_up(), None).await, code);
        // A broker answers that itself, from its own cache.
        assert_eq!(admin.describe_delegation_tokens(None).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a16_renewing_and_expiring_an_unknown_token_is_refused_by_62() {
    lab::in_time(async {
        let admin = alice(&lab::cluster(Profile::Default)).await;
        let code = BrokerError::DELEGATION_TOKEN_NOT_FOUND;
        assert_refused(admin.renew_delegation_token(&made_up(), None).await, code);
        for after in [None, Some(Duration::ZERO), Some(Duration::from_secs(5))] {
            assert_refused(admin.expire_delegation_token(&made_up(), after).await, code);
        }
    })
    .await;
}

#[tokio::test]
async fn a16_a_stranger_and_even_a_super_user_are_refused_by_63_until_listed_as_renewers() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::Default);
        let owner = alice(&cluster).await;
        let new = NewToken::new().with_renewer(Principal::user("admin"));
        let (closed, open) =
            (owner.create_delegation_token(NewToken::new()).await, owner.create_delegation_token(new).await);
        let (closed, open) = (closed.unwrap(), open.unwrap());
        lab::await_known(&cluster, &closed);
        lab::await_known(&cluster, &open);
        let code = BrokerError::DELEGATION_TOKEN_OWNER_MISMATCH;
        for user in ["bob", "admin"] {
            let other = lab::connect(&cluster, Listener::SaslPlaintext, lab::plain(user)).await.unwrap();
            assert_refused(other.renew_delegation_token(&closed, None).await, code);
            assert_refused(other.expire_delegation_token(&closed, None).await, code);
            if user == "admin" {
                other.renew_delegation_token(&open, None).await.unwrap();
                other.expire_delegation_token(&open, None).await.unwrap();
            } else {
                assert_refused(other.renew_delegation_token(&open, None).await, code);
            }
        }
        owner.expire_delegation_token(&closed, None).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a16_an_anonymous_connection_is_refused_by_64_with_and_without_tls() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::Default);
        let code = BrokerError::DELEGATION_TOKEN_REQUEST_NOT_ALLOWED;
        for listener in [Listener::Plaintext, Listener::Ssl] {
            let nobody = lab::connect(&cluster, listener, ottla::Credentials::None).await.unwrap();
            assert_all_four_refused(&nobody, &made_up(), code).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a16_a_connection_made_by_a_token_is_refused_by_64_even_for_that_token() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::Default);
        let admin = alice(&cluster).await;
        let token = admin.create_delegation_token(NewToken::new()).await.unwrap();
        lab::await_known(&cluster, &token);
        let credentials = lab::token(ScramMechanism::Sha512, &token);
        let executor = lab::connect(&cluster, Listener::SaslSsl, credentials).await.unwrap();
        let code = BrokerError::DELEGATION_TOKEN_REQUEST_NOT_ALLOWED;
        assert_all_four_refused(&executor, &token, code).await;
        admin.expire_delegation_token(&token, None).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a16_a_token_for_somebody_else_is_refused_by_65_without_an_acl() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::Default);
        let bob = lab::connect(&cluster, Listener::SaslPlaintext, lab::plain("bob")).await.unwrap();
        let new = NewToken::new().with_owner(Principal::user("alice"));
        let code = BrokerError::DELEGATION_TOKEN_AUTHORIZATION_FAILED;
        assert_refused(bob.create_delegation_token(new).await, code);
    })
    .await;
}

/// To renew, the controller looks at the expiry before it looks at who asks; to expire, after.
#[tokio::test]
async fn a16_an_expired_token_that_is_not_swept_is_refused_by_66_but_can_be_deleted() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::LongSweep);
        let owner = alice(&cluster).await;
        let stranger = lab::connect(&cluster, Listener::SaslPlaintext, lab::plain("bob")).await.unwrap();
        let token = owner.create_delegation_token(NewToken::new()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(4)).await;
        let later = Some(Duration::from_secs(60));
        for outcome in [
            owner.renew_delegation_token(&token, None).await,
            owner.expire_delegation_token(&token, later).await,
            stranger.renew_delegation_token(&token, None).await,
        ] {
            assert!(outcome.as_ref().is_err_and(Error::needs_new_credentials));
            assert_refused(outcome, BrokerError::DELEGATION_TOKEN_EXPIRED);
        }
        let mismatch = BrokerError::DELEGATION_TOKEN_OWNER_MISMATCH;
        assert_refused(stranger.expire_delegation_token(&token, later).await, mismatch);
        let listed = owner.describe_delegation_tokens(None).await.unwrap();
        let listed = listed.iter().find(|it| it.token.id() == token.id()).unwrap();
        assert_eq!(listed.token.life().unwrap().expires, token.life().unwrap().expires);
        owner.expire_delegation_token(&token, None).await.unwrap();
        let (gone, token) = (BrokerError::DELEGATION_TOKEN_NOT_FOUND, from_a_file(&token));
        for _ in 0..400 {
            if owner.expire_delegation_token(&token, None).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_refused(owner.expire_delegation_token(&token, None).await, gone);
    })
    .await;
}

/// The same token, as if it had come in a file: a client does not wait for such a one.
fn from_a_file(token: &Token) -> Token {
    Token::new(token.id(), token.secret_hmac().clone()).unwrap()
}

#[tokio::test]
async fn a16_a_renewer_that_is_not_a_user_is_refused_by_67() {
    lab::in_time(async {
        let admin = alice(&lab::cluster(Profile::Default)).await;
        let new = NewToken::new().with_renewer(Principal::new("Group", "jobs"));
        assert_refused(admin.create_delegation_token(new).await, BrokerError::INVALID_PRINCIPAL_TYPE);
    })
    .await;
}
