//! What MIT's tools and KDC say to each other, heard by a relay between them. The unit tests of
//! the messages read what was recorded here.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/capture.rs"]
mod capture;
#[path = "support/mit.rs"]
mod mit;
#[path = "support/relay.rs"]
mod relay;

use std::fs;

use capture::Section;
use mit::Mit;
use ottla_kerberos::ccache::CredentialCache;
use ottla_kerberos::der::{Error, Reader, Writer, tag};
use ottla_kerberos::enctype::Enctype;
use ottla_kerberos::time::KerberosTime;
use relay::Relay;

const REALM: &str = "WIRE.TEST";
const SERVICE: &str = "svc/host.wire.test@WIRE.TEST";
const KDC_NAMES: [(i32, &str); 4] =
    [(17, "aes128-cts"), (18, "aes256-cts"), (19, "aes128-sha2"), (20, "aes256-sha2")];
/// Each message by its name and first byte: `[APPLICATION n]`.
const MESSAGES: [(&str, u8); 6] = [
    ("as_req", 0x6a),
    ("krb_error", 0x7e),
    ("as_req_with_proof", 0x6a),
    ("as_rep", 0x6b),
    ("tgs_req", 0x6c),
    ("tgs_rep", 0x6d),
];
/// The first token of MIT's own GSS-API for the service.
const INITIATOR: &str = "
import sys, gssapi
F = gssapi.RequirementFlag
name = gssapi.Name(sys.argv[1], gssapi.NameType.kerberos_principal)
flags = [F.mutual_authentication, F.replay_detection, F.out_of_sequence_detection, F.integrity]
print(gssapi.SecurityContext(name=name, flags=flags, usage='initiate').step().hex())
";

/// PA-FX-FAST (RFC 6113), which this crate does not send.
const FX_FAST: i32 = 136;

/// Takes FAST out of a TGS-REQ, for a reply under the key that is in the request, as KDCs without
/// FAST send it and as this crate gets it. Nothing protects this part of a request.
fn without_fast(request: &[u8]) -> Vec<u8> {
    const TGS_REQ: u8 = tag::application(12);
    if request.first() != Some(&TGS_REQ) {
        return request.to_vec();
    }
    let piece = |r: &mut Reader<'_>| {
        let whole = r.raw(tag::SEQUENCE)?.to_vec();
        let kind = Reader::whole(&whole, |r| {
            r.sequence(|r| {
                let kind = r.field(1, Reader::int32)?;
                r.field(2, Reader::octets).map(|_| kind)
            })
        })?;
        Ok::<_, Error>((kind, whole))
    };
    let (pieces, body) = Reader::whole(request, |r| {
        r.constructed(TGS_REQ, |r| {
            r.sequence(|r| {
                r.skip_field(1)?;
                r.skip_field(2)?;
                let pieces = r.field(3, |r| r.sequence_of(8, piece))?;
                Ok((pieces, r.field(4, |r| r.raw(tag::SEQUENCE).map(<[u8]>::to_vec))?))
            })
        })
    })
    .unwrap();
    let kept = || pieces.iter().filter(|(kind, _)| *kind != FX_FAST);
    assert_eq!((pieces.len(), kept().count()), (2, 1));
    Writer::encode(|w| {
        w.message(12, |w| {
            w.field(1, |w| w.integer(5));
            w.field(2, |w| w.integer(12));
            w.field(3, |w| w.sequence(|w| kept().for_each(|(_, piece)| w.raw(piece))));
            w.field(4, |w| w.raw(&body));
        });
    })
}

/// A krb5.conf that leads to the relay, and asks for `first` as the type of session keys.
fn krb5_conf(port: u16, first: &str) -> String {
    let others = KDC_NAMES.iter().map(|(_, name)| *name).filter(|name| *name != first);
    let enctypes: Vec<&str> = [first].into_iter().chain(others).collect();
    let enctypes = enctypes.join(" ");
    format!(
        "[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n \
         rdns = false\n dns_canonicalize_hostname = false\n udp_preference_limit = 1\n \
         default_tkt_enctypes = {enctypes}\n default_tgs_enctypes = {enctypes}\n\
         [realms]\n {REALM} = {{\n  kdc = 127.0.0.1:{port}\n }}\n"
    )
}

#[test]
fn mits_tools_log_in_and_get_a_ticket_by_the_messages_that_the_captures_have() {
    let mit = Mit::start(&[REALM]);
    mit.add_principal(SERVICE, "service", "");
    mit.kadmin(
        REALM,
        &format!("setstr {SERVICE} session_enctypes aes128-cts,aes256-cts,aes128-sha2,aes256-sha2"),
    );
    let keytab = mit.path("service.keytab");
    mit.export_keytab(SERVICE, &keytab);
    let relay = Relay::start(mit.port(REALM), without_fast);
    let mut recorded = Vec::new();
    let mut now = KerberosTime::from_seconds(0);
    for (number, name) in KDC_NAMES {
        let client = format!("alice{number}@{REALM}");
        mit.add_principal(&client, "secret", name);
        let tools = Mit::without_kdc(&krb5_conf(relay.port, name));
        tools.tool("kinit", &["-f", "-r", "2d", &client], "secret\n");
        tools.tool("kvno", &[SERVICE], "");
        let token = tools.tool("python3", &["-c", INITIATOR, SERVICE], "");

        let mut section = Section::new(format!("{name}, type {number}"));
        section.add("client", &client);
        section.add("password", "secret");
        section.add("server", SERVICE);
        section.add("enctype", number);
        let heard = relay.heard();
        let tags: Vec<Option<u8>> = heard.iter().map(|message| message.first().copied()).collect();
        assert_eq!(tags, MESSAGES.map(|(_, tag)| Some(tag)), "{name}");
        for (message, (name, _)) in heard.iter().zip(MESSAGES) {
            section.add_bytes(name, message);
        }
        section.add("gss_token", token.trim());
        let cache = fs::read(tools.path("ccache")).unwrap();
        section.add_bytes("ccache", &cache);
        section.add_bytes("service_keytab", &fs::read(&keytab).unwrap());

        let cache = CredentialCache::parse(&cache).unwrap();
        let tgt = cache.tgt().unwrap();
        assert_eq!(tgt.key.enctype(), Enctype(number));
        assert_eq!(cache.ticket(&SERVICE.parse().unwrap()).unwrap().key.enctype(), Enctype(number));
        now = KerberosTime::from_seconds(i64::from(tgt.auth_time));
        recorded.push(section);
    }
    let program = capture::version("/usr/bin/klist", &["-V"]);
    let head = format!(
        "Messages between MIT's kinit and kvno, and MIT's krb5kdc: {program}.\n\
         They stand for the reference encodings of MIT's tests/asn.1, which are not copied here.\n\
         tgs_req is what kvno sent. The KDC got it without its PA-FX-FAST, so that tgs_rep is sealed\n\
         under the key in tgs_req alone, as for a client without FAST, which this crate is.\n\
         gss_token is the first token of MIT's GSS-API (python-gssapi) with the ticket of tgs_rep.\n\
         ccache is the cache that kinit and kvno wrote: what MIT itself read in the replies.\n\
         The keys are of a realm that lived for seconds."
    );
    capture::keep("mit_messages.txt", &head, "mit_messages", now, &recorded);
}
