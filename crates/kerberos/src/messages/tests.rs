//! Messages of MIT's tools and KDC, recorded by `tests/mit_messages.rs` of this package: each is
//! read to its last byte, opened with the keys that lead from the password to the service, compared
//! with what MIT's own cache says of it, and written again where this crate writes it.

mod heard;

use heard::{Claim, Proof, Request};

use super::*;
use crate::capture::{self, Section};
use crate::ccache::{Credential, CredentialCache};
use crate::crypto::{AesKey, KeyUsage, Salted};
use crate::der::{Error, Reader, Writer, tag};
use crate::enctype::Enctype;
use crate::keytab::Keytab;
use crate::principal::{NameType, Principal, PrincipalName, Realm};
use crate::ticket::Ticket;
use crate::time::{KerberosTime, Timestamp};

const AS_REQ: u8 = 10;
const TGS_REQ: u8 = 12;
const FX_FAST: i32 = 136;
/// What kinit asks for with `-f -r`: forwardable and renewable.
const KINIT_OPTIONS: u32 = 0x4080_0000;

fn recorded() -> Vec<Section> {
    let sections = capture::load("mit_messages.txt");
    let types: Vec<i64> = sections.iter().map(|section| section.number("enctype")).collect();
    assert_eq!(types, [17, 18, 19, 20]);
    sections
}

fn enctype(section: &Section) -> Enctype {
    Enctype(i32::try_from(section.number("enctype")).unwrap())
}

fn principal(section: &Section, name: &str) -> Principal {
    section.text(name).parse().unwrap()
}

fn credential(section: &Section, server: &str) -> Credential {
    let cache = CredentialCache::parse(&section.bytes("ccache")).unwrap();
    let server = server.parse().unwrap();
    let found = cache.into_credentials().into_iter().find(|credential| credential.server == server);
    found.unwrap()
}

/// The client's key: of the password, as the KDC's error says.
fn client_key(section: &Section) -> AesKey {
    let error = KrbError::parse(&section.bytes("krb_error")).unwrap();
    let info = EtypeInfo::find(&error.method_data().unwrap()).unwrap();
    let [EtypeInfo { enctype, salt: Some(salt), parameters }] = info.as_slice() else {
        panic!("the client has one key: {info:?}");
    };
    let password = section.text("password").as_bytes();
    Salted::new(*enctype, salt, parameters.as_deref()).unwrap().key(password).unwrap()
}

/// Reads `bytes` whole, and sees that neither one more nor one less is taken.
fn exactly<T>(bytes: &[u8], parse: impl Fn(&[u8]) -> Result<T, Error>) -> T {
    assert_eq!(parse(&[bytes, &[0]].concat()).err(), Some(Error::TrailingBytes));
    assert_eq!(parse(&bytes[..bytes.len() - 1]).err(), Some(Error::Truncated));
    parse(bytes).unwrap()
}

/// Opens what is sealed, and sees that one altered byte, another key or another use is refused.
fn open(key: &AesKey, usage: KeyUsage, sealed: &EncryptedData) -> Vec<u8> {
    assert_eq!(sealed.enctype, key.enctype());
    for position in [0, sealed.cipher.len() / 2, sealed.cipher.len() - 1] {
        let mut altered = sealed.cipher.clone();
        altered[position] ^= 0x01;
        assert!(key.decrypt(usage, &altered).is_err());
    }
    assert!(key.decrypt(KeyUsage(usage.0 + 1), &sealed.cipher).is_err());
    let mut other = key.secret_bytes().to_vec();
    other[0] ^= 0x01;
    assert!(AesKey::new(key.enctype(), &other).unwrap().decrypt(usage, &sealed.cipher).is_err());
    key.decrypt(usage, &sealed.cipher).unwrap().to_vec()
}

#[test]
fn login_requests_of_kinit_are_written_again_byte_by_byte() {
    for section in recorded() {
        let client = principal(&section, "client");
        for (name, kinds) in
            [("as_req", &[150, 149][..]), ("as_req_with_proof", &[133, PaData::ENC_TIMESTAMP, 150, 149])]
        {
            let bytes = section.bytes(name);
            let request = exactly(&bytes, |bytes| Request::parse(bytes, AS_REQ));
            assert_eq!(request.kinds(), kinds);
            assert_eq!(request.options, KdcOptions(KINIT_OPTIONS));
            assert_eq!(request.client.as_ref(), Some(&client.name));
            assert_eq!(request.client.as_ref().unwrap().name_type(), NameType::PRINCIPAL);
            assert_eq!(request.realm, client.realm);
            assert_eq!(request.server, PrincipalName::krbtgt(&client.realm));
            assert_eq!(request.server.name_type(), NameType::SRV_INST);
            let life = |until: KerberosTime| until.as_seconds() - request.till.as_seconds();
            assert_eq!(request.renew_till.map(life), Some(86_400), "a day, renewable for two");
            assert_eq!(request.enctypes[0], enctype(&section));
            assert_eq!(request.enctypes.len(), 4);
            assert_eq!(request.encode(as_request), bytes, "{name} [{}]", section.name);
        }
    }
}

