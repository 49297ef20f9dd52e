//! Who may make, renew and delete which tokens.

use bytes::Bytes;
use kafka_protocol::protocol::StrBytes;
use ottla_testkit::Protocol;

use super::Fact;
use crate::conformance::made::{Made, Scene, four, until};
use crate::conformance::target::{Right, Setting};
use crate::support::raw::{Raw, Who, own_token, renewer};

pub(super) const FACTS: &[&[Fact]] = &[CONNECTIONS, OWNERS];

fn nobody() -> Bytes {
    Bytes::from(vec![7; 64])
}

fn request_for(owner: &str) -> kafka_protocol::messages::CreateDelegationTokenRequest {
    own_token()
        .with_owner_principal_type(Some(StrBytes::from_static_str("User")))
        .with_owner_principal_name(Some(StrBytes::from_string(owner.to_owned())))
}

fn created(mut raw: Raw) -> String {
    let made = raw.create(&own_token());
    format!("{} {}:{}", made.error_code, made.principal_type, made.principal_name)
}

const CONNECTIONS: &[Fact] = &[
    Fact::new(
        "k",
        "without a login all four token requests are refused",
        |_| "64 64 64 64",
        |s| four(&mut s.day().open(1, Protocol::Plaintext), &nobody()),
    ),
    Fact::new(
        "k",
        "TLS without a client certificate is no login",
        |_| "64 64 64 64",
        |s| four(&mut s.day().open(1, Protocol::Ssl), &nobody()),
    ),
    Fact::new(
        "k",
        "a token's own connection is refused all four",
        |_| "64 64 64 64",
        |s| {
            let made = s.made(Setting::Day, "alice");
            four(&mut made.log_in(), &made.hmac())
        },
    ),
    Fact::new(
        "k",
        "a client certificate may, and the owner is its common name",
        |_| "0 User:alice",
        |s| created(s.day().open_as(1, "alice")),
    ),
    Fact::new(
        "2.1",
        "PLAIN may",
        |_| "0 User:bob",
        |s| {
            let mut raw = s.day().open(1, Protocol::SaslPlaintext);
            raw.handshake("PLAIN").unwrap();
            assert_eq!(raw.authenticate("\0bob\0bob-secret").unwrap().error_code, 0);
            created(raw)
        },
    ),
    Fact::new("2.1", "SCRAM-SHA-256 may", |_| "0 User:alice", |s| created(s.day().user("alice"))),
    Fact::new(
        "k",
        "SCRAM-SHA-512 inside TLS may",
        |_| "0 User:bob",
        |s| {
            let mut raw = s.day().open(1, Protocol::SaslSsl);
            assert_eq!(raw.login(Who::password("bob", "bob-secret").by("SCRAM-SHA-512")).code, 0);
            created(raw)
        },
    ),
    Fact::new(
        "2.1",
        "without a secret key all four are refused",
        |_| "61 61 61 61",
        |s| four(&mut s.place(Setting::NoSecret).user("alice"), &nobody()),
    ),
    Fact::new(
        "2.1",
        "without a login that is refused first",
        |_| "64 64 64 64",
        |s| four(&mut s.place(Setting::NoSecret).open(1, Protocol::Plaintext), &nobody()),
    ),
];

/// A token of bob's that alice has asked for, with or without herself among the renewers.
fn for_bob(s: &Scene<'_>, renewers: &[&str]) -> (Made, Raw) {
    let place = s.day();
    place.allow("alice", Right::CreateFor("bob"));
    let request = request_for("bob").with_renewers(renewers.iter().map(|name| renewer(name)).collect());
    let mut alice = place.user("alice");
    until(|| alice.create(&request).error_code == 0);
    let mut made = s.made_by(Setting::Day, "alice", &request);
    // The controller knows it, too.
    let hmac = made.hmac();
    assert_eq!(place.user("bob").renew_known(&hmac, -1).0, 0);
    made.owner = place.user("bob");
    (made, alice)
}

