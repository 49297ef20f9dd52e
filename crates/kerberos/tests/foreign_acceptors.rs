//! Logins at services of others: the JDK's acceptor, which Kafka's brokers use, and MIT's.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/acceptor.rs"]
mod acceptor;
#[path = "support/capture.rs"]
mod capture;
#[path = "support/exchanges.rs"]
mod exchanges;
#[path = "support/mit.rs"]
mod mit;

use std::sync::Arc;

use acceptor::{Acceptor, Outcome};
use capture::Section;
use exchanges::{Client, seed, service};
use mit::Mit;
use ottla_kerberos::enctype::Enctype;
use ottla_kerberos::entropy::Seed;
use ottla_kerberos::error::{Class, ErrorCode, Fault, GssFault};
use ottla_kerberos::exchange::{LongTermSecret, ServiceRequest};
use ottla_kerberos::gss::{Begun, GssOptions, ServiceTicket, begin};
use ottla_kerberos::sasl::{SaslClient, SaslOptions};
use ottla_kerberos::time::{ClockOffset, Timestamp};

const REALM: &str = "GSS.TEST";
const ALICE: &str = "alice@GSS.TEST";
const HOST: &str = "broker.gss.test";

/// A realm with a client, a service with keys of all types, and the service's keytab.
fn realm() -> (Mit, std::path::PathBuf) {
    let mit = Mit::start(&[REALM]);
    mit.add_principal(ALICE, "secret", "");
    let name = format!("kafka/{HOST}@{REALM}");
    mit.add_principal(&name, "service", "");
    // The KDC gives a session key of any type that the service is said to support.
    mit.kadmin(
        REALM,
        &format!("setstr {name} session_enctypes aes128-cts,aes256-cts,aes128-sha2,aes256-sha2"),
    );
    let keytab = mit.path("service.keytab");
    mit.export_keytab(&name, &keytab);
    (mit, keytab)
}

fn ticket(client: &Client<'_>) -> ServiceTicket {
    let login = client.log_in(ALICE, LongTermSecret::password("secret".to_owned())).unwrap();
    let request = ServiceRequest::by_referral(service("kafka", HOST));
    let outcome = client.ticket(&Arc::new(login.tgt), request, login.offset).unwrap();
    ServiceTicket::new(Arc::new(outcome.grant), outcome.offset, client.now())
}

fn options(mutual: bool) -> SaslOptions {
    SaslOptions { gss: GssOptions { mutual, ..GssOptions::default() }, ..SaslOptions::default() }
}

fn with_session_key(mit: &Mit, number: i32) -> Client<'_> {
    let mut client = Client::new(mit);
    client.options.enctypes = vec![Enctype(number)];
    client.options.enctypes.extend(Enctype::SUPPORTED.iter().filter(|e| e.0 != number));
    client
}

/// One authentication with all that decides about its bytes, so that a capture can repeat it.
fn known(ticket: &ServiceTicket, now: Timestamp, start: u8) -> (ServiceTicket, Seed, Section) {
    assert_eq!(ticket.offset(), ClockOffset::ZERO);
    let grant = ticket.grant();
    let enctype = grant.session_key.enctype().0;
    let mut bytes = [0; Seed::LEN];
    bytes.iter_mut().zip(start..).for_each(|(cell, byte)| *cell = byte);
    let mut section = Section::new(format!("session key {enctype}"));
    section.add("client", &grant.client);
    section.add("server", &grant.server);
    section.add("enctype", enctype);
    section.add_bytes("session_key", grant.session_key.secret_bytes());
    section.add_bytes("ticket", grant.ticket.as_bytes());
    section.add("now", now.as_micros());
    section.add_bytes("seed", &bytes);
    (ServiceTicket::new(Arc::clone(grant), ClockOffset::ZERO, now), Seed::new(&bytes), section)
}

