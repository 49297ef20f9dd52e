//! Logins with a token that succeed.

use base64ct::{Base64, Encoding};
use ottla_testkit::Protocol;

use super::Fact;
use crate::conformance::made::{Made, Scene, until};
use crate::conformance::target::Setting;
use crate::support::raw::Login;

const BOTH: [&str; 2] = ["SCRAM-SHA-256", "SCRAM-SHA-512"];

pub(super) const FACTS: &[&[Fact]] = &[WAYS, MESSAGES, SALTS];

fn ok(login: &Login) -> String {
    format!("{} at {}", login.code, login.step)
}

/// Logs in with a gs2 header and a client-first-bare of the fact's making; `ID` stands for the id.
fn login_with(s: &Scene<'_>, header: &str, bare: &str) -> String {
    let made = s.made(Setting::Day, "alice");
    let mut raw = made.open();
    assert_eq!(raw.handshake("SCRAM-SHA-256").unwrap().error_code, 0);
    let (header, bare) = (header.replace("ID", made.id()), bare.replace("ID", made.id()));
    ok(&raw.scram_with_header(made.who(), &header, &bare))
}

const WAYS: &[Fact] = &[
    Fact::new(
        "a",
        "a token logs in by SCRAM-SHA-256",
        |_| "0 at 2",
        |s| ok(&s.made(Setting::Day, "alice").login()),
    ),
    Fact::new(
        "a",
        "and by SCRAM-SHA-512",
        |_| "0 at 2",
        |s| ok(&s.made(Setting::Day, "alice").login_by(1, "SCRAM-SHA-512")),
    ),
    Fact::new(
        "a",
        "and inside TLS",
        |_| "0 at 2",
        |s| {
            let made = s.made(Setting::Day, "alice");
            ok(&made.place.open(1, Protocol::SaslSsl).login(made.who()))
        },
    ),
    Fact::new(
        "2.4",
        "one that was made with a client certificate, too",
        |_| "0 at 2",
        |s| {
            let place = s.day();
            let token = place.open_as(1, "alice").create(&crate::support::raw::own_token());
            let password = Base64::encode_string(&token.hmac);
            let who = crate::support::raw::Who::token(&token.token_id, &password);
            let login = || place.open(1, Protocol::SaslPlaintext).login(who);
            until(|| login().code == 0);
            ok(&login())
        },
    ),
    Fact::new(
        "a",
        "every version of SaslAuthenticate takes it",
        |_| "0 at 2, 0 at 2, 0 at 2",
        |s| {
            let made = s.made(Setting::Day, "alice");
            [0, 1, 2].map(|version| ok(&made.open().with_sasl_version(version).login(made.who()))).join(", ")
        },
    ),
    Fact::new(
        "a",
        "version 0 does not tell the session's end",
        |_| "true false",
        |s| {
            let made = s.made(Setting::Day, "alice");
            [0, 2]
                .map(|v| made.open().with_sasl_version(v).login(made.who()).lifetime.is_zero().to_string())
                .join(" ")
        },
    ),
    Fact::new(
        "a",
        "the extension may be written in capitals",
        |_| "0 at 2",
        |s| login_with(s, "n,,", "n=ID,r=fyko+d2lbbFgONRv9qkxdawL,tokenauth=TRUE"),
    ),
    Fact::new(
        "2.4",
        "an authorization id that is the token's id is taken",
        |_| "0 at 2",
        |s| login_with(s, "n,a=ID,", "n=ID,r=fyko+d2lbbFgONRv9qkxdawL,tokenauth=true"),
    ),
];

const MESSAGES: &[Fact] = &[
    Fact::new(
        "a",
        "a token is hashed 4096 times by both mechanisms",
        |_| "4096 4096",
        |s| {
            let made = s.made(Setting::Day, "alice");
            BOTH.map(|mechanism| made.login_by(1, mechanism).iterations).join(" ")
        },
    ),
    Fact::new(
        "a",
        "the server's nonce begins with the client's and goes on in base 36",
        |_| "true true",
        |s| {
            let nonce = s.made(Setting::Day, "alice").login().nonce;
            let own = nonce.strip_prefix("fyko-d2lbbFgONRv9qkxdawL").unwrap_or_default();
            format!("{} {}", !own.is_empty(), is_base_36(own.as_bytes()))
        },
    ),
    Fact::new(
        "a",
        "a salt is the base64 of 20 to 30 characters of base 36",
        |_| "true true",
        |s| {
            let salt = Base64::decode_vec(&s.made(Setting::Day, "alice").login().salt).unwrap();
            format!("{} {}", (20..=30).contains(&salt.len()), is_base_36(&salt))
        },
    ),
];

fn is_base_36(text: &[u8]) -> bool {
    text.iter().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
}

/// Whether every salt of a token changes with what its owner does.
fn changes(s: &Scene<'_>, change: fn(&mut Made) -> (i16, i64)) -> String {
    let mut made = s.made(Setting::Day, "alice");
    let salts = |made: &Made| BOTH.map(|mechanism| made.login_by(2, mechanism).salt);
    let before = salts(&made);
    assert_eq!(change(&mut made).0, 0);
    until(|| salts(&made).iter().zip(&before).all(|(new, old)| new != old));
    "true".to_owned()
}

const SALTS: &[Fact] = &[
    Fact::new(
        "d",
        "the salt stays from login to login",
        |_| "true",
        |s| {
            let made = s.made(Setting::Day, "alice");
            (made.login().salt == made.login().salt).to_string()
        },
    ),
    Fact::new(
        "d",
        "it differs from broker to broker",
        |_| "true",
        |s| {
            let made = s.made(Setting::Day, "alice");
            (made.login_on(1).salt != made.login_on(2).salt).to_string()
        },
    ),
    Fact::new(
        "d",
        "and from mechanism to mechanism",
        |_| "true",
        |s| {
            let made = s.made(Setting::Day, "alice");
            (made.login_by(1, BOTH[0]).salt != made.login_by(1, BOTH[1]).salt).to_string()
        },
    ),
    Fact::new("d", "a renewal changes all salts", |_| "true", |s| changes(s, |made| made.renew(-1))),
    Fact::new(
        "d",
        "a moved expiry changes all salts",
        |_| "true",
        |s| changes(s, |made| made.expire(3_600_000)),
    ),
];
