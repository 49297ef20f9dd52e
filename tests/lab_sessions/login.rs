//! SCRAM logins with tokens, message by message.

use std::time::Duration;

use ottla_lab::{Listener, Profile};

use super::Made;
use crate::support::lab;
use crate::support::raw::{Login, Raw, Who, now};

fn refusal(mechanism: &str) -> String {
    format!(
        "Authentication failed during authentication due to invalid credentials with SASL mechanism {mechanism}"
    )
}

fn try_login(made: &Made, who: Who<'_>) -> Login {
    Raw::connect(&made.cluster, 1, Listener::SaslPlaintext).login(who)
}

#[test]
fn every_wrong_credential_is_refused_by_58_and_the_same_text_but_not_at_the_same_step() {
    let made = Made::by("alice", Profile::Default);
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let token = made.who().by(mechanism);
        let unknown = Who { user: "AAAAAAAAAAAAAAAAAAAAAA", ..token };
        let wrong = Who { password: "d3Jvbmc=", ..token };
        let no_extension = Who { tokenauth: false, ..token };
        let user_as_token = Who { user: "alice", password: "alice-secret", ..token };
        for (who, step) in [(unknown, 1), (wrong, 2), (no_extension, 1), (user_as_token, 1)] {
            let login = try_login(&made, who);
            assert_eq!((login.code, login.step), (58, step), "{who:?}");
            assert_eq!(login.text, refusal(mechanism), "{who:?}");
        }
    }
}

#[test]
fn the_extension_may_be_written_in_capitals_but_only_after_the_nonce_and_only_true() {
    let made = Made::by("alice", Profile::Default);
    let id = made.token.token_id.as_str();
    let login = |first_bare: &str| {
        let mut raw = Raw::connect(&made.cluster, 1, Listener::SaslPlaintext);
        assert_eq!(raw.handshake("SCRAM-SHA-256").unwrap().error_code, 0);
        raw.scram_with_first(made.who(), first_bare).code
    };
    let nonce = "r=fyko+d2lbbFgONRv9qkxdawL";
    assert_eq!(login(&format!("n={id},{nonce},tokenauth=true")), 0);
    assert_eq!(login(&format!("n={id},{nonce},tokenauth=TRUE")), 0);
    assert_eq!(login(&format!("n={id},{nonce},tokenauth=false")), 58);
    assert_eq!(login(&format!("n={id},tokenauth=true,{nonce}")), 58);
}

#[test]
fn every_version_of_sasl_authenticate_logs_in_but_version_0_hides_when_the_session_ends() {
    let made = Made::by("alice", Profile::Default);
    for version in 0..=2 {
        let raw = Raw::connect(&made.cluster, 1, Listener::SaslPlaintext);
        let login = raw.with_sasl_version(version).login(made.who());
        assert_eq!((login.code, login.step), (0, 2), "version {version}");
        assert_eq!(login.lifetime.is_zero(), version == 0, "{login:?}");
    }
}

/// Kafka's default is 100 ms; a client that tries again in a loop waits as long each time.
#[test]
fn a_refusal_comes_no_sooner_than_the_delay_for_failed_logins() {
    let cluster = lab::cluster(Profile::AuthDelay);
    let began = now();
    let mut raw = Raw::connect(&cluster, 1, Listener::SaslPlaintext);
    assert_eq!(raw.login(Who::token("AAAAAAAAAAAAAAAAAAAAAA", "d3Jvbmc=")).code, 58);
    println!("refused after {:?}", began.elapsed());
    assert!(began.elapsed() > Duration::from_millis(90));
}

#[test]
fn a_token_is_hashed_4096_times_for_both_mechanisms() {
    let made = Made::by("alice", Profile::Default);
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
        assert_eq!(try_login(&made, made.who().by(mechanism)).iterations, "4096");
    }
}

#[test]
fn the_salt_differs_by_broker_and_mechanism_and_stays_until_the_token_is_renewed_or_its_expiry_moved() {
    let mut made = Made::by("alice", Profile::Default);
    let salts = |made: &Made| -> Vec<String> {
        let all = (1..=3).flat_map(|broker| [(broker, "SCRAM-SHA-256"), (broker, "SCRAM-SHA-512")]);
        all.map(|(broker, mechanism)| {
            Raw::connect(&made.cluster, broker, Listener::SaslPlaintext).login(made.who().by(mechanism)).salt
        })
        .collect()
    };
    let first = salts(&made);
    for (place, salt) in first.iter().enumerate() {
        assert!(!first[..place].contains(salt), "{first:?}");
    }
    assert_eq!(salts(&made), first);
    let hmac = made.hmac();
    type Change = fn(&mut Raw, &bytes::Bytes) -> (i16, i64);
    let changes: [Change; 2] =
        [|owner, hmac| owner.renew_known(hmac, -1), |owner, hmac| owner.expire_known(hmac, 3_600_000)];
    let mut before = first;
    for change in changes {
        assert_eq!(change(&mut made.owner, &hmac).0, 0);
        for _ in 0..400 {
            if salts(&made).iter().zip(&before).all(|(new, old)| new != old) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let after = salts(&made);
        assert!(after.iter().zip(&before).all(|(new, old)| new != old), "{after:?} {before:?}");
        before = after;
    }
}

#[test]
fn a_deleted_token_is_refused_like_one_that_never_was() {
    let mut made = Made::by("alice", Profile::Default);
    let hmac = made.hmac();
    assert_eq!(made.owner.expire_known(&hmac, -1).0, 0);
    for _ in 0..400 {
        let login = try_login(&made, made.who());
        if login.code != 0 {
            assert_eq!((login.code, login.step), (58, 1));
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("a deleted token logs in");
}

#[test]
fn a_listener_lists_its_mechanisms_when_it_is_asked_for_another_and_answers_33() {
    let cluster = lab::cluster(Profile::Default);
    let answer = Raw::connect(&cluster, 1, Listener::SaslPlaintext).handshake("GSSAPI").unwrap();
    let mut offered: Vec<_> = answer.mechanisms.iter().map(ToString::to_string).collect();
    offered.sort_unstable();
    assert_eq!(answer.error_code, 33);
    assert_eq!(offered, ["OAUTHBEARER", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]);
}
