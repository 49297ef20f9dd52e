use std::sync::Arc;

use super::*;
use crate::crypto::{AesKey, KeyUsage};
use crate::der;
use crate::enctype::Enctype;
use crate::error::{Class, ErrorCode, GssFault};
use crate::forge::{self, ApPart, NOW, ap_reply, gss_frame, key, principal, seconds, seed};
use crate::key::Key;
use crate::messages::EncryptedData;
use crate::ticket::{Ticket, TicketFlags};

/// The number that both sides start from: `seed(1)`'s.
const START: u64 = 0x0101_0101;

pub(crate) fn service_ticket() -> ServiceTicket {
    let server = principal("kafka/b@R");
    let grant = Grant {
        client: principal("alice@R"),
        ticket: Ticket::parse(&forge::ticket(&server)).unwrap(),
        server,
        session_key: session_key(),
        flags: TicketFlags::default(),
        auth_time: NOW.time(),
        start_time: NOW.time(),
        end_time: seconds(3600),
        renew_till: None,
    };
    ServiceTicket::new(Arc::new(grant), ClockOffset::ZERO, NOW)
}

fn session_key() -> AesKey {
    key(Enctype(18), 8)
}

fn expect_reply() -> ExpectReply {
    match begin(&service_ticket(), &GssOptions::default(), &seed(1)).unwrap().1 {
        Begun::ExpectReply(expect) => expect,
        Begun::Established(_) => panic!("mutual authentication was asked for"),
    }
}

fn right() -> ApPart {
    ApPart { client_time: NOW, subkey: None, sequence: Some(5) }
}

fn sealed(part: &ApPart) -> EncryptedData {
    EncryptedData::seal(&session_key(), KeyUsage::AP_REP, &[3; 16], &part.encode())
}

pub(crate) fn reply(part: &ApPart) -> Vec<u8> {
    gss_frame([2, 0], &ap_reply(&sealed(part)))
}

fn refusal(token: &[u8]) -> Fault {
    expect_reply().accept(token).unwrap_err()
}

#[test]
fn takes_a_reply_that_is_right() {
    expect_reply().accept(&reply(&right())).unwrap();
}

#[test]
fn reads_a_sequence_number_that_was_written_signed() {
    let part = ApPart { sequence: Some(-2), ..right() };
    let mut context = expect_reply().accept(&reply(&part)).unwrap();
    let token = Forged { sequence: 0xffff_fffe, ..Forged::default() };
    assert_eq!(context.unwrap(&token.wrap(b"text")), Ok(b"text".to_vec()));
}

#[test]
fn refuses_a_reply_with_another_time() {
    for micros in [-1, 1, 1_000_000] {
        let client_time = Timestamp::from_micros(NOW.as_micros() + micros);
        let fault = refusal(&reply(&ApPart { client_time, ..right() }));
        assert_eq!(fault, GssFault::ClientTime.into());
    }
}

#[test]
fn refuses_a_reply_under_another_key_or_for_another_use() {
    let part = right().encode();
    let frame = |sealed: &EncryptedData| gss_frame([2, 0], &ap_reply(sealed));
    let other_key = EncryptedData::seal(&key(Enctype(18), 1), KeyUsage::AP_REP, &[3; 16], &part);
    let integrity = Fault::Crypto(crate::crypto::Error::Integrity);
    assert_eq!(refusal(&frame(&other_key)), integrity);
    let other_use = EncryptedData::seal(&session_key(), KeyUsage::AS_REP, &[3; 16], &part);
    assert_eq!(refusal(&frame(&other_use)), integrity);
    let other_type = EncryptedData::seal(&key(Enctype(20), 8), KeyUsage::AP_REP, &[3; 16], &part);
    assert_eq!(refusal(&frame(&other_type)), GssFault::WhichKey.into());
}

#[test]
fn refuses_a_subkey_that_cannot_be_used() {
    for subkey in [Key::new(Enctype(23), vec![0; 16]), Key::new(Enctype(18), vec![0; 16])] {
        let part = ApPart { subkey: Some(subkey), ..right() };
        assert_eq!(refusal(&reply(&part)), GssFault::Subkey.into());
    }
}

#[test]
fn refuses_tokens_of_another_mechanism_or_kind() {
    let mut other = reply(&right());
    let oid = other.iter().position(|byte| *byte == 6).unwrap();
    other[oid + 10] = 3;
    assert_eq!(refusal(&other), GssFault::Mechanism.into());
    let message = ap_reply(&sealed(&right()));
    assert_eq!(refusal(&gss_frame([1, 0], &message)), GssFault::TokenId.into());
    assert_eq!(refusal(&gss_frame([2, 1], &message)), GssFault::TokenId.into());
}

