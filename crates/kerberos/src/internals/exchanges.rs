//! Messages of KDCs and services. Each function takes any bytes and returns; that it does not
//! panic, hang or take much memory is the test.

use std::sync::{Arc, LazyLock};

use crate::crypto::{AesKey, KeyUsage};
use crate::der::{Reader, Writer, tag};
use crate::enctype::Enctype;
use crate::entropy::Seed;
use crate::exchange::{AsExchange, LongTermSecret, Options, ServiceRequest, TgsExchange};
use crate::gss::{self, Begun, GssOptions, ServiceTicket};
use crate::key::Key;
use crate::keytab::{Entry, Keytab};
use crate::messages::{EncKdcReplyPart, EncryptedData, EtypeInfo, KdcReply, KrbError, PaData, write_name};
use crate::principal::{NameType, Principal, PrincipalName, Realm};
use crate::sasl::{SaslClient, SaslOptions, SaslStep};
use crate::ticket::{Grant, Ticket, TicketFlags};
use crate::time::{ClockOffset, KerberosTime, Timestamp};

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const ENCTYPE: Enctype = Enctype::AES256_CTS_HMAC_SHA1_96;

/// Reads bytes as every kind of value and message, and writes again what can be written.
pub fn fuzz_der(bytes: &[u8]) {
    walk(&mut Reader::new(bytes));
    let _ = KrbError::parse(bytes).map(|error| error.method_data());
    let _ = EncKdcReplyPart::parse(bytes);
    let _ = Reader::whole(bytes, PaData::read_list).map(|list| EtypeInfo::find(&list));
    if let Ok(ticket) = Ticket::parse(bytes) {
        assert_eq!(ticket.as_bytes(), bytes, "a ticket is kept as it came");
    }
    if let Ok(number) = Reader::whole(bytes, Reader::integer) {
        assert_eq!(Writer::encode(|w| w.integer(number)), bytes, "DER has one form");
    }
    if let Ok(octets) = Reader::whole(bytes, Reader::octets) {
        assert_eq!(Writer::encode(|w| w.octets(octets)), bytes, "DER has one form");
    }
}

/// Goes down into every constructed value.
fn walk(reader: &mut Reader<'_>) {
    while let Some(next) = reader.peek_tag() {
        let read = if next & 0x20 == 0 {
            reader.content(next).map(drop)
        } else {
            reader.constructed(next, |inner| {
                walk(inner);
                Ok(())
            })
        };
        if read.is_err() {
            return;
        }
    }
}

/// Takes bytes as the KDC's reply in each exchange, as a whole and as the part that it sealed.
pub fn fuzz_kdc_reply(bytes: &[u8]) {
    static TGT: LazyLock<Option<Arc<Grant>>> = LazyLock::new(|| grant("krbtgt"));
    static SECRET: LazyLock<LongTermSecret> = LazyLock::new(secret);
    let Some(grant) = TGT.as_ref() else { return };
    let exchange = || {
        let (secret, options) = (SECRET.clone(), Options::default());
        AsExchange::begin(grant.client.clone(), secret, options, ClockOffset::ZERO, NOW, &seed())
    };
    let request = ServiceRequest::by_referral(PrincipalName::new(NameType::SRV_HST, ["kafka", "b"]));
    let ticket_exchange = || {
        let (tgt, options) = (Arc::clone(grant), Options::default());
        TgsExchange::begin(tgt, request.clone(), options, ClockOffset::ZERO, NOW, &seed())
    };
    let sealed = |message, key: &AesKey, usage| kdc_reply(grant, message, key, usage, bytes);
    let Ok(subkey) = seed().subkey(ENCTYPE) else { return };
    let (login_reply, ticket_reply) = (
        sealed(KdcReply::AS, &grant.session_key, KeyUsage::AS_REP),
        sealed(KdcReply::TGS, &subkey, KeyUsage::TGS_REP_SUBKEY),
    );
    for reply in [bytes, &login_reply] {
        let _ = exchange().and_then(|(_, exchange)| exchange.step(reply, NOW, &seed()));
    }
    for reply in [bytes, &ticket_reply] {
        let _ = ticket_exchange().and_then(|(_, exchange)| exchange.step(reply, NOW, &seed()));
    }
}

