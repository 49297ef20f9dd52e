//! Logins that are refused.

use std::time::Duration;

use kafka_protocol::messages::ApiVersionsRequest;
use ottla_testkit::Protocol;

use super::Fact;
use crate::conformance::made::{Made, Scene, told, until};
use crate::conformance::target::Setting;
use crate::support::raw::{Who, now};

const SHA_256: &str = "Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-256";

pub(super) const FACTS: &[&[Fact]] = &[BY_CREDENTIALS, BY_MESSAGE, HOW];

fn with(s: &Scene<'_>, change: impl Fn(&Made) -> (String, String, bool)) -> String {
    let made = s.made(Setting::Day, "alice");
    let (user, password, tokenauth) = change(&made);
    let who = Who { mechanism: "SCRAM-SHA-256", user: &user, password: &password, tokenauth };
    told(&made.open().login(who)).replace(SHA_256, "TEXT")
}

const NO_TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAA";

const BY_CREDENTIALS: &[Fact] = &[
    Fact::new(
        "a",
        "an unknown id fails as answer to client-first",
        |_| "58 at 1: TEXT",
        |s| with(s, |made| (NO_TOKEN.to_owned(), made.password.clone(), true)),
    ),
    Fact::new(
        "a",
        "a wrong HMAC fails as answer to client-final, with the same text",
        |_| "58 at 2: TEXT",
        |s| with(s, |made| (made.id().to_owned(), "d3Jvbmc=".to_owned(), true)),
    ),
    Fact::new(
        "a",
        "a token without tokenauth is no user",
        |_| "58 at 1: TEXT",
        |s| with(s, |made| (made.id().to_owned(), made.password.clone(), false)),
    ),
    Fact::new(
        "a",
        "a user with tokenauth is no token",
        |_| "58 at 1: TEXT",
        |s| with(s, |_| ("alice".to_owned(), "alice-secret".to_owned(), true)),
    ),
    Fact::new(
        "a",
        "a wrong password of a user fails as a wrong HMAC does",
        |_| "58 at 2: TEXT",
        |s| with(s, |_| ("alice".to_owned(), "wrong".to_owned(), false)),
    ),
    Fact::new(
        "a",
        "the other mechanism is named by its own name",
        |_| "true",
        |s| {
            let made = s.made(Setting::Day, "alice");
            let who = Who { password: "d3Jvbmc=", ..made.who().by("SCRAM-SHA-512") };
            told(&made.open().login(who)).ends_with("with SASL mechanism SCRAM-SHA-512").to_string()
        },
    ),
    Fact::new(
        "a",
        "a deleted token is unknown",
        |_| "58 at 1: TEXT",
        |s| {
            let mut made = s.made(Setting::Day, "alice");
            made.expire(-1);
            until(|| made.login().code != 0);
            told(&made.login()).replace(SHA_256, "TEXT")
        },
    ),
    Fact::new(
        "c",
        "a swept token is unknown",
        |_| "58 at 1: TEXT",
        |s| {
            let request = crate::support::raw::own_token().with_max_lifetime_ms(12_000);
            let made = s.made_by(Setting::ShortToken, "alice", &request);
            until(|| made.login().code != 0);
            told(&made.login()).replace(SHA_256, "TEXT")
        },
    ),
];

fn bare(s: &Scene<'_>, header: &str, bare: &str) -> String {
    let made = s.made(Setting::Day, "alice");
    let mut raw = made.open();
    assert_eq!(raw.handshake("SCRAM-SHA-256").unwrap().error_code, 0);
    let login = raw.scram_with_header(made.who(), header, &bare.replace("ID", made.id()));
    format!("{} at {}", login.code, login.step)
}

const BY_MESSAGE: &[Fact] = &[
    Fact::new(
        "a",
        "tokenauth=false is no token login",
        |_| "58 at 1",
        |s| bare(s, "n,,", "n=ID,r=fyko+d2lbbFgONRv9qkxdawL,tokenauth=false"),
    ),
    Fact::new(
        "a",
        "the extension before the nonce is refused",
        |_| "58 at 1",
        |s| bare(s, "n,,", "n=ID,tokenauth=true,r=fyko+d2lbbFgONRv9qkxdawL"),
    ),
    Fact::new(
        "2.4",
        "another authorization id is refused",
        |_| "58 at 1",
        |s| bare(s, "n,a=alice,", "n=ID,r=fyko+d2lbbFgONRv9qkxdawL,tokenauth=true"),
    ),
    Fact::new(
        "2.4",
        "a client that wants channel binding is refused",
        |_| "58 at 1",
        |s| bare(s, "p=tls-unique,,", "n=ID,r=fyko+d2lbbFgONRv9qkxdawL,tokenauth=true"),
    ),
];