#[test]
fn the_error_of_mits_kdc_names_the_key_and_its_salt() {
    for section in recorded() {
        let bytes = section.bytes("krb_error");
        let error = exactly(&bytes, KrbError::parse);
        let client = principal(&section, "client");
        assert_eq!(error.code, 25);
        assert_eq!(error.client_realm.as_ref(), Some(&client.realm));
        let login = credential(&section, "krbtgt/WIRE.TEST@WIRE.TEST").auth_time;
        let ahead = i64::from(login) - error.server_time.time().as_seconds();
        assert!((0..60).contains(&ahead), "{ahead}");

        let pieces = error.method_data().unwrap();
        assert!(pieces.iter().any(|piece| piece.kind == PaData::ENC_TIMESTAMP));
        let again = Writer::encode(|w| w.sequence(|w| pieces.iter().for_each(|piece| piece.write(w))));
        assert!(bytes.ends_with(&again), "method data is written again byte by byte");
        let info = EtypeInfo::find(&pieces).unwrap();
        let salt = [client.realm.as_str(), client.name.components()[0].as_str()].concat();
        assert_eq!(info.len(), 1);
        assert_eq!(info[0].enctype, enctype(&section));
        assert_eq!(info[0].salt.as_deref(), Some(salt.as_bytes()));
    }
}

#[test]
fn the_proof_of_kinit_opens_with_the_password_and_says_what_ours_would() {
    for section in recorded() {
        let key = client_key(&section);
        let request = Request::parse(&section.bytes("as_req_with_proof"), AS_REQ).unwrap();
        let sealed = |value: &[u8]| Reader::whole(value, EncryptedData::read).unwrap();
        let proof = sealed(request.piece(PaData::ENC_TIMESTAMP));
        assert_eq!(Writer::encode(|w| proof.write(w)), request.piece(PaData::ENC_TIMESTAMP));
        let text = open(&key, KeyUsage::AS_REQ_TIMESTAMP, &proof);
        let read = |r: &mut Reader<'_>| Ok((r.field(0, Reader::time)?, r.field(1, Reader::int32)?));
        let (time, micros) = exactly(&text, |text| Reader::whole(text, |r| r.sequence(read)));
        let now = Timestamp::from_parts(time, i64::from(micros));
        let ours = sealed(&encrypted_timestamp(&key, now, &[0; 16]).value);
        assert_eq!(key.decrypt(KeyUsage::AS_REQ_TIMESTAMP, &ours.cipher).unwrap().to_vec(), text);
        assert_eq!(ours.cipher.len(), proof.cipher.len());
    }
}

/// Compares what we read in a reply with what MIT read in it and wrote to its cache.
fn assert_same(reply: &KdcReply, part: &EncKdcReplyPart, cached: &Credential) {
    let seconds = |time: KerberosTime| u32::try_from(time.as_seconds()).unwrap();
    assert_eq!(reply.client, cached.client);
    assert_eq!(reply.client.name.name_type(), cached.client.name.name_type());
    assert_eq!(reply.ticket.as_bytes(), cached.ticket);
    assert_eq!(reply.ticket.server(), &cached.server);
    assert_eq!(part.server, cached.server);
    assert_eq!(part.server.name.name_type(), cached.server.name.name_type());
    assert_eq!(part.key, cached.key);
    assert_eq!(part.flags.0, cached.flags);
    assert_eq!(seconds(part.auth_time), cached.auth_time);
    assert_eq!(part.start_time.map_or(cached.auth_time, seconds), cached.start_time);
    assert_eq!(seconds(part.end_time), cached.end_time);
    assert_eq!(part.renew_till.map(seconds), Some(cached.renew_till));
}

#[test]
fn replies_of_mits_kdc_say_to_us_what_they_say_to_mit() {
    for section in recorded() {
        let reply = exactly(&section.bytes("as_rep"), |bytes| KdcReply::parse(bytes, KdcReply::AS));
        let request = Request::parse(&section.bytes("as_req_with_proof"), AS_REQ).unwrap();
        let text = open(&client_key(&section), KeyUsage::AS_REP, &reply.sealed);
        let part = exactly(&text, EncKdcReplyPart::parse);
        let cached = credential(&section, "krbtgt/WIRE.TEST@WIRE.TEST");
        assert_eq!(part.nonce, request.nonce);
        assert_eq!(part.end_time, request.till);
        assert_same(&reply, &part, &cached);

        let tgt_key = AesKey::of(&part.key).unwrap();
        let request = Request::parse(&section.bytes("tgs_req"), TGS_REQ).unwrap();
        let proof = Proof::parse(request.piece(PaData::TGS_REQ)).unwrap();
        let claim = open(&tgt_key, KeyUsage::TGS_REQ_AUTHENTICATOR, &proof.sealed);
        let subkey = Claim::parse(&claim).unwrap().subkey;
        let reply = exactly(&section.bytes("tgs_rep"), |bytes| KdcReply::parse(bytes, KdcReply::TGS));
        let text = open(&subkey, KeyUsage::TGS_REP_SUBKEY, &reply.sealed);
        let part = exactly(&text, EncKdcReplyPart::parse);
        assert_eq!(part.nonce, request.nonce);
        assert_same(&reply, &part, &credential(&section, section.text("server")));
    }
}

