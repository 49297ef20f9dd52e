//! The end of a session, and of a token.

use std::time::Duration;

use ottla_lab::{Listener, Profile};

use super::Made;
use crate::support::lab;
use crate::support::raw::{Raw, Who, now};

#[test]
fn a_password_session_has_no_end_unless_the_broker_sets_one() {
    let who = Who::password("alice", "alice-secret");
    for (profile, lifetime) in [(Profile::Default, 0), (Profile::Reauth5s, 5_000)] {
        let cluster = lab::cluster(profile);
        let login = Raw::connect(&cluster, 1, Listener::SaslPlaintext).login(who);
        assert_eq!((login.code, login.lifetime), (0, Duration::from_millis(lifetime)));
    }
}

#[test]
fn a_token_session_ends_with_the_token_or_earlier_where_the_broker_says_so() {
    let day = Duration::from_secs(86_400);
    for (profile, longest) in [(Profile::Default, day), (Profile::Reauth5s, Duration::from_secs(5))] {
        let made = Made::by("alice", profile);
        let login = Raw::connect(&made.cluster, 1, Listener::SaslPlaintext).login(made.who());
        assert_eq!(login.code, 0);
        assert!(login.lifetime <= longest && login.lifetime > longest * 9 / 10, "{login:?}");
    }
}

#[test]
fn after_its_end_a_session_answers_the_first_request_by_closing_and_the_broker_counts_it() {
    let made = Made::by("alice", Profile::LongSweep);
    let mut raw = made.log_in();
    let killed = || made.cluster.metric_sum("expired-connections-killed-count").unwrap();
    let before = killed();
    assert!(raw.is_served());
    std::thread::sleep(Duration::from_secs(4));
    assert!(!raw.is_served());
    let patience = now() + Duration::from_secs(20);
    while killed() <= before {
        assert!(now() < patience, "it was not counted");
    }
}

#[test]
fn after_its_end_a_session_still_takes_a_login_and_lives_on() {
    let made = Made::by("alice", Profile::Reauth5s);
    let mut by_password = Raw::logged_in(&made.cluster, 1, Who::password("alice", "alice-secret"));
    let (made, other) = made.another(-1);
    let mut by_token = made.log_in();
    std::thread::sleep(Duration::from_millis(5_500));
    assert_eq!(by_password.login(Who::password("alice", "alice-secret")).code, 0);
    assert!(by_password.is_served());
    assert_eq!(by_token.login(other.who()).code, 0);
    assert!(by_token.is_served());
}

#[test]
fn an_expired_token_that_is_not_swept_logs_in_for_a_session_of_no_length_which_serves_nothing() {
    let made = Made::by("alice", Profile::LongSweep);
    std::thread::sleep(Duration::from_secs(4));
    let mut raw = Raw::connect(&made.cluster, 1, Listener::SaslPlaintext);
    let login = raw.login(made.who());
    assert_eq!((login.code, login.lifetime), (0, Duration::ZERO));
    assert!(!raw.is_served());
}

#[test]
fn a_session_that_its_expired_token_has_ended_is_revived_by_a_fresh_token_of_the_same_owner() {
    let made = Made::by("alice", Profile::LongSweep);
    let mut raw = made.log_in();
    std::thread::sleep(Duration::from_secs(4));
    let (_, mut fresh) = made.another(-1);
    let hmac = fresh.hmac();
    assert_eq!(fresh.owner.expire_known(&hmac, 3_600_000).0, 0);
    lab::await_long_lived(&fresh.cluster, &fresh.known());
    let login = raw.login(fresh.who());
    assert_eq!(login.code, 0, "{login:?}");
    assert!(login.lifetime > Duration::from_secs(60), "{login:?}");
    assert!(raw.is_served());
}

#[test]
fn an_expired_token_is_refused_by_58_once_it_is_swept_and_by_62_when_it_is_renewed() {
    let made = Made::by("alice", Profile::ShortToken);
    let (_, mut made) = made.another(2_000);
    std::thread::sleep(Duration::from_secs(2));
    let patience = now() + Duration::from_secs(30);
    loop {
        let login = Raw::connect(&made.cluster, 1, Listener::SaslPlaintext).login(made.who());
        if login.code != 0 {
            assert_eq!((login.code, login.step), (58, 1));
            break;
        }
        assert!(now() < patience, "the token is not swept");
        std::thread::sleep(Duration::from_millis(50));
    }
    let hmac = made.hmac();
    assert_eq!(made.owner.renew(&hmac, -1).0, 62);
    assert_eq!(made.owner.expire(&hmac, -1).0, 62);
}

/// The end that counts is the one that the broker had published at the login.
#[test]
fn a_shortened_token_shortens_sessions_only_from_when_the_broker_has_published_it() {
    let mut made = Made::by("alice", Profile::Default);
    let hmac = made.hmac();
    assert_eq!(made.owner.expire_known(&hmac, 60_000).0, 0);
    let began = now();
    let mut longer = 0;
    loop {
        let login = Raw::connect(&made.cluster, 1, Listener::SaslPlaintext).login(made.who());
        assert_eq!(login.code, 0);
        if login.lifetime <= Duration::from_secs(60) {
            break;
        }
        longer += 1;
        assert!(began.elapsed() < Duration::from_secs(30));
    }
    println!("{longer} logins in {:?} got the old end", began.elapsed());
}