const HOW: &[Fact] = &[
    Fact::new(
        "a",
        "after a refusal the connection is closed",
        |_| "58 served false",
        |s| {
            let made = s.made(Setting::Day, "alice");
            let mut raw = made.open();
            let login = raw.login(Who { password: "d3Jvbmc=", ..made.who() });
            format!("{} served {}", login.code, raw.is_served())
        },
    ),
    Fact::new(
        "a",
        "the refusal's bytes",
        |_| "00 003a 69 TEXT 01 0000000000000000 00",
        |s| {
            let made = s.made(Setting::Day, "alice");
            let mut raw = made.open();
            assert_eq!(raw.handshake("SCRAM-SHA-256").unwrap().error_code, 0);
            // SaslAuthenticate 2, correlation id 9, no client id, no tags, 33 bytes of client-first.
            let message = b"n,,n=nobody,r=abcdef,tokenauth=true";
            let mut frame =
                vec![0, 36, 0, 2, 0, 0, 0, 9, 0xff, 0xff, 0, u8::try_from(message.len() + 1).unwrap()];
            frame.extend_from_slice(message);
            frame.push(0);
            let length = u32::try_from(frame.len()).unwrap().to_be_bytes();
            let answer = raw.exchange(&[&length[..], &frame].concat()).unwrap();
            let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            let (head, rest) = answer.split_at(8);
            let (text, rest) = rest.split_at(SHA_256.len());
            assert_eq!(head[..4], [0, 0, 0, 9]);
            let text = String::from_utf8(text.to_vec()).unwrap().replace(SHA_256, "TEXT");
            let head = [&head[4..5], &head[5..7], &head[7..]].map(hex).join(" ");
            format!("{head} {text} {}", [&rest[..1], &rest[1..9], &rest[9..]].map(hex).join(" "))
        },
    ),
    Fact::new(
        "a",
        "it comes after the delay for failed logins",
        |_| "58 late",
        |s| {
            let place = s.place(Setting::AuthDelay);
            let began = now();
            let login = place.open(1, Protocol::SaslPlaintext).login(Who::token("AAAA", "d3Jvbmc="));
            format!(
                "{} {}",
                login.code,
                if began.elapsed() >= Duration::from_millis(90) { "late" } else { "early" }
            )
        },
    ),
    Fact::new(
        "2.4",
        "a mechanism that is not offered is answered with those that are",
        |_| "33 OAUTHBEARER PLAIN SCRAM-SHA-256 SCRAM-SHA-512",
        |s| {
            let answer = s.day().open(1, Protocol::SaslPlaintext).handshake("NONESUCH").unwrap();
            let mut names: Vec<_> = answer.mechanisms.iter().map(ToString::to_string).collect();
            names.sort();
            format!("{} {}", answer.error_code, names.join(" "))
        },
    ),
    Fact::new(
        "m",
        "before a login ApiVersions is answered in full, the token requests with it",
        |_| "0 38 39 40 41",
        |s| {
            let told =
                s.day().open(1, Protocol::SaslPlaintext).call(0, &ApiVersionsRequest::default()).unwrap();
            let tokens = (38..=41).filter(|key| told.api_keys.iter().any(|api| api.api_key == *key));
            format!("{} {}", told.error_code, tokens.map(|key| key.to_string()).collect::<Vec<_>>().join(" "))
        },
    ),
    Fact::new(
        "2.5",
        "any other request before a login closes the connection",
        |_| "closed",
        |s| {
            let mut raw = s.day().open(1, Protocol::SaslPlaintext);
            let request = kafka_protocol::messages::MetadataRequest::default();
            raw.call(12, &request).map_or("closed", |_| "served").to_owned()
        },
    ),
];
