//! What brokers make of the times that a client asks for.

use super::Fact;
use crate::conformance::made::{DAY, Made, Scene, about, until, wait};
use crate::conformance::target::Setting;
use crate::support::raw::own_token;

pub(super) const FACTS: &[&[Fact]] = &[MADE, RENEWED, EXPIRED];

/// Expiry and maximum of a token, from its issue on.
fn lives(s: &Scene<'_>, asked: &[i64]) -> String {
    let mut raw = s.day().user("alice");
    let lives = asked.iter().map(|&max| {
        let made = raw.create(&own_token().with_max_lifetime_ms(max));
        let [expiry, max] =
            [made.expiry_timestamp_ms, made.max_timestamp_ms].map(|end| end - made.issue_timestamp_ms);
        format!("{} {expiry} {max}", made.error_code)
    });
    lives.collect::<Vec<_>>().join(", ")
}

const MADE: &[Fact] = &[
    Fact::new(
        "e",
        "a lifetime of zero or less is the broker's own",
        |_| "0 86400000 604800000, 0 86400000 604800000, 0 86400000 604800000",
        |s| lives(s, &[-1, 0, -2]),
    ),
    Fact::new(
        "e",
        "so is one beyond the broker's, without an error",
        |_| "0 86400000 604800000, 0 86400000 604800000",
        |s| lives(s, &[7 * DAY + 1, i64::MAX]),
    ),
    Fact::new("e", "a short lifetime bounds the expiry too", |_| "0 1000 1000", |s| lives(s, &[1_000])),
    Fact::new(
        "2.1",
        "between the two, the expiry is the broker's",
        |_| "0 86400000 172800000",
        |s| lives(s, &[2 * DAY]),
    ),
    Fact::new(
        "a",
        "an id has 22 characters and an HMAC 64 bytes",
        |_| "22 64",
        |s| {
            let made = s.day().user("alice").create(&own_token());
            format!("{} {}", made.token_id.len(), made.hmac.len())
        },
    ),
    Fact::new(
        "a",
        "an id is url-safe base64",
        |_| "true",
        |s| {
            let made = s.day().user("alice").create(&own_token());
            made.token_id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)).to_string()
        },
    ),
    Fact::new(
        "a",
        "who asks for itself is owner and requester",
        |_| "User:alice User:alice",
        |s| {
            let made = s.day().user("alice").create(&own_token());
            format!(
                "{}:{} {}:{}",
                made.principal_type,
                made.principal_name,
                made.token_requester_principal_type,
                made.token_requester_principal_name
            )
        },
    ),
];

/// How long after its making a token ends once it was renewed by each period.
fn ends(s: &Scene<'_>, periods: &[i64], want: i64) -> String {
    let mut made = s.made(Setting::Day, "alice");
    let end = |made: &mut Made, period| {
        let (code, expiry) = made.renew(period);
        format!("{code} {}", about(made.since(expiry), want))
    };
    periods.iter().map(|&period| end(&mut made, period)).collect::<Vec<_>>().join(", ")
}

const RENEWED: &[Fact] = &[
    Fact::new(
        "e",
        "a renewal by zero or less is by the broker's expiry time, from now on",
        |_| "0 as said, 0 as said, 0 as said",
        |s| ends(s, &[-1, 0, -2], DAY),
    ),
    Fact::new("e", "a renewal can shorten a life", |_| "0 as said", |s| ends(s, &[1_000_000], 1_000_000)),
    Fact::new(
        "2.1",
        "a renewal is cut to the broker's expiry time",
        |_| "0 as said",
        |s| ends(s, &[2 * DAY], DAY),
    ),
    Fact::new(
        "2.1",
        "and to the token's maximum",
        |_| "0 0",
        |s| {
            let mut made = s.made_by(Setting::Day, "alice", &own_token().with_max_lifetime_ms(3_600_000));
            let (code, expiry) = made.renew(2 * DAY);
            format!("{code} {}", expiry - made.token.max_timestamp_ms)
        },
    ),
    Fact::new(
        "2.1",
        "an expired token is not renewed",
        |_| "66",
        |s| {
            let mut made = s.made(Setting::LongSweep, "alice");
            wait(4_000);
            made.renew(-1).0.to_string()
        },
    ),
    Fact::new(
        "2.1",
        "whether it is over is looked at before who asks",
        |_| "66",
        |s| {
            let made = s.made(Setting::LongSweep, "alice");
            wait(4_000);
            made.place.user("bob").renew_known(&made.hmac(), -1).0.to_string()
        },
    ),
];

const EXPIRED: &[Fact] = &[
    Fact::new(
        "e",
        "an expiry can lengthen a life beyond the broker's expiry time",
        |_| "0 as said",
        |s| {
            let mut made = s.made(Setting::Day, "alice");
            let (code, expiry) = made.expire(2 * DAY);
            format!("{code} {}", about(made.since(expiry), 2 * DAY))
        },
    ),
    Fact::new(
        "e",
        "but not beyond the token's maximum",
        |_| "0 0",
        |s| {
            let mut made = s.made(Setting::Day, "alice");
            let (code, expiry) = made.expire(8 * DAY);
            format!("{code} {}", expiry - made.token.max_timestamp_ms)
        },
    ),
    Fact::new(
        "e",
        "an expiry of zero ends it now and leaves it there",
        |_| "0 as said, 66 66, 0",
        |s| {
            let mut made = s.made(Setting::Day, "alice");
            let (code, expiry) = made.expire(0);
            let end = about(made.since(expiry), 0);
            // The controller judges by what it has published.
            until(|| made.expire(0).0 == 66);
            let (renewed, moved) = (made.renew(-1).0, made.expire(1_000).0);
            format!("{code} {end}, {renewed} {moved}, {}", made.expire(-1).0)
        },
    ),
    Fact::new(
        "2.1",
        "an expired token is not moved but can be deleted",
        |_| "66 0",
        |s| {
            let mut made = s.made(Setting::LongSweep, "alice");
            wait(4_000);
            format!("{} {}", made.expire(60_000).0, made.expire(-1).0)
        },
    ),
    Fact::new(
        "2.1",
        "to expire, who asks is looked at first",
        |_| "63",
        |s| {
            let made = s.made(Setting::LongSweep, "alice");
            wait(4_000);
            made.place.user("bob").expire_known(&made.hmac(), 60_000).0.to_string()
        },
    ),
    Fact::new(
        "e",
        "a negative expiry deletes it, and the time in the reply is now",
        |_| "0 as said",
        |s| {
            let mut made = s.made(Setting::Day, "alice");
            let (code, expiry) = made.expire(-5);
            format!("{code} {}", about(made.since(expiry), 0))
        },
    ),
    Fact::new(
        "a",
        "a deleted token is not found",
        |_| "62 62",
        |s| {
            let mut made = s.made(Setting::Day, "alice");
            made.expire(-1);
            let hmac = made.hmac();
            until(|| made.owner.expire(&hmac, -1).0 == 62);
            format!("{} {}", made.owner.expire(&hmac, -1).0, made.owner.renew(&hmac, -1).0)
        },
    ),
    Fact::new(
        "c",
        "a swept token is not found",
        |_| "62 62",
        |s| {
            let mut made = s.made_by(Setting::ShortToken, "alice", &own_token().with_max_lifetime_ms(12_000));
            let hmac = made.hmac();
            until(|| made.owner.renew(&hmac, -1).0 == 62);
            format!("{} {}", made.owner.renew(&hmac, -1).0, made.owner.expire(&hmac, -1).0)
        },
    ),
];
