//! A mechanism of the user's own against real brokers: OAUTHBEARER with unsecured tokens (KIP-255).

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use ottla::sasl::{CustomStep, Mechanism, MechanismError};
use ottla::secret::Secret;
use ottla::time::{Clock, SystemClock};
use ottla::{AtShutdown, Credentials, ErrorKind, NewToken, ScramMechanism, Target, TokenKeeper};
use ottla_lab::{Listener, Profile};
use support::lab;

#[derive(Clone)]
struct OauthBearer {
    token: Secret,
}

impl Mechanism for OauthBearer {
    fn name(&self) -> &str {
        "OAUTHBEARER"
    }

    fn step(self: Box<Self>, _challenge: &[u8]) -> Result<CustomStep, MechanismError> {
        let message = [b"n,,\x01auth=Bearer ", self.token.secret_bytes(), b"\x01\x01"].concat();
        Ok(CustomStep::Last { response: Secret::new(message), next: self })
    }

    fn finish(self: Box<Self>, server_last: &[u8]) -> Result<(), MechanismError> {
        match server_last {
            b"" => Ok(()),
            reason => Err(MechanismError::new(String::from_utf8_lossy(reason))),
        }
    }
}

/// An unsecured JSON Web Signature for `user`, good for so many seconds from now.
fn jws(user: &str, seconds: i64) -> Secret {
    let now = SystemClock.now().as_millis() / 1_000;
    let part = |json: &str| Base64UrlUnpadded::encode_string(json.as_bytes());
    let claims = format!(r#"{{"sub":"{user}","iat":{},"exp":{}}}"#, now - 60, now + seconds);
    Secret::from(format!("{}.{}.", part(r#"{"alg":"none"}"#), part(&claims)))
}

/// Counts how often a mechanism was made.
fn credentials(token: Secret) -> (Arc<AtomicU32>, Credentials) {
    let made = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&made);
    let bearer = OauthBearer { token };
    let factory = move |_host: &str, _port: u16| -> Result<Box<dyn Mechanism>, MechanismError> {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(bearer.clone()))
    };
    (made, Credentials::Custom(Arc::new(factory)))
}

#[tokio::test]
async fn a_login_by_a_bearer_token_makes_a_delegation_token_that_logs_in_by_scram() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::Default);
        let (made, credentials) = credentials(jws("alice", 600));
        let client = lab::connect(&cluster, Listener::SaslPlaintext, credentials).await.unwrap();
        assert_eq!((made.load(Ordering::SeqCst), client.statistics().logins), (1, 1));
        let token = client.create_delegation_token(NewToken::new()).await.unwrap();
        assert_eq!(token.owner().unwrap().name(), "alice");
        lab::await_known(&cluster, &token);
        let executor = lab::token(ScramMechanism::Sha256, &token);
        lab::connect(&cluster, Listener::SaslPlaintext, executor).await.unwrap();
        client.expire_delegation_token(&token, None).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_keeper_logs_in_by_a_mechanism_of_ones_own() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::Default);
        let (made, credentials) = credentials(jws("alice", 600));
        let admin = lab::config(&cluster, Listener::SaslPlaintext, credentials);
        let target = Target::of(&admin);
        let keeper = TokenKeeper::new(admin, target).start().await.unwrap();
        let executor = lab::token(ScramMechanism::Sha512, &keeper.source().current());
        lab::connect(&cluster, Listener::SaslPlaintext, executor).await.unwrap();
        assert!(made.load(Ordering::SeqCst) >= 1);
        keeper.shutdown(AtShutdown::Expire).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_refused_bearer_token_is_an_auth_error_with_the_reason_of_the_server_and_tried_once() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::Default);
        for token in [jws("alice", -30), Secret::from("no.jws.at.all")] {
            let (made, credentials) = credentials(token);
            let error = lab::connect(&cluster, Listener::SaslPlaintext, credentials).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Auth);
            assert!(!error.is_retriable());
            assert_eq!(made.load(Ordering::SeqCst), 1);
            let shown = ottla::explained(&error);
            assert!(shown.contains("invalid_token"), "{shown}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_logs_in_again_takes_a_fresh_mechanism_each_time() {
    lab::in_time(async {
        let cluster = lab::cluster(Profile::Reauth5s);
        let (made, credentials) = credentials(jws("admin", 600));
        let client = lab::connect(&cluster, Listener::SaslPlaintext, credentials).await.unwrap();
        // Nobody logs in again for a connection that nobody uses.
        for _ in 0..22 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            client.list_topics().await.unwrap();
        }
        let statistics = client.statistics();
        assert_eq!((statistics.connections, statistics.logins), (1, 1));
        assert_eq!(u64::from(made.load(Ordering::SeqCst)), 1 + statistics.reauthentications);
        assert!(statistics.reauthentications >= 2, "{statistics:?}");
    })
    .await;
}