#[test]
fn refuses_tokens_that_are_not_der() {
    let token = reply(&right());
    let refused = |token: &[u8], error| assert_eq!(refusal(token), Fault::Malformed(error));
    refused(&forge::with_indefinite_length(&token), der::Error::IndefiniteLength);
    refused(&forge::with_long_length(&token), der::Error::NonMinimalLength);
    refused(&[&token[..], &[0]].concat(), der::Error::TrailingBytes);
    refused(&token[..token.len() - 1], der::Error::Truncated);
    refused(&[], der::Error::UnexpectedTag { expected: 0x60, got: None });
    refused(&gss_frame([2, 0], &[]), der::Error::UnexpectedTag { expected: 0x6f, got: None });
    let inner = ap_reply(&sealed(&right()));
    refused(&gss_frame([2, 0], &forge::with_indefinite_length(&inner)), der::Error::IndefiniteLength);
}

#[test]
fn a_service_may_say_why_it_refuses() {
    let error = gss_frame([3, 0], &forge::krb_error(34, NOW.time(), None));
    let fault = refusal(&error);
    assert_eq!(fault, GssFault::Refused(ErrorCode(34)).into());
    assert_eq!(service_ticket().error(fault).class(), Class::Transient);
}

/// A token of the acceptor, right unless a field is changed.
struct Forged {
    id: [u8; 2],
    flags: u8,
    filler: u8,
    extra_count: Option<u16>,
    rotation: u16,
    sequence: u64,
    key: AesKey,
    usage: KeyUsage,
}

impl Default for Forged {
    fn default() -> Self {
        Self {
            id: [5, 4],
            flags: 1,
            filler: 0xff,
            extra_count: None,
            rotation: 0,
            sequence: START,
            key: subkey(),
            usage: KeyUsage::ACCEPTOR_SEAL,
        }
    }
}

impl Forged {
    fn wrap(&self, payload: &[u8]) -> Vec<u8> {
        let [a, b] = self.id;
        let head = [a, b, self.flags, self.filler, 0, 0, 0, 0];
        let header = [&head[..], &self.sequence.to_be_bytes()].concat();
        let checksum = self.key.checksum(self.usage, &[payload, &header]);
        let length = u16::try_from(checksum.len()).unwrap();
        let mut body = [payload, &checksum].concat();
        let rotation = usize::from(self.rotation) % body.len();
        body.rotate_right(rotation);
        let counts = [self.extra_count.unwrap_or(length).to_be_bytes(), self.rotation.to_be_bytes()].concat();
        [&head[..4], &counts, &self.sequence.to_be_bytes(), &body].concat()
    }
}

/// The subkey that `seed(1)` puts into the AP-REQ.
fn subkey() -> AesKey {
    key(Enctype(18), 1)
}

pub(crate) fn forged_offer(payload: &[u8]) -> Vec<u8> {
    Forged::default().wrap(payload)
}

/// A context without mutual authentication: both sides count from our number.
fn context() -> SecurityContext {
    let options = GssOptions { mutual: false, ..GssOptions::default() };
    match begin(&service_ticket(), &options, &seed(1)).unwrap().1 {
        Begun::Established(context) => context,
        Begun::ExpectReply(_) => panic!("no mutual authentication was asked for"),
    }
}

fn unwrap_refusal(forged: &Forged) -> GssFault {
    context().unwrap(&forged.wrap(b"text")).unwrap_err()
}

#[test]
fn unwraps_a_token_that_is_right_in_any_rotation() {
    for rotation in [0, 1, 12, 16, 28, 65_535] {
        let token = Forged { rotation, ..Forged::default() }.wrap(b"four bytes");
        assert_eq!(context().unwrap(&token), Ok(b"four bytes".to_vec()), "{rotation}");
    }
}

#[test]
fn the_checksum_does_not_depend_on_the_length_that_the_token_names() {
    for extra_count in [0, 1, 11, 13, 28, 65_535] {
        let forged = Forged { extra_count: Some(extra_count), ..Forged::default() };
        assert_eq!(unwrap_refusal(&forged), GssFault::ChecksumLength, "{extra_count}");
    }
    // No checksum at all, said honestly.
    let mut bare = Forged { extra_count: Some(0), ..Forged::default() }.wrap(b"");
    bare.truncate(16);
    bare.extend_from_slice(b"text");
    assert_eq!(context().unwrap(&bare), Err(GssFault::ChecksumLength));
}

#[test]
fn refuses_a_token_too_short_for_its_header_and_checksum() {
    let token = forged_offer(b"");
    assert_eq!(token.len(), 28);
    for length in 0..28 {
        assert_eq!(context().unwrap(&token[..length]), Err(GssFault::Truncated), "{length}");
    }
}

