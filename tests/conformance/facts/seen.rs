//! Who is shown which tokens.

use kafka_protocol::messages::DescribeDelegationTokenRequest;

use super::Fact;
use crate::conformance::made::{DAY, Made, Scene, about, until, wait};
use crate::conformance::target::{Right, Setting};
use crate::support::raw::{Raw, own_token, renewer};

/// Whether the tokens are among those that a broker lists.
fn sees(raw: &mut Raw, owners: Option<&[&str]>, tokens: &[&Made]) -> String {
    let listed = raw.listed(owners);
    let seen = tokens.iter().map(|made| listed.iter().any(|id| id == made.id()).to_string());
    seen.collect::<Vec<_>>().join(" ")
}

/// A token of alice's alone, one that bob may renew, and one of bob's.
fn three(s: &Scene<'_>) -> [Made; 3] {
    [
        s.made(Setting::Day, "alice"),
        s.made_by(Setting::Day, "alice", &own_token().with_renewers(vec![renewer("bob")])),
        s.made(Setting::Day, "bob"),
    ]
}

fn bob_sees(s: &Scene<'_>, owners: Option<&[&str]>) -> String {
    let [secret, shared, own] = three(s);
    sees(&mut s.day().user("bob"), owners, &[&secret, &shared, &own])
}

/// A user of this fact's own.
fn somebody(s: &Scene<'_>, name: &str) -> String {
    let digits = s.target.name().bytes().map(u64::from).sum::<u64>();
    format!("{name}-{}-{digits}", std::process::id())
}

pub(super) const FACTS: &[&[Fact]] = &[BY_OWNERS, BY_RIGHTS, CONTENTS];

const BY_OWNERS: &[Fact] = &[
    Fact::new(
        "l",
        "no owners: what the asker owns or may renew",
        |_| "false true true",
        |s| bob_sees(s, None),
    ),
    Fact::new("l", "an empty list of owners: nothing", |_| "false false false", |s| bob_sees(s, Some(&[]))),
    Fact::new(
        "l",
        "somebody's tokens: those of them that the asker may see",
        |_| "false true false",
        |s| bob_sees(s, Some(&["alice"])),
    ),
    Fact::new("2.1", "an owner matches renewers too", |_| "false true true", |s| bob_sees(s, Some(&["bob"]))),
    Fact::new(
        "2.1",
        "an owner without tokens: nothing, and no error",
        |_| "0 0",
        |s| {
            let owner = kafka_protocol::messages::describe_delegation_token_request::DescribeDelegationTokenOwner::default()
                .with_principal_type("User".into())
                .with_principal_name("nobody-at-all".into());
            let request = DescribeDelegationTokenRequest::default().with_owners(Some(vec![owner]));
            let told = s.day().user("alice").call(3, &request).unwrap();
            format!("{} {}", told.error_code, told.tokens.len())
        },
    ),
];

const BY_RIGHTS: &[Fact] = &[
    Fact::new(
        "2.1",
        "a super user sees every token",
        |_| "true true true",
        |s| {
            let [a, b, c] = three(s);
            sees(&mut s.day().user("admin"), None, &[&a, &b, &c])
        },
    ),
    Fact::new(
        "2.1",
        "DescribeTokens on the owner shows all of the owner's",
        |_| "true true false",
        |s| {
            let [a, b, c] = three(s);
            let carol = somebody(s, "carol");
            let mut raw = s.day().stranger(&carol);
            assert_eq!(raw.listed(None), Vec::<String>::new());
            s.day().allow(&carol, Right::DescribeOf("alice"));
            until(|| sees(&mut raw, None, &[&a]) == "true");
            sees(&mut raw, None, &[&a, &b, &c])
        },
    ),
    Fact::new(
        "2.1",
        "Describe on a token shows that one",
        |_| "true false false",
        |s| {
            let [a, b, c] = three(s);
            let dave = somebody(s, "dave");
            let mut raw = s.day().stranger(&dave);
            s.day().allow(&dave, Right::Describe(a.id()));
            until(|| sees(&mut raw, None, &[&a]) == "true");
            sees(&mut raw, None, &[&a, &b, &c])
        },
    ),
];

fn described(
    raw: &mut Raw,
    id: &str,
) -> kafka_protocol::messages::describe_delegation_token_response::DescribedDelegationToken {
    let all = DescribeDelegationTokenRequest::default().with_owners(None);
    let told = raw.call(3, &all).unwrap();
    told.tokens.into_iter().find(|token| token.token_id.as_str() == id).unwrap()
}

const CONTENTS: &[Fact] = &[
    Fact::new(
        "l",
        "every broker lists a new token in the end",
        |_| "true",
        |s| {
            let made = s.made(Setting::Day, "alice");
            for broker in 1..=made.place.brokers() {
                let mut raw = made.place.user_on(broker, "alice");
                until(|| sees(&mut raw, None, &[&made]) == "true");
            }
            "true".to_owned()
        },
    ),
    Fact::new(
        "2.1",
        "who sees a token gets its HMAC and its times",
        |_| "true true true true",
        |s| {
            let made = s.made_by(Setting::Day, "alice", &own_token().with_renewers(vec![renewer("bob")]));
            let seen = described(&mut s.day().user("bob"), made.id());
            let same = [
                seen.hmac == made.token.hmac,
                seen.issue_timestamp == made.token.issue_timestamp_ms,
                seen.expiry_timestamp == made.token.expiry_timestamp_ms,
                seen.max_timestamp == made.token.max_timestamp_ms,
            ];
            same.map(|same| same.to_string()).join(" ")
        },
    ),
    Fact::new(
        "2.1",
        "renewers are listed as they were named",
        |_| "User:bob User:admin",
        |s| {
            let renewers = vec![renewer("bob"), renewer("admin")];
            let made = s.made_by(Setting::Day, "alice", &own_token().with_renewers(renewers));
            let seen = described(&mut s.day().user("alice"), made.id());
            let names = seen.renewers.iter().map(|it| format!("{}:{}", it.principal_type, it.principal_name));
            names.collect::<Vec<_>>().join(" ")
        },
    ),
    Fact::new(
        "c",
        "an expired token is listed with its old expiry until it is swept",
        |_| "true",
        |s| {
            let made = s.made(Setting::LongSweep, "alice");
            wait(4_000);
            let seen = described(&mut made.place.user("alice"), made.id());
            (seen.expiry_timestamp == made.token.expiry_timestamp_ms).to_string()
        },
    ),
    Fact::new(
        "l",
        "a renewal is listed in the end",
        |_| "as said",
        |s| {
            let mut made = s.made(Setting::Day, "alice");
            made.renew(1_000_000);
            let mut raw = made.place.user("alice");
            until(|| described(&mut raw, made.id()).expiry_timestamp != made.token.expiry_timestamp_ms);
            about(made.since(described(&mut raw, made.id()).expiry_timestamp), 1_000_000)
        },
    ),
    Fact::new(
        "l",
        "a deleted token is listed no more in the end",
        |_| "false",
        |s| {
            let mut made = s.made(Setting::Day, "alice");
            made.expire(-1);
            let mut raw = made.place.user("alice");
            until(|| sees(&mut raw, None, &[&made]) == "false");
            assert!(made.since(made.token.max_timestamp_ms) == 7 * DAY);
            "false".to_owned()
        },
    ),
];