fn logs_in_with_every_session_key(mit: &Mit, acceptor: &Acceptor) -> Vec<Section> {
    let mut recorded = Vec::new();
    for number in 17..=20 {
        let client = with_session_key(mit, number);
        for mutual in [true, false] {
            let ticket = ticket(&client);
            assert_eq!(ticket.grant().session_key.enctype(), Enctype(number));
            let start = u8::try_from(number).unwrap() + if mutual { 0x40 } else { 0x80 };
            let (ticket, seed, mut section) = known(&ticket, client.now(), start);
            section.name += if mutual { ", mutual" } else { ", not mutual" };
            section.add("mutual", mutual);
            let begun = SaslClient::begin(ticket, &options(mutual), &seed).unwrap();
            let hear = |ours, token: &[u8]| section.add_bytes(if ours { "sent" } else { "received" }, token);
            assert_eq!(
                acceptor.log_in_aloud(begun, hear),
                Outcome::Accepted(ALICE.to_owned()),
                "session key {number}, mutual {mutual}"
            );
            recorded.push(section);
        }
    }
    recorded
}

fn keep(mit: &Mit, file: &str, what: &str, program: &str, recorded: &[Section]) {
    let head = format!(
        "{what}\n{program}.\nThe keys are of a realm that lived for seconds. `now` is in microseconds;\n\
         `seed` is all that was random on our side."
    );
    capture::keep(file, &head, "foreign_acceptors", Client::new(mit).now().time(), recorded);
}

fn mit_version() -> String {
    let python = "import gssapi, importlib.metadata as m; print(m.version('gssapi'))";
    let gssapi = capture::version("/usr/bin/python3", &["-c", python]);
    format!("MIT's acceptor: {}, python-gssapi {gssapi}", capture::version("/usr/bin/klist", &["-V"]))
}

#[test]
fn the_jdk_accepts_every_session_key_with_and_without_mutual_authentication() {
    let (mit, keytab) = realm();
    let acceptor = Acceptor::java(&mit, REALM, "kafka", HOST, &keytab);
    let recorded = logs_in_with_every_session_key(&mit, &acceptor);
    let java = capture::version("/usr/bin/java", &["-version"]);
    let program = format!("the JDK's acceptor (javax.security.sasl): {java}");
    keep(&mit, "jdk_logins.txt", "Logins by SASL GSSAPI (RFC 4752) of this crate at", &program, &recorded);
}

#[test]
fn mit_accepts_every_session_key_with_and_without_mutual_authentication() {
    let (mit, keytab) = realm();
    let acceptor = Acceptor::mit(&mit, "kafka", HOST, &keytab);
    let recorded = logs_in_with_every_session_key(&mit, &acceptor);
    let what = "Logins by SASL GSSAPI (RFC 4752) of this crate at";
    keep(&mit, "mit_logins.txt", what, &mit_version(), &recorded);
}

#[test]
fn one_ticket_serves_many_logins_but_no_login_serves_twice() {
    let (mit, keytab) = realm();
    let client = Client::new(&mit);
    let first = ticket(&client);
    let acceptor = Acceptor::java(&mit, REALM, "kafka", HOST, &keytab);
    for _ in 0..50 {
        let again = ServiceTicket::new(Arc::clone(first.grant()), first.offset(), client.now());
        let begun = SaslClient::begin(again, &options(true), &seed()).unwrap();
        assert_eq!(acceptor.log_in(begun), Outcome::Accepted(ALICE.to_owned()));
    }
    let (token, login) = SaslClient::begin(first, &options(true), &seed()).unwrap();
    assert_eq!(acceptor.log_in((token.clone(), login)), Outcome::Accepted(ALICE.to_owned()));
    let mut replay = acceptor.connect();
    replay.send(&token);
    let Err(Outcome::Refused(reason)) = replay.receive() else { panic!("the replay was accepted") };
    assert!(reason.contains("34"), "{reason}");
}

#[test]
fn a_wrong_clock_is_corrected_for_the_service_too() {
    let (mit, keytab) = realm();
    let acceptor = Acceptor::java(&mit, REALM, "kafka", HOST, &keytab);
    for seconds in [4000, -90_000] {
        let mut client = Client::new(&mit);
        client.wrong_by = ClockOffset::from_micros(seconds * 1_000_000);
        let begun = SaslClient::begin(ticket(&client), &options(true), &seed()).unwrap();
        assert_eq!(acceptor.log_in(begun), Outcome::Accepted(ALICE.to_owned()));
    }
}

