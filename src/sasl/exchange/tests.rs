use super::*;
use crate::sasl::transcript::{self, Transcript};
use crate::sasl::{MechanismError, MechanismFactory};

fn last(step: Step) -> (Secret, AwaitingOutcome) {
    match step {
        Step::Last { response, next } => (response, next),
        other => panic!("{other:?}"),
    }
}

fn plain(user: &str, password: &str) -> Result<Step, Error> {
    Exchange::plain(user, Secret::from(password)).step(b"")
}

#[test]
fn plain_says_all_in_one_message_as_in_rfc_4616() {
    let (response, next) = last(plain("tim", "tanstaaftanstaaf").unwrap());
    assert_eq!(response, Secret::from("\0tim\0tanstaaftanstaaf"));
    assert!(next.finish(b"").is_ok());
}

#[test]
fn plain_refuses_credentials_that_cannot_be_sent() {
    let refuses = |user, password| plain(user, password).unwrap_err();
    assert_eq!(refuses("", "secret"), Error::EmptyUserName);
    assert_eq!(refuses("a\0b", "secret"), Error::ControlCharacter);
    assert_eq!(refuses("alice", ""), Error::EmptyPassword);
    assert_eq!(refuses("alice", "a\0b"), Error::NulInPassword);
}

/// OAUTHBEARER with an unsecured token (RFC 7628; KIP-255): the broker's reason comes as a
/// challenge, which is answered by one byte.
struct OauthBearer {
    token: Secret,
    sent: bool,
}

impl Mechanism for OauthBearer {
    fn name(&self) -> &str {
        "OAUTHBEARER"
    }

    fn step(mut self: Box<Self>, challenge: &[u8]) -> Result<CustomStep, MechanismError> {
        if self.sent {
            return Err(MechanismError::new(String::from_utf8_lossy(challenge)));
        }
        self.sent = true;
        let parts = [b"n,,\x01auth=Bearer ".as_slice(), self.token.secret_bytes(), b"\x01\x01"];
        Ok(CustomStep::Send { response: Secret::new(parts.concat()), next: self })
    }
}

/// Has nothing to say.
struct Mute;

impl Mechanism for Mute {
    fn name(&self) -> &str {
        "MUTE"
    }

    fn step(self: Box<Self>, _: &[u8]) -> Result<CustomStep, MechanismError> {
        Ok(CustomStep::Last { response: Secret::from(""), next: self })
    }
}

fn text(secret: &Secret) -> &str {
    std::str::from_utf8(secret.secret_bytes()).unwrap()
}

#[test]
fn says_and_accepts_what_kafka_does() {
    let by_classes = [transcript::TOKEN_SHA_512, transcript::TOKEN_SHA_256, transcript::USER_SHA_512];
    let by_a_broker = [transcript::BROKER_TOKEN_SHA_512, transcript::BROKER_USER_SHA_256];
    for login in by_classes.into_iter().chain(by_a_broker) {
        let exchange = Exchange::scram(login.credentials(), Transcript::ENTROPY);
        let Step::Send { response, next } = exchange.step(b"").unwrap() else { panic!() };
        assert_eq!(text(&response), login.client_first);
        let step = next.step(login.server_first.as_bytes()).unwrap();
        let Step::Derive { derivation, next } = step else { panic!() };
        let Step::Send { response, next } = next.with_key(derivation.derive()).unwrap() else { panic!() };
        assert_eq!(text(&response), login.client_final);
        assert!(matches!(next.step(login.server_final.as_bytes()), Ok(Step::Done(_))));
    }
}

fn bearer() -> Exchange {
    let factory = |host: &str, port: u16| -> Result<Box<dyn Mechanism>, MechanismError> {
        Ok(Box::new(OauthBearer { token: format!("for-{host}-{port}").into(), sent: false }))
    };
    Exchange::custom(factory.mechanism("broker", 9093).unwrap())
}

#[test]
fn a_custom_mechanism_is_made_for_one_broker_and_says_its_response() {
    let exchange = bearer();
    assert_eq!(exchange.mechanism(), "OAUTHBEARER");
    let Step::Send { response, next } = exchange.step(b"").unwrap() else { panic!() };
    assert_eq!(response, Secret::from("n,,\x01auth=Bearer for-broker-9093\x01\x01"));
    assert_eq!(next.mechanism(), "OAUTHBEARER");
}

#[test]
fn a_custom_mechanism_fails_the_exchange_with_its_own_reason() {
    let Step::Send { next, .. } = bearer().step(b"").unwrap() else { panic!() };
    let reason = r#"{"status":"invalid_token"}"#;
    let error = next.step(reason.as_bytes()).unwrap_err();
    assert_eq!(error, Error::Mechanism(MechanismError::new(reason)));
}

#[test]
fn a_mechanism_that_expects_no_last_words_refuses_them() {
    let outcome = |server_last: &[u8]| {
        let (_, next) = last(Exchange::custom(Box::new(Mute)).step(b"").unwrap());
        next.finish(server_last).map(|_| ())
    };
    assert_eq!(outcome(b""), Ok(()));
    assert!(matches!(outcome(b"more"), Err(Error::Mechanism(_))));
}

#[test]
fn the_name_of_a_mechanism_is_the_same_through_all_steps() {
    let credentials = transcript::TOKEN_SHA_512.credentials();
    let exchange = Exchange::scram(credentials, [0; 24]);
    assert_eq!(exchange.mechanism(), "SCRAM-SHA-512");
    let Step::Send { next, .. } = exchange.step(b"").unwrap() else { panic!() };
    assert_eq!(next.mechanism(), "SCRAM-SHA-512");
    assert_eq!(Exchange::plain("alice", Secret::from("secret")).mechanism(), "PLAIN");
}

#[test]
fn debug_output_shows_no_secret() {
    let exchange = Exchange::plain("alice", Secret::from("hunter2"));
    let shown =
        format!("{exchange:?} {:?} {:?} {:?}", plain("alice", "hunter2"), bearer(), bearer().step(b""));
    assert!(!shown.contains("hunter2") && !shown.contains("for-broker"), "{shown}");
}

#[cfg(feature = "kerberos")]
#[test]
fn a_broker_that_accepts_gssapi_has_nothing_more_to_say() {
    assert!(AwaitingOutcome::gssapi().finish(b"").is_ok());
    let error = AwaitingOutcome::gssapi().finish(b"more").unwrap_err();
    assert!(matches!(error, Error::Mechanism(_)), "{error:?}");
}
