//! A ticket of no KDC, for tests.

use std::sync::Arc;

use ottla_kerberos::crypto::AesKey;
use ottla_kerberos::enctype::Enctype;
use ottla_kerberos::gss::ServiceTicket;
use ottla_kerberos::principal::Principal;
use ottla_kerberos::ticket::{Grant, Ticket, TicketFlags};
use ottla_kerberos::time::{ClockOffset, KerberosTime, Timestamp};

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
}

/// A ticket for kafka/b1@R (RFC 4120 section 5.3), sealed with a key of type 18, version 7.
fn ticket() -> Ticket {
    let number = |field: u8, value: u8| tlv(0xa0 + field, &tlv(0x02, &[value]));
    let text = |text: &str| tlv(0x1b, text.as_bytes());
    let parts = tlv(0x30, &[text("kafka"), text("b1")].concat());
    let name = tlv(0x30, &[number(0, 3), tlv(0xa1, &parts)].concat());
    let sealed = tlv(0x30, &[number(0, 18), number(1, 7), tlv(0xa2, &tlv(0x04, b"sealed"))].concat());
    let fields = [number(0, 5), tlv(0xa1, &text("R")), tlv(0xa2, &name), tlv(0xa3, &sealed)].concat();
    Ticket::parse(&tlv(0x61, &tlv(0x30, &fields))).unwrap()
}

/// A ticket of job@R for kafka/b1@R, with a clock that is 2 s ahead of the KDC's.
pub(crate) fn service_ticket() -> ServiceTicket {
    let principal = |text: &str| text.parse::<Principal>().unwrap();
    let time = KerberosTime::from_seconds(1_800_000_000);
    let grant = Grant {
        client: principal("job@R"),
        server: principal("kafka/b1@R"),
        ticket: ticket(),
        session_key: AesKey::new(Enctype::AES256_CTS_HMAC_SHA1_96, &[7; 32]).unwrap(),
        flags: TicketFlags::default(),
        auth_time: time,
        start_time: time,
        end_time: time,
        renew_till: None,
    };
    let now = Timestamp::from_micros(1_800_000_000_000_000);
    ServiceTicket::new(Arc::new(grant), ClockOffset::from_micros(-2_000_000), now)
}