#[test]
fn ticket_requests_of_kvno_are_written_again_byte_by_byte() {
    for section in recorded() {
        let bytes = section.bytes("tgs_req");
        let request = exactly(&bytes, |bytes| Request::parse(bytes, TGS_REQ));
        let (client, server) = (principal(&section, "client"), principal(&section, "server"));
        assert_eq!((request.client.as_ref(), &request.realm), (None, &server.realm));
        assert_eq!(request.server, server.name);
        assert_eq!(request.enctypes[0], enctype(&section));
        assert_eq!(request.kinds(), [PaData::TGS_REQ, FX_FAST]);
        assert_eq!(request.encode(tgs_request), bytes, "[{}]", section.name);

        let tgt = credential(&section, "krbtgt/WIRE.TEST@WIRE.TEST");
        let key = AesKey::of(&tgt.key).unwrap();
        let proof = exactly(request.piece(PaData::TGS_REQ), Proof::parse);
        assert!(!proof.mutual);
        assert_eq!(proof.ticket.as_bytes(), tgt.ticket);
        assert_eq!(proof.encode(), request.piece(PaData::TGS_REQ));
        let text = open(&key, KeyUsage::TGS_REQ_AUTHENTICATOR, &proof.sealed);
        let claim = exactly(&text, Claim::parse);
        assert_eq!((&claim.client, claim.sequence), (&client, None));
        assert_eq!(claim.encode(), text, "[{}]", section.name);
        let (kind, checksum) = &claim.checksum;
        assert_eq!(*kind, key.checksum_type());
        assert_eq!(&key.checksum(KeyUsage::TGS_REQ_CHECKSUM, &[&request.body]), checksum);
    }
}

#[test]
fn the_first_token_of_mits_initiator_is_written_again_byte_by_byte() {
    for section in recorded() {
        let cached = credential(&section, section.text("server"));
        let key = AesKey::of(&cached.key).unwrap();
        let token = section.bytes("gss_token");
        let mut reader = Reader::new(Reader::whole(&token, |r| r.content(0x60)).unwrap());
        reader.content(tag::OID).unwrap();
        let (id, message) = reader.rest().split_at(2);
        assert_eq!(id, [1, 0]);
        let proof = exactly(message, Proof::parse);
        assert!(proof.mutual);
        assert_eq!(proof.ticket.as_bytes(), cached.ticket);
        assert_eq!(proof.encode(), message);
        assert_eq!(crate::forge::gss_frame([1, 0], &proof.encode()), token);

        let text = open(&key, KeyUsage::AP_REQ_AUTHENTICATOR, &proof.sealed);
        let claim = exactly(&text, Claim::parse);
        assert_eq!(claim.client, cached.client);
        assert!(claim.sequence.is_some());
        // No channel bindings; our flags, and those for encryption and for contexts that move.
        let flags = [&[16, 0, 0, 0][..], &[0; 16], &[0x2e | 0x10, 0x01, 0, 0]].concat();
        assert_eq!(claim.checksum, (0x8003, flags));
        assert_eq!(claim.encode(), text, "[{}]", section.name);
    }
}

#[test]
fn the_keytab_that_kadmin_wrote_opens_the_ticket() {
    for section in recorded() {
        let cached = credential(&section, section.text("server"));
        let ticket = Ticket::parse(&cached.ticket).unwrap();
        let sealed = Reader::whole(&cached.ticket, |r| {
            r.constructed(tag::application(1), |r| {
                r.sequence(|r| {
                    (0..3).try_for_each(|field| r.skip_field(field))?;
                    r.field(3, EncryptedData::read)
                })
            })
        });
        let keytab = Keytab::parse(&section.bytes("service_keytab")).unwrap();
        let entry = keytab.key(&cached.server, ticket.enctype(), ticket.kvno()).unwrap();
        assert_eq!(ticket.kvno(), Some(entry.kvno));
        let text = open(&AesKey::of(&entry.key).unwrap(), KeyUsage::TICKET, &sealed.unwrap());
        let session_key = Writer::encode(|w| write_key(w, &AesKey::of(&cached.key).unwrap()));
        assert!(text.windows(session_key.len()).any(|window| window == session_key));
    }
}