#[test]
fn asks_to_act_as_another_if_told_so() {
    let (mit, keytab) = realm();
    let acceptor = Acceptor::mit(&mit, "kafka", HOST, &keytab);
    let options = SaslOptions { authorization_id: "bob".to_owned(), ..options(true) };
    let begun = SaslClient::begin(ticket(&Client::new(&mit)), &options, &seed()).unwrap();
    assert_eq!(acceptor.log_in(begun), Outcome::Accepted("bob".to_owned()));
}

#[test]
fn a_service_with_other_keys_refuses_and_our_error_names_the_ticket() {
    let (mit, _) = realm();
    let held = ticket(&Client::new(&mit));
    let name = format!("kafka/{HOST}@{REALM}");
    mit.kadmin(REALM, &format!("cpw -pw changed {name}"));
    let newest = mit.path("newest.keytab");
    mit.export_keytab(&name, &newest);
    let acceptor = Acceptor::mit(&mit, "kafka", HOST, &newest);
    let (token, login) = SaslClient::begin(held.clone(), &options(true), &seed()).unwrap();
    let mut tokens = acceptor.connect();
    tokens.send(&token);
    let error = login.step(&tokens.receive().unwrap()).unwrap_err();
    let bad_version = ErrorCode(44);
    assert_eq!(error.fault(), &Fault::Gss(GssFault::Refused(bad_version)));
    assert_eq!((error.class(), error.code()), (Class::StaleCredential, Some(bad_version)));

    // The JDK does not say why.
    let acceptor = Acceptor::java(&mit, REALM, "kafka", HOST, &newest);
    let begun = SaslClient::begin(held.clone(), &options(true), &seed()).unwrap();
    assert!(matches!(acceptor.log_in(begun), Outcome::Refused(_)));
    let error = held.refused();
    assert_eq!((error.class(), error.fault()), (Class::Refused, &Fault::ServiceRefused));
    let hint = error.hint().unwrap();
    assert!(hint.contains("aes256-cts-hmac-sha1-96, kvno 1"), "{hint}");
}

#[test]
fn wrap_and_mic_tokens_pass_between_mit_and_us() {
    let (mit, keytab) = realm();
    let acceptor = Acceptor::mit(&mit, "kafka", HOST, &keytab);
    let mut recorded = Vec::new();
    for number in 17..=20 {
        let client = with_session_key(&mit, number);
        let start = u8::try_from(number).unwrap();
        let (ticket, seed, mut section) = known(&ticket(&client), client.now(), start);
        let (token, begun) = begin(&ticket, &GssOptions::default(), &seed).unwrap();
        let Begun::ExpectReply(expect) = begun else { panic!("no reply is expected") };
        let mut tokens = acceptor.connect_for_echo();
        tokens.send(&token);
        let reply = tokens.receive().unwrap();
        let mut context = expect.accept(&reply).unwrap();
        section.add_bytes("sent", &token);
        section.add_bytes("received", &reply);
        for length in [0, 1, 15, 16, 17, 1000] {
            let message = vec![0x5a; length];
            let wrapped = context.wrap(&message);
            tokens.send(&wrapped);
            let echo = tokens.receive().unwrap();
            assert_eq!(context.unwrap(&echo).unwrap(), message);
            let signed = context.mic(&message);
            tokens.send(&signed);
            let mic = tokens.receive().unwrap();
            context.verify_mic(&message, &mic).unwrap();
            assert_eq!(context.verify_mic(&message, &mic), Err(GssFault::Sequence));
            section.add_bytes("message", &message);
            [(&wrapped, &echo), (&signed, &mic)].into_iter().for_each(|(ours, theirs)| {
                section.add_bytes("sent", ours);
                section.add_bytes("received", theirs);
            });
        }
        recorded.push(section);
    }
    let what = "Wrap and MIC tokens (RFC 4121) between this crate and";
    keep(&mit, "mit_wrap_and_mic.txt", what, &mit_version(), &recorded);
}
