//! The ends of sessions, and of tokens under them.

use std::time::Duration;

use kafka_protocol::messages::MetadataRequest;
use ottla_testkit::Protocol;

use super::Fact;
use crate::conformance::made::{until, wait};
use crate::conformance::target::Setting;
use crate::support::raw::Who;

pub(super) const FACTS: &[&[Fact]] = &[LIFETIMES, OVER];

fn near(got: Duration, want: u64) -> String {
    let want = Duration::from_secs(want);
    let right = got <= want && got + Duration::from_secs(30) > want;
    if right { "as said".to_owned() } else { format!("{got:?}") }
}

const LIFETIMES: &[Fact] = &[
    Fact::new(
        "h",
        "a password's session has no end: 0",
        |_| "0 0ns",
        |s| {
            let place = s.day();
            let login = place.open(1, Protocol::SaslPlaintext).login(Who::password("alice", "alice-secret"));
            format!("{} {:?}", login.code, login.lifetime)
        },
    ),
    Fact::new(
        "h",
        "where the broker sets one, it has that",
        |_| "0 5s",
        |s| {
            let place = s.place(Setting::Reauth5s);
            let login = place.open(1, Protocol::SaslPlaintext).login(Who::password("alice", "alice-secret"));
            format!("{} {:?}", login.code, login.lifetime)
        },
    ),
    Fact::new(
        "h",
        "a token's session ends with the token",
        |_| "as said",
        |s| near(s.made(Setting::Day, "alice").login().lifetime, 86_400),
    ),
    Fact::new(
        "h",
        "or when the broker says, if that is earlier",
        |_| "5s",
        |s| format!("{:?}", s.made(Setting::Reauth5s, "alice").login().lifetime),
    ),
    Fact::new(
        "2.5",
        "a token nearer to its end than the broker's time has the shorter one",
        |_| "true",
        |s| {
            let made = s.made(Setting::LongSweep, "alice");
            (made.login().lifetime <= Duration::from_secs(3)).to_string()
        },
    ),
    Fact::new(
        "h",
        "a shortened token shortens sessions once the broker has published it",
        |_| "as said",
        |s| {
            let mut made = s.made(Setting::Day, "alice");
            made.expire(60_000);
            until(|| made.login().lifetime <= Duration::from_secs(60));
            near(made.login().lifetime, 60)
        },
    ),
    Fact::new(
        "h",
        "a lengthened token lengthens them",
        |_| "as said",
        |s| {
            let mut made = s.made(Setting::Day, "alice");
            made.expire(2 * 86_400_000);
            until(|| made.login().lifetime > Duration::from_secs(90_000));
            near(made.login().lifetime, 2 * 86_400)
        },
    ),
    Fact::new(
        "c",
        "a token that is over but not swept logs in for no time",
        |_| "0 0ns",
        |s| {
            let made = s.made(Setting::LongSweep, "alice");
            wait(4_000);
            let login = made.login();
            format!("{} {:?}", login.code, login.lifetime)
        },
    ),
];

const OVER: &[Fact] = &[
    Fact::new(
        "c",
        "and its first request is answered by closing",
        |_| "0 served false",
        |s| {
            let made = s.made(Setting::LongSweep, "alice");
            wait(4_000);
            let mut raw = made.open();
            let code = raw.login(made.who()).code;
            format!("{code} served {}", raw.is_served())
        },
    ),
    Fact::new(
        "h",
        "before its end a session serves, after it ApiVersions closes",
        |_| "true false",
        |s| {
            let made = s.made(Setting::LongSweep, "alice");
            let mut raw = made.log_in();
            let before = raw.is_served();
            wait(4_000);
            format!("{before} {}", raw.is_served())
        },
    ),
    Fact::new(
        "h",
        "so does Metadata",
        |_| "closed",
        |s| {
            let made = s.made(Setting::LongSweep, "alice");
            let mut raw = made.log_in();
            wait(4_000);
            raw.call(12, &MetadataRequest::default()).map_or("closed", |_| "served").to_owned()
        },
    ),
    Fact::new(
        "2.5",
        "the broker counts it",
        |_| "true",
        |s| {
            let made = s.made(Setting::LongSweep, "alice");
            let mut raw = made.log_in();
            wait(4_000);
            let before = made.place.killed();
            assert!(!raw.is_served());
            until(|| made.place.killed() > before);
            "true".to_owned()
        },
    ),
    Fact::new(
        "h",
        "after the end a login is still taken, and the session lives on",
        |_| "0 served true",
        |s| {
            let place = s.place(Setting::Reauth5s);
            let mut raw = place.user("alice");
            wait(5_500);
            let code = raw.login(Who::password("alice", "alice-secret")).code;
            format!("{code} served {}", raw.is_served())
        },
    ),
    Fact::new(
        "h",
        "a fresh token of the owner revives what its dead one has ended",
        |_| "0 served true",
        |s| {
            let made = s.made(Setting::LongSweep, "alice");
            let mut raw = made.log_in();
            wait(4_000);
            let mut fresh = s.made(Setting::LongSweep, "alice");
            assert_eq!(fresh.expire(3_600_000).0, 0);
            until(|| fresh.login().lifetime > Duration::from_secs(60));
            let code = raw.login(fresh.who()).code;
            format!("{code} served {}", raw.is_served())
        },
    ),
    Fact::new(
        "h",
        "the dead token itself is taken for no time, which closes",
        |_| "0 0ns served false",
        |s| {
            let made = s.made(Setting::LongSweep, "alice");
            let mut raw = made.log_in();
            wait(4_000);
            let login = raw.login(made.who());
            format!("{} {:?} served {}", login.code, login.lifetime, raw.is_served())
        },
    ),
];