const OWNERS: &[Fact] = &[
    Fact::new(
        "j",
        "for somebody else without an ACL: refused, with owner, requester and nothing else",
        |_| "65 alice bob id 0 hmac 0 expiry -1",
        |s| {
            let told = s.day().user("bob").create(&request_for("alice"));
            format!(
                "{} {} {} id {} hmac {} expiry {}",
                told.error_code,
                told.principal_name,
                told.token_requester_principal_name,
                told.token_id.len(),
                told.hmac.len(),
                told.expiry_timestamp_ms
            )
        },
    ),
    Fact::new(
        "j",
        "with CreateTokens on the owner it is made",
        |_| "bob for alice",
        |s| {
            let (made, _) = for_bob(s, &[]);
            format!("{} for {}", made.token.principal_name, made.token.token_requester_principal_name)
        },
    ),
    Fact::new(
        "j",
        "naming oneself as the owner needs no ACL",
        |_| "0",
        |s| s.day().user("bob").create(&request_for("bob")).error_code.to_string(),
    ),
    Fact::new(
        "j",
        "a requester that is no renewer may neither renew nor expire",
        |_| "63 63",
        |s| {
            let (made, mut alice) = for_bob(s, &[]);
            format!("{} {}", alice.renew(&made.hmac(), -1).0, alice.expire(&made.hmac(), -1).0)
        },
    ),
    Fact::new(
        "j",
        "but it sees the token",
        |_| "true",
        |s| {
            let (made, mut alice) = for_bob(s, &[]);
            alice.listed(None).iter().any(|id| id == made.id()).to_string()
        },
    ),
    Fact::new(
        "j",
        "the owner may do both",
        |_| "0 0",
        |s| {
            let (mut made, _) = for_bob(s, &[]);
            format!("{} {}", made.renew(-1).0, made.expire(-1).0)
        },
    ),
    Fact::new(
        "j",
        "a requester among the renewers may do both",
        |_| "0 0",
        |s| {
            let (made, mut alice) = for_bob(s, &["alice"]);
            format!("{} {}", alice.renew(&made.hmac(), -1).0, alice.expire(&made.hmac(), -1).0)
        },
    ),
    Fact::new(
        "j",
        "a stranger may do neither",
        |_| "63 63",
        |s| {
            let mut made = s.made(Setting::Day, "alice");
            made.renew(-1);
            let mut bob = made.place.user("bob");
            format!("{} {}", bob.renew(&made.hmac(), -1).0, bob.expire(&made.hmac(), -1).0)
        },
    ),
    Fact::new(
        "j",
        "nor may a super user",
        |_| "63 63",
        |s| {
            let mut made = s.made(Setting::Day, "alice");
            made.renew(-1);
            let mut admin = made.place.user("admin");
            format!("{} {}", admin.renew(&made.hmac(), -1).0, admin.expire(&made.hmac(), -1).0)
        },
    ),
    Fact::new(
        "2.1",
        "a renewer of another type than User is refused",
        |_| "67",
        |s| {
            let group = renewer("jobs").with_principal_type(StrBytes::from_static_str("Group"));
            s.day().user("alice").create(&own_token().with_renewers(vec![group])).error_code.to_string()
        },
    ),
    Fact::new(
        "2.1",
        "an unknown HMAC is not found, whatever the period",
        |_| "62 62 62 62",
        |s| {
            let mut raw = s.day().user("alice");
            let expired = [-1, 0, 5_000].map(|period| raw.expire(&nobody(), period).0.to_string());
            format!("{} {}", raw.renew(&nobody(), -1).0, expired.join(" "))
        },
    ),
    Fact::new(
        "g",
        "renewing and expiring right after the creation succeed in the end",
        |_| "0 0",
        |s| {
            let mut raw = s.day().user("alice");
            let made = raw.create(&own_token());
            let renewed = raw.renew_known(&made.hmac, -1).0;
            format!("{renewed} {}", raw.expire_known(&made.hmac, -1).0)
        },
    ),
];
