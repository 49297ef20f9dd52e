//! Logging in again on a live connection (KIP-368).

use std::time::Duration;

use ottla_lab::Profile;

use super::Made;
use crate::support::lab;
use crate::support::raw::{Raw, Who, own_token};

/// Brokers want this between two logins of a connection.
const A_SECOND: Duration = Duration::from_millis(1_100);

#[test]
fn another_token_of_the_same_owner_is_taken_and_its_life_counts_from_then_on() {
    let made = Made::by("alice", Profile::Default);
    let (made, shorter) = made.another(3_600_000);
    let mut raw = made.log_in();
    let login = raw.login(shorter.who());
    assert_eq!(login.code, 0, "{login:?}");
    assert!(login.lifetime <= Duration::from_secs(3_600) && login.lifetime > Duration::from_secs(3_500));
    assert!(raw.is_served());
}

#[test]
fn the_first_repeated_login_may_come_at_once_and_the_second_is_put_off_by_34_for_a_second() {
    let made = Made::by("alice", Profile::Default);
    let mut raw = made.log_in();
    assert_eq!(raw.login(made.who()).code, 0);
    let early = raw.handshake("SCRAM-SHA-256").unwrap();
    assert_eq!((early.error_code, early.mechanisms.len()), (34, 0));
    assert!(raw.is_served());
    std::thread::sleep(A_SECOND);
    assert_eq!(raw.login(made.who()).code, 0);
    assert!(raw.is_served());
}

#[test]
fn a_session_without_an_end_answers_a_login_by_34_and_goes_on() {
    let cluster = lab::cluster(Profile::Default);
    let who = Who::password("alice", "alice-secret");
    let mut raw = Raw::logged_in(&cluster, 1, who);
    assert_eq!(raw.handshake("SCRAM-SHA-256").unwrap().error_code, 34);
    assert!(raw.is_served());
}

#[test]
fn another_owner_is_refused_by_58_which_names_both_and_the_connection_is_closed() {
    let alice = Made::by("alice", Profile::Default);
    let bob = Made::by("bob", Profile::Default);
    let mut raw = alice.log_in();
    let login = raw.login(bob.who());
    assert_eq!(login.code, 58);
    assert_eq!(login.text, "Cannot change principals during re-authentication from User.alice: User.bob");
    assert!(!raw.is_served());
}

#[test]
fn another_mechanism_is_let_in_by_the_handshake_and_then_the_connection_is_closed() {
    let made = Made::by("alice", Profile::Default);
    let mut raw = made.log_in();
    assert_eq!(raw.handshake("SCRAM-SHA-512").unwrap().error_code, 0);
    let login = raw.scram(made.who().by("SCRAM-SHA-512"));
    assert_eq!((login.code, login.step), (0, 0), "{login:?}");
    assert!(!raw.is_served());
}

#[test]
fn a_wrong_hmac_is_refused_by_58_which_speaks_of_re_authentication_and_the_connection_is_closed() {
    let made = Made::by("alice", Profile::Default);
    let mut raw = made.log_in();
    let login = raw.login(Who { password: "d3Jvbmc=", ..made.who() });
    assert_eq!((login.code, login.step), (58, 2));
    assert!(login.text.contains("during re-authentication"), "{login:?}");
    assert!(!raw.is_served());
}

#[test]
fn a_live_session_outlives_its_deleted_token_until_it_logs_in_again() {
    let mut made = Made::by("alice", Profile::Default);
    let mut raw = made.log_in();
    let hmac = made.hmac();
    assert_eq!(made.owner.expire_known(&hmac, -1).0, 0);
    std::thread::sleep(Duration::from_secs(3));
    assert!(raw.is_served());
    let login = raw.login(made.who());
    assert_eq!((login.code, login.step), (58, 1));
    assert!(login.text.contains("during re-authentication"), "{login:?}");
    assert!(!raw.is_served());
}

#[test]
fn a_password_after_a_token_is_taken_and_token_requests_are_then_allowed() {
    let made = Made::by("alice", Profile::Default);
    let mut raw = made.log_in();
    assert_eq!(raw.create(&own_token()).error_code, 64);
    assert_eq!(raw.login(Who::password("alice", "alice-secret")).code, 0);
    assert_eq!(raw.create(&own_token()).error_code, 0);
}

#[test]
fn a_token_after_a_password_is_taken_where_the_session_ends_and_token_requests_are_then_refused() {
    let made = Made::by("alice", Profile::Reauth5s);
    let mut raw = Raw::logged_in(&made.cluster, 1, Who::password("alice", "alice-secret"));
    assert_eq!(raw.create(&own_token()).error_code, 0);
    assert_eq!(raw.login(made.who()).code, 0);
    assert_eq!(raw.create(&own_token()).error_code, 64);
}

#[test]
fn renewing_a_token_lengthens_no_live_session_but_the_next_login_of_it() {
    let made = Made::by("alice", Profile::Default);
    let (_, mut made) = made.another(3_600_000);
    let hmac = made.hmac();
    assert_eq!(made.owner.renew_known(&hmac, 60_000).0, 0);
    let mut raw = Raw::connect(&made.cluster, 1, ottla_lab::Listener::SaslPlaintext);
    // The renewal takes effect when the broker publishes it.
    let mut lifetime = Duration::MAX;
    for _ in 0..400 {
        raw = Raw::connect(&made.cluster, 1, ottla_lab::Listener::SaslPlaintext);
        lifetime = raw.login(made.who()).lifetime;
        if lifetime <= Duration::from_secs(60) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(lifetime <= Duration::from_secs(60), "{lifetime:?}");
    assert_eq!(made.owner.renew(&hmac, -1).0, 0);
    std::thread::sleep(Duration::from_secs(3));
    let login = raw.login(made.who());
    assert_eq!(login.code, 0);
    assert!(login.lifetime > Duration::from_secs(3_000), "{login:?}");
}
