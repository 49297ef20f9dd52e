//! Logging in again on a live connection (KIP-368).

use std::time::Duration;

use super::Fact;
use crate::conformance::made::{told, until, wait};
use crate::conformance::target::Setting;
use crate::support::raw::{Who, own_token};

pub(super) const FACTS: &[&[Fact]] = &[TOKENS, OTHERS, TIMES];

/// Brokers want a second between two logins of a connection.
const A_SECOND: u64 = 1_200;

const TOKENS: &[Fact] = &[
    Fact::new(
        "b",
        "another token of the owner is taken, and its life counts",
        |_| "0 true served true",
        |s| {
            let made = s.made(Setting::Day, "alice");
            let shorter = s.made_by(Setting::Day, "alice", &own_token().with_max_lifetime_ms(3_600_000));
            let mut raw = made.log_in();
            let login = raw.login(shorter.who());
            let hour = Duration::from_secs(3_600);
            let right = login.lifetime <= hour && login.lifetime > hour / 2;
            format!("{} {right} served {}", login.code, raw.is_served())
        },
    ),
    Fact::new(
        "2.5",
        "a renewed token lengthens the session at the next login",
        |_| "0 true",
        |s| {
            let mut made = s.made_by(Setting::Day, "alice", &own_token().with_max_lifetime_ms(-1));
            assert_eq!(made.renew(600_000).0, 0);
            until(|| made.login().lifetime <= Duration::from_secs(600));
            let mut raw = made.log_in();
            assert_eq!(made.renew(-1).0, 0);
            until(|| made.login().lifetime > Duration::from_secs(3_600));
            let login = raw.login(made.who());
            format!("{} {}", login.code, login.lifetime > Duration::from_secs(3_600))
        },
    ),
    Fact::new(
        "b",
        "a token of another owner is refused, both are named, and it is closed",
        |_| "58 at 2: Cannot change principals during re-authentication from User.alice: User.bob served false",
        |s| {
            let (alice, bob) = (s.made(Setting::Day, "alice"), s.made(Setting::Day, "bob"));
            let mut raw = alice.log_in();
            let login = raw.login(bob.who());
            format!("{} served {}", told(&login), raw.is_served())
        },
    ),
    Fact::new(
        "b",
        "a wrong HMAC is refused, the text speaks of re-authentication, and it is closed",
        |_| "58 at 2: Authentication failed during re-authentication due to invalid credentials with SASL mechanism SCRAM-SHA-256 served false",
        |s| {
            let made = s.made(Setting::Day, "alice");
            let mut raw = made.log_in();
            let login = raw.login(Who { password: "d3Jvbmc=", ..made.who() });
            format!("{} served {}", told(&login), raw.is_served())
        },
    ),
    Fact::new(
        "a",
        "a session outlives its deleted token",
        |_| "true",
        |s| {
            let mut made = s.made(Setting::Day, "alice");
            let mut raw = made.log_in();
            made.expire(-1);
            until(|| made.login().code != 0);
            raw.is_served().to_string()
        },
    ),
    Fact::new(
        "a",
        "until it logs in with it again",
        |_| "58 at 1 served false",
        |s| {
            let mut made = s.made(Setting::Day, "alice");
            let mut raw = made.log_in();
            made.expire(-1);
            until(|| made.login().code != 0);
            let login = raw.login(made.who());
            format!("{} at {} served {}", login.code, login.step, raw.is_served())
        },
    ),
];

const OTHERS: &[Fact] = &[
    Fact::new(
        "b",
        "another mechanism is let in by the handshake, then it is closed",
        |_| "0, 0 at 0",
        |s| {
            let made = s.made(Setting::Day, "alice");
            let mut raw = made.log_in();
            let answer = raw.handshake("SCRAM-SHA-512").unwrap().error_code;
            let login = raw.scram(made.who().by("SCRAM-SHA-512"));
            format!("{answer}, {} at {}", login.code, login.step)
        },
    ),
    Fact::new(
        "b",
        "a password of the owner is taken, and token requests are allowed then",
        |_| "64 0 0",
        |s| {
            let made = s.made(Setting::Day, "alice");
            let mut raw = made.log_in();
            let before = raw.create(&own_token()).error_code;
            let login = raw.login(Who::password("alice", "alice-secret"));
            format!("{before} {} {}", login.code, raw.create(&own_token()).error_code)
        },
    ),
    Fact::new(
        "b",
        "a token after a password is taken, and they are refused then",
        |_| "0 0 64",
        |s| {
            let made = s.made(Setting::Reauth5s, "alice");
            let mut raw = made.place.user("alice");
            let before = raw.create(&own_token()).error_code;
            let login = raw.login(made.who());
            format!("{before} {} {}", login.code, raw.create(&own_token()).error_code)
        },
    ),
    Fact::new(
        "i",
        "another user is refused where sessions of passwords end",
        |_| "58 at 2: Cannot change principals during re-authentication from User.alice: User.bob",
        |s| {
            let mut raw = s.place(Setting::Reauth5s).user("alice");
            told(&raw.login(Who::password("bob", "bob-secret")))
        },
    ),
    Fact::new(
        "i",
        "the same user is taken there, for the same time again",
        |_| "0 5s",
        |s| {
            let mut raw = s.place(Setting::Reauth5s).user("alice");
            let login = raw.login(Who::password("alice", "alice-secret"));
            format!("{} {:?}", login.code, login.lifetime)
        },
    ),
];

const TIMES: &[Fact] = &[
    Fact::new(
        "b",
        "the first repeated login may come at once",
        |_| "0",
        |s| {
            let made = s.made(Setting::Day, "alice");
            made.log_in().login(made.who()).code.to_string()
        },
    ),
    Fact::new(
        "b",
        "the next within a second is put off, and the connection goes on",
        |_| "34 0 served true",
        |s| {
            let made = s.made(Setting::Day, "alice");
            // On a busy machine a second may have passed before the handshake is there.
            for _ in 0..20 {
                let mut raw = made.log_in();
                assert_eq!(raw.login(made.who()).code, 0);
                let early = raw.handshake("SCRAM-SHA-256").unwrap();
                if early.error_code != 0 {
                    let (code, offered) = (early.error_code, early.mechanisms.len());
                    return format!("{code} {offered} served {}", raw.is_served());
                }
            }
            "never put off".to_owned()
        },
    ),
    Fact::new(
        "b",
        "after a second it is taken",
        |_| "0 0",
        |s| {
            let made = s.made(Setting::Day, "alice");
            let mut raw = made.log_in();
            let first = raw.login(made.who()).code;
            wait(A_SECOND);
            format!("{first} {}", raw.login(made.who()).code)
        },
    ),
    Fact::new(
        "i",
        "a session without an end takes no login, and goes on",
        |_| "34 served true",
        |s| {
            let mut raw = s.day().user("alice");
            let code = raw.handshake("SCRAM-SHA-256").unwrap().error_code;
            format!("{code} served {}", raw.is_served())
        },
    ),
];