/// Takes bytes as each token of a service: the proof, what the proof seals, and what comes after.
pub fn fuzz_gss_token(bytes: &[u8]) {
    static TICKET: LazyLock<Option<Arc<Grant>>> = LazyLock::new(|| grant("kafka"));
    let Some(grant) = TICKET.as_ref() else { return };
    let ticket = ServiceTicket::new(Arc::clone(grant), ClockOffset::ZERO, NOW);
    let sealed = EncryptedData::seal(&grant.session_key, KeyUsage::AP_REP, &[0; 16], bytes);
    let reply = Writer::encode(|w| {
        w.constructed(0x60, |w| {
            w.content(tag::OID, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02]);
            w.raw(&[2, 0]);
            w.message(15, |w| {
                w.field(0, |w| w.integer(5));
                w.field(1, |w| w.integer(15));
                w.field(2, |w| sealed.write(w));
            });
        });
    });
    let options = |mutual| SaslOptions { gss: gss_options(mutual), ..SaslOptions::default() };
    // With a proof, which is in a frame of its own or is all of the input; and without.
    for (mutual, token) in [(true, reply.as_slice()), (true, bytes), (false, bytes)] {
        if let Ok((_, client)) = SaslClient::begin(ticket.clone(), &options(mutual), &seed())
            && let Ok(SaslStep::Send { next, .. }) = client.step(token)
        {
            let _ = next.step(bytes);
        }
    }
    if let Ok((_, Begun::Established(mut context))) = gss::begin(&ticket, &gss_options(false), &seed()) {
        let _ = context.unwrap(bytes);
        let _ = context.verify_mic(b"text", bytes);
    }
}

fn gss_options(mutual: bool) -> GssOptions {
    GssOptions { mutual, ..GssOptions::default() }
}

fn seed() -> Seed {
    Seed::new(&[7; Seed::LEN])
}

fn client() -> Principal {
    Principal::new(PrincipalName::new(NameType::PRINCIPAL, ["alice"]), Realm::new("R"))
}

fn secret() -> LongTermSecret {
    let key = Key::new(ENCTYPE, vec![1; 32]);
    let entry = Entry { principal: client(), timestamp: 0, kvno: 1, key };
    LongTermSecret::Keytab(Arc::new(Keytab::new(vec![entry])))
}

/// A ticket for `service/R@R`.
fn grant(service: &str) -> Option<Arc<Grant>> {
    let server = Principal::new(PrincipalName::new(NameType::SRV_INST, [service, "R"]), Realm::new("R"));
    Some(Arc::new(Grant {
        client: client(),
        ticket: Ticket::parse(&ticket_for(&server)).ok()?,
        server,
        session_key: AesKey::new(ENCTYPE, &[1; 32]).ok()?,
        flags: TicketFlags::default(),
        auth_time: NOW.time(),
        start_time: NOW.time(),
        end_time: KerberosTime::from_seconds(1_800_036_000),
        renew_till: None,
    }))
}

fn ticket_for(server: &Principal) -> Vec<u8> {
    let sealed = EncryptedData { enctype: ENCTYPE, kvno: Some(1), cipher: vec![0; 40] };
    Writer::encode(|w| {
        w.message(1, |w| {
            w.field(0, |w| w.integer(5));
            w.field(1, |w| w.text(server.realm.as_str()));
            w.field(2, |w| write_name(w, &server.name));
            w.field(3, |w| sealed.write(w));
        });
    })
}

fn kdc_reply(grant: &Grant, message: u8, key: &AesKey, usage: KeyUsage, part: &[u8]) -> Vec<u8> {
    let sealed = EncryptedData::seal(key, usage, &[0; 16], part);
    Writer::encode(|w| {
        w.message(message, |w| {
            w.field(0, |w| w.integer(5));
            w.field(1, |w| w.integer(i64::from(message)));
            w.field(3, |w| w.text(grant.client.realm.as_str()));
            w.field(4, |w| write_name(w, &grant.client.name));
            w.field(5, |w| w.raw(grant.ticket.as_bytes()));
            w.field(6, |w| sealed.write(w));
        });
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge::{Reply, principal, seconds, seed};

    /// Every prefix and every changed byte of right messages, sealed parts among them.
    #[test]
    fn no_entry_point_panics_on_damaged_messages() {
        let reply = Reply { end_time: seconds(10), ..Reply::to(&seed(7), "alice@R", "krbtgt/R@R") };
        let subkey = seed(7).subkey(ENCTYPE).unwrap();
        for message in [
            reply.part(),
            reply.encode(13, &subkey, KeyUsage::TGS_REP_SUBKEY),
            crate::forge::krb_error(25, seconds(0), Some(&crate::forge::method_data(&[(18, None, None)]))),
            crate::forge::ticket(&principal("kafka/b@R")),
            vec![0x30; 200],
        ] {
            for length in (0..message.len()).step_by(11) {
                for entry in [fuzz_der, fuzz_kdc_reply, fuzz_gss_token] {
                    entry(&message[..length]);
                    let mut altered = message.clone();
                    altered[length] ^= 0x81;
                    entry(&altered);
                }
            }
        }
    }
}
