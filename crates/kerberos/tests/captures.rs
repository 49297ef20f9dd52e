//! Logins and tokens that were recorded at the JDK's and MIT's acceptors (RFC 4121, RFC 4752),
//! repeated without them: the same keys, time and random bytes have to give the same tokens.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/capture.rs"]
mod capture;

use std::sync::Arc;

use capture::Section;
use ottla_kerberos::crypto::AesKey;
use ottla_kerberos::enctype::Enctype;
use ottla_kerberos::entropy::Seed;
use ottla_kerberos::error::{Class, Error, Fault, GssFault};
use ottla_kerberos::gss::{Begun, GssOptions, SecurityContext, ServiceTicket, begin};
use ottla_kerberos::sasl::{SaslClient, SaslOptions, SaslStep};
use ottla_kerberos::ticket::{Grant, Ticket, TicketFlags};
use ottla_kerberos::time::{ClockOffset, Timestamp};

/// Where a Wrap token says by how much it is rotated, which its checksum does not cover.
const ROTATION: std::ops::Range<usize> = 6..8;

fn ticket(section: &Section, session_key: &[u8]) -> ServiceTicket {
    let enctype = Enctype(i32::try_from(section.number("enctype")).unwrap());
    let now = Timestamp::from_micros(section.number("now"));
    let grant = Grant {
        client: section.text("client").parse().unwrap(),
        server: section.text("server").parse().unwrap(),
        ticket: Ticket::parse(&section.bytes("ticket")).unwrap(),
        session_key: AesKey::new(enctype, session_key).unwrap(),
        flags: TicketFlags::default(),
        auth_time: now.time(),
        start_time: now.time(),
        end_time: now.time(),
        renew_till: None,
    };
    ServiceTicket::new(Arc::new(grant), ClockOffset::ZERO, now)
}

fn seed(section: &Section) -> Seed {
    Seed::new(&section.bytes("seed").try_into().unwrap())
}

fn is_mutual(section: &Section) -> bool {
    section.text("mutual").parse().unwrap()
}