#[test]
fn refuses_a_token_for_another_use_or_under_another_key() {
    for usage in [KeyUsage::INITIATOR_SEAL, KeyUsage::ACCEPTOR_SIGN, KeyUsage(25)] {
        assert_eq!(unwrap_refusal(&Forged { usage, ..Forged::default() }), GssFault::Integrity);
    }
    assert_eq!(unwrap_refusal(&Forged { key: session_key(), ..Forged::default() }), GssFault::Integrity);
}

#[test]
fn refuses_our_own_token_sent_back() {
    assert_eq!(unwrap_refusal(&Forged { flags: 0, ..Forged::default() }), GssFault::Direction);
    let mut ours = context();
    let token = ours.wrap(b"text");
    assert_eq!(ours.unwrap(&token), Err(GssFault::Direction));
}

#[test]
fn refuses_a_sealed_token() {
    assert_eq!(unwrap_refusal(&Forged { flags: 3, ..Forged::default() }), GssFault::Sealed);
}

#[test]
fn refuses_a_token_under_a_key_that_the_context_does_not_have() {
    assert_eq!(unwrap_refusal(&Forged { flags: 5, ..Forged::default() }), GssFault::WhichKey);
    let part = ApPart { subkey: Some(Key::new(Enctype(17), vec![4; 16])), ..right() };
    let mut with_acceptor_subkey = expect_reply().accept(&reply(&part)).unwrap();
    let token = Forged { sequence: 5, key: key(Enctype(17), 4), ..Forged::default() };
    assert_eq!(with_acceptor_subkey.unwrap(&token.wrap(b"text")), Err(GssFault::WhichKey));
    let token = Forged { flags: 5, ..token };
    assert_eq!(with_acceptor_subkey.unwrap(&token.wrap(b"text")), Ok(b"text".to_vec()));
}

#[test]
fn refuses_another_sequence_number_and_the_same_token_twice() {
    for sequence in [START + 1, START - 1, 0, u64::MAX] {
        assert_eq!(unwrap_refusal(&Forged { sequence, ..Forged::default() }), GssFault::Sequence);
    }
    let mut context = context();
    let token = forged_offer(b"text");
    assert_eq!(context.unwrap(&token), Ok(b"text".to_vec()));
    assert_eq!(context.unwrap(&token), Err(GssFault::Sequence));
    let next = Forged { sequence: START + 1, ..Forged::default() };
    assert_eq!(context.unwrap(&next.wrap(b"more")), Ok(b"more".to_vec()));
}

#[test]
fn refuses_another_kind_of_token_and_other_filler() {
    assert_eq!(unwrap_refusal(&Forged { id: [4, 4], ..Forged::default() }), GssFault::TokenId);
    assert_eq!(unwrap_refusal(&Forged { id: [2, 1], ..Forged::default() }), GssFault::TokenId);
    assert_eq!(unwrap_refusal(&Forged { filler: 0, ..Forged::default() }), GssFault::Filler);
}

#[test]
fn refuses_every_altered_byte() {
    // Of a length that turns every other rotation into other bytes.
    let token = forged_offer(b"bytes");
    for position in 0..token.len() {
        let mut altered = token.clone();
        altered[position] ^= 1;
        assert!(context().unwrap(&altered).is_err(), "{position}");
    }
}

fn mic(message: &[u8], filler: u8) -> Vec<u8> {
    let header = [&[4, 4, 1, 0xff, 0xff, 0xff, 0xff, filler], &START.to_be_bytes()[..]].concat();
    let checksum = subkey().checksum(KeyUsage::ACCEPTOR_SIGN, &[message, &header]);
    [&header[..], &checksum].concat()
}

#[test]
fn refuses_a_mic_for_another_message_of_another_length_or_form() {
    assert_eq!(context().verify_mic(b"text", &mic(b"text", 0xff)), Ok(()));
    assert_eq!(context().verify_mic(b"test", &mic(b"text", 0xff)), Err(GssFault::Integrity));
    let cut = &mic(b"text", 0xff)[..27];
    assert_eq!(context().verify_mic(b"text", cut), Err(GssFault::Integrity));
    assert_eq!(context().verify_mic(b"text", &mic(b"text", 0xff)[..15]), Err(GssFault::Truncated));
    assert_eq!(context().verify_mic(b"text", &mic(b"text", 0)), Err(GssFault::Filler));
}

#[test]
fn the_error_of_a_refusal_names_what_our_side_knows() {
    let error = service_ticket().refused();
    assert_eq!(error.to_string(), "Kerberos authentication of alice@R for kafka/b@R failed");
    let hint = error.hint().unwrap();
    assert!(hint.contains("arcfour-hmac, kvno 7"), "{hint}");
    assert!(hint.contains("msDS-SupportedEncryptionTypes"), "{hint}");
}
