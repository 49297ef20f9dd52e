//! Tokens made by every kind of login, and logins by tokens.

use ottla::ids::Principal;
use ottla::secret::Secret;
use ottla::{BrokerError, Cluster, Error, ErrorKind, NewToken, NewTopic, ScramMechanism, Token};
use ottla_lab::{Listener, Profile};

use crate::support::lab;

const MECHANISMS: [ScramMechanism; 2] = [ScramMechanism::Sha256, ScramMechanism::Sha512];

/// Makes a token as `user` and logs in with it by both mechanisms on both SASL listeners.
async fn makes_a_token_that_works(cluster: ottla_lab::Cluster, admin: Result<Cluster, Error>, user: &str) {
    let admin = admin.unwrap();
    let token = admin.create_delegation_token(NewToken::new()).await.unwrap();
    assert_eq!(token.owner(), Some(&Principal::user(user)));
    assert_eq!(token.requester(), Some(&Principal::user(user)));
    lab::await_known(&cluster, &token);
    for listener in [Listener::SaslPlaintext, Listener::SaslSsl] {
        for mechanism in MECHANISMS {
            let executor = lab::connect(&cluster, listener, lab::token(mechanism, &token)).await.unwrap();
            assert_eq!(executor.statistics().logins, 1);
        }
    }
    admin.expire_delegation_token(&token, None).await.unwrap();
}

#[tokio::test]
async fn a_token_made_by_a_plain_login_logs_in_by_both_scram_mechanisms_on_both_sasl_listeners() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::Default);
        let admin = lab::connect(&cluster, Listener::SaslPlaintext, lab::plain("alice")).await;
        makes_a_token_that_works(cluster, admin, "alice").await;
    })
    .await;
}

#[tokio::test]
async fn so_does_one_made_by_a_scram_sha_256_login() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::Default);
        let credentials = lab::scram(ScramMechanism::Sha256, "alice");
        let admin = lab::connect(&cluster, Listener::SaslPlaintext, credentials).await;
        makes_a_token_that_works(cluster, admin, "alice").await;
    })
    .await;
}

#[tokio::test]
async fn so_does_one_made_by_a_scram_sha_512_login_over_tls() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::Default);
        let credentials = lab::scram(ScramMechanism::Sha512, "bob");
        let admin = lab::connect(&cluster, Listener::SaslSsl, credentials).await;
        makes_a_token_that_works(cluster, admin, "bob").await;
    })
    .await;
}

#[tokio::test]
async fn a_token_made_with_a_client_certificate_logs_in_on_other_listeners() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::Default);
        let admin = lab::connect_by_certificate(&cluster, "alice").await;
        makes_a_token_that_works(cluster, admin, "alice").await;
    })
    .await;
}

#[tokio::test]
async fn a_token_may_do_what_its_owner_may_and_no_more() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::Default);
        for (user, allowed) in [("admin", true), ("alice", false)] {
            let admin = lab::connect(&cluster, Listener::SaslPlaintext, lab::plain(user)).await.unwrap();
            let token = admin.create_delegation_token(NewToken::new()).await.unwrap();
            lab::await_known(&cluster, &token);
            let credentials = lab::token(ScramMechanism::Sha256, &token);
            let executor = lab::connect(&cluster, Listener::SaslPlaintext, credentials).await.unwrap();
            let made = executor.create_topics(vec![NewTopic::new(format!("made-by-{}", token.id()))]).await;
            match allowed {
                true => made.unwrap(),
                false => {
                    let refused = ErrorKind::Broker(BrokerError::TOPIC_AUTHORIZATION_FAILED);
                    assert_eq!(made.unwrap_err().kind(), refused);
                }
            }
        }
    })
    .await;
}

/// The text is the same for a wrong password, so only the step tells the two apart.
#[tokio::test]
async fn an_unknown_token_and_a_wrong_hmac_are_told_apart_by_the_step_that_fails() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::Default);
        let admin = lab::connect(&cluster, Listener::SaslPlaintext, lab::plain("alice")).await.unwrap();
        let token = admin.create_delegation_token(NewToken::new()).await.unwrap();
        lab::await_known(&cluster, &token);
        let wrong = Token::new(token.id(), Secret::new(vec![7; 64])).unwrap();
        let unknown = Token::new("AAAAAAAAAAAAAAAAAAAAAA", Secret::new(vec![7; 64])).unwrap();
        for (token, unknown_user) in [(wrong, false), (unknown, true)] {
            for mechanism in MECHANISMS {
                let credentials = lab::token(mechanism, &token);
                let error = lab::connect(&cluster, Listener::SaslPlaintext, credentials).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Auth);
                assert!(error.needs_new_credentials() && !error.is_retriable());
                assert_eq!(error.is_unknown_user(), unknown_user, "{error:?}");
            }
        }
    })
    .await;
}