/// Logs in with these challenges and gives what we send.
fn log_in(section: &Section, session_key: &[u8], challenges: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, Error> {
    let gss = GssOptions { mutual: is_mutual(section), ..GssOptions::default() };
    let options = SaslOptions { gss, ..SaslOptions::default() };
    let (token, mut client) =
        SaslClient::begin(ticket(section, session_key), &options, &seed(section)).unwrap();
    let mut sent = vec![token];
    for challenge in challenges {
        match client.step(challenge)? {
            SaslStep::Send { response, next } => {
                sent.push(response);
                client = next;
            }
            SaslStep::Last { response } => {
                sent.push(response);
                break;
            }
        }
    }
    Ok(sent)
}

fn logins(file: &str) -> Vec<Section> {
    let sections = capture::load(file);
    let kinds: Vec<(i64, bool)> = sections.iter().map(|s| (s.number("enctype"), is_mutual(s))).collect();
    let all: Vec<(i64, bool)> = (17..=20).flat_map(|number| [(number, true), (number, false)]).collect();
    assert_eq!(kinds, all, "{file}");
    sections
}

#[test]
fn recorded_logins_are_repeated_byte_by_byte() {
    // The layers that each offers, and whether it chooses a subkey if it may.
    for (file, offer, chooses_subkey) in
        [("jdk_logins.txt", [1, 1, 0, 0], false), ("mit_logins.txt", [1, 0, 0, 0], true)]
    {
        for section in logins(file) {
            let challenges = section.all_bytes("received");
            let sent = log_in(&section, &section.bytes("session_key"), &challenges).unwrap();
            assert_eq!(sent, section.all_bytes("sent"), "{file} [{}]", section.name);

            let wrapped = challenges.last().unwrap();
            let flags = if chooses_subkey && is_mutual(&section) { 0x05 } else { 0x01 };
            assert_eq!(wrapped[..4], [5, 4, flags, 0xff], "{file} [{}]", section.name);
            // Neither rotates a token that is not encrypted.
            assert_eq!((&wrapped[ROTATION], &wrapped[16..20]), (&[0, 0][..], &offer[..]));
        }
    }
}

#[test]
fn a_recorded_login_with_one_altered_byte_is_refused() {
    for file in ["jdk_logins.txt", "mit_logins.txt"] {
        for section in logins(file) {
            let challenges = section.all_bytes("received");
            let session_key = section.bytes("session_key");
            let right = section.all_bytes("sent");
            for (which, challenge) in challenges.iter().enumerate() {
                let is_offer = which + 1 == challenges.len();
                for position in 0..challenge.len() {
                    let mut altered = challenges.clone();
                    altered[which][position] ^= 0x01;
                    let place = format!("{file} [{}], token {which}, byte {position}", section.name);
                    match log_in(&section, &session_key, &altered) {
                        Err(error) => assert_eq!(error.class(), Class::Security, "{place}: {error}"),
                        // A rotation by a multiple of the length changes nothing.
                        Ok(sent) => {
                            assert!(is_offer && ROTATION.contains(&position), "{place}");
                            assert_eq!(sent, right, "{place}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_recorded_proof_is_worth_nothing_under_another_key_or_at_another_time() {
    for file in ["jdk_logins.txt", "mit_logins.txt"] {
        for section in logins(file).iter().filter(|section| is_mutual(section)) {
            let challenges = section.all_bytes("received");
            let mut other_key = section.bytes("session_key");
            other_key[0] ^= 0x01;
            let error = log_in(section, &other_key, &challenges).unwrap_err();
            assert_eq!(error.fault(), &Fault::Crypto(ottla_kerberos::crypto::Error::Integrity));

            let held = ticket(section, &section.bytes("session_key"));
            let later = Timestamp::from_micros(section.number("now") + 1);
            let held = ServiceTicket::new(Arc::clone(held.grant()), ClockOffset::ZERO, later);
            let (_, client) = SaslClient::begin(held, &SaslOptions::default(), &seed(section)).unwrap();
            let error = client.step(&challenges[0]).unwrap_err();
            assert_eq!(error.fault(), &Fault::Gss(GssFault::ClientTime));
        }
    }
}

/// A message with the tokens around it: wrapped by us and by MIT, signed by us and by MIT.
struct Echo {
    message: Vec<u8>,
    wrap: [Vec<u8>; 2],
    mic: [Vec<u8>; 2],
}

/// Sets the recorded context up and gives it with the messages that went through it.
fn established(section: &Section) -> (SecurityContext, Vec<Echo>) {
    let mut sent = section.all_bytes("sent").into_iter();
    let mut received = section.all_bytes("received").into_iter();
    let ticket = ticket(section, &section.bytes("session_key"));
    let (token, begun) = begin(&ticket, &GssOptions::default(), &seed(section)).unwrap();
    assert_eq!(token, sent.next().unwrap());
    let Begun::ExpectReply(expect) = begun else { panic!("the recording is of mutual authentication") };
    let context = expect.accept(&received.next().unwrap()).unwrap();
    let mut pair = || [sent.next().unwrap(), received.next().unwrap()];
    let messages = section.all_bytes("message").into_iter();
    (context, messages.map(|message| Echo { message, wrap: pair(), mic: pair() }).collect())
}

#[test]
fn recorded_wrap_and_mic_tokens_are_made_and_taken_byte_by_byte() {
    let sections = capture::load("mit_wrap_and_mic.txt");
    let kinds: Vec<i64> = sections.iter().map(|section| section.number("enctype")).collect();
    assert_eq!(kinds, [17, 18, 19, 20]);
    for section in sections {
        let (mut context, echoes) = established(&section);
        let lengths: Vec<usize> = echoes.iter().map(|echo| echo.message.len()).collect();
        assert_eq!(lengths, [0, 1, 15, 16, 17, 1000]);
        for Echo { message, wrap: [wrapped, echoed], mic: [signed, countersigned] } in echoes {
            assert_eq!(context.wrap(&message), wrapped);
            assert_eq!(context.unwrap(&echoed), Ok(message.clone()));
            assert_eq!(context.mic(&message), signed);
            assert_eq!(context.verify_mic(&message, &countersigned), Ok(()));
        }
    }
}

#[test]
fn a_recorded_token_with_one_altered_byte_is_refused() {
    for section in capture::load("mit_wrap_and_mic.txt") {
        let (mut context, echoes) = established(&section);
        for Echo { message, wrap: [_, echoed], mic: [_, countersigned] } in &echoes[..5] {
            let altered = |token: &[u8], position: usize| {
                let mut altered = token.to_vec();
                altered[position] ^= 0x01;
                altered
            };
            // The message is one byte repeated: some rotations are found out and some change nothing.
            for position in (0..echoed.len()).filter(|position| !ROTATION.contains(position)) {
                context.unwrap(&altered(echoed, position)).unwrap_err();
            }
            // What was refused did not count: the next number is still that of the right token.
            assert_eq!(context.unwrap(echoed).as_ref(), Ok(message));
            for position in 0..countersigned.len() {
                context.verify_mic(message, &altered(countersigned, position)).unwrap_err();
            }
            let other = [message, &b"!"[..]].concat();
            assert_eq!(context.verify_mic(&other, countersigned), Err(GssFault::Integrity));
            assert_eq!(context.verify_mic(message, countersigned), Ok(()));
        }
    }
}
