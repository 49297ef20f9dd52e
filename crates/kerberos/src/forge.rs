//! Messages of KDCs and services as tests want them: right in all but one thing. That the right
//! ones are right is shown by the tests against real KDCs and services.

use crate::crypto::{AesKey, KeyUsage};
use crate::der::{Writer, tag};
use crate::enctype::Enctype;
use crate::entropy::Seed;
use crate::key::Key;
use crate::messages::{EncryptedData, write_name};
use crate::principal::Principal;
use crate::time::{KerberosTime, Timestamp};

pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_123_456);

pub(crate) fn principal(text: &str) -> Principal {
    text.parse().unwrap()
}

pub(crate) fn seed(byte: u8) -> Seed {
    Seed::new(&[byte; Seed::LEN])
}

pub(crate) fn key(enctype: Enctype, byte: u8) -> AesKey {
    AesKey::new(enctype, &vec![byte; enctype.key_len().unwrap()]).unwrap()
}

pub(crate) fn seconds(offset: i64) -> KerberosTime {
    KerberosTime::from_seconds(NOW.time().as_seconds() + offset)
}

/// AS-REP or TGS-REP.
pub(crate) struct Reply {
    pub(crate) client: Principal,
    pub(crate) ticket_server: Principal,
    pub(crate) server: Principal,
    pub(crate) nonce: u32,
    pub(crate) session_key: Key,
    pub(crate) flags: u32,
    pub(crate) auth_time: KerberosTime,
    pub(crate) start_time: Option<KerberosTime>,
    pub(crate) end_time: KerberosTime,
    pub(crate) renew_till: Option<KerberosTime>,
    pub(crate) part_tag: u8,
    pub(crate) kvno: Option<u32>,
}

impl Reply {
    /// A reply to the request that was made with `seed`.
    pub(crate) fn to(seed: &Seed, client: &str, server: &str) -> Self {
        Self {
            client: principal(client),
            ticket_server: principal(server),
            server: principal(server),
            nonce: seed.nonce(),
            session_key: Key::new(Enctype(18), vec![9; 32]),
            flags: 0,
            auth_time: NOW.time(),
            start_time: Some(NOW.time()),
            end_time: seconds(3600),
            renew_till: None,
            part_tag: 25,
            kvno: Some(1),
        }
    }

    pub(crate) fn encode(&self, message: u8, key: &AesKey, usage: KeyUsage) -> Vec<u8> {
        let mut sealed = EncryptedData::seal(key, usage, &[3; 16], &self.part());
        sealed.kvno = self.kvno;
        self.encode_sealed(message, &sealed)
    }

    pub(crate) fn encode_sealed(&self, message: u8, sealed: &EncryptedData) -> Vec<u8> {
        Writer::encode(|w| {
            w.message(message, |w| {
                w.field(0, |w| w.integer(5));
                w.field(1, |w| w.integer(i64::from(message)));
                w.field(3, |w| w.text(self.client.realm.as_str()));
                w.field(4, |w| write_name(w, &self.client.name));
                w.field(5, |w| w.raw(&ticket(&self.ticket_server)));
                w.field(6, |w| sealed.write(w));
            });
        })
    }

    pub(crate) fn part(&self) -> Vec<u8> {
        Writer::encode(|w| {
            w.message(self.part_tag, |w| {
                w.field(0, |w| write_key(w, &self.session_key));
                w.field(1, |w| w.sequence(|_| {}));
                w.field(2, |w| w.integer(i64::from(self.nonce)));
                w.field(4, |w| w.flags(self.flags));
                w.field(5, |w| w.time(self.auth_time));
                if let Some(start_time) = self.start_time {
                    w.field(6, |w| w.time(start_time));
                }
                w.field(7, |w| w.time(self.end_time));
                if let Some(renew_till) = self.renew_till {
                    w.field(8, |w| w.time(renew_till));
                }
                w.field(9, |w| w.text(self.server.realm.as_str()));
                w.field(10, |w| write_name(w, &self.server.name));
            });
        })
    }
}

fn write_key(w: &mut Writer, key: &Key) {
    w.sequence(|w| {
        w.field(0, |w| w.integer(i64::from(key.enctype().0)));
        w.field(1, |w| w.octets(key.secret_bytes()));
    });
}

/// A ticket that nobody can open.
pub(crate) fn ticket(server: &Principal) -> Vec<u8> {
    let sealed = EncryptedData { enctype: Enctype(23), kvno: Some(7), cipher: vec![1; 40] };
    Writer::encode(|w| {
        w.message(1, |w| {
            w.field(0, |w| w.integer(5));
            w.field(1, |w| w.text(server.realm.as_str()));
            w.field(2, |w| write_name(w, &server.name));
            w.field(3, |w| sealed.write(w));
        });
    })
}

pub(crate) fn krb_error(code: i32, server_time: KerberosTime, data: Option<&[u8]>) -> Vec<u8> {
    Writer::encode(|w| {
        w.message(30, |w| {
            w.field(0, |w| w.integer(5));
            w.field(1, |w| w.integer(30));
            w.field(4, |w| w.time(server_time));
            w.field(5, |w| w.integer(0));
            w.field(6, |w| w.integer(i64::from(code)));
            w.field(9, |w| w.text("R"));
            w.field(10, |w| write_name(w, &principal("krbtgt/R@R").name));
            w.field(11, |w| w.text("told you so"));
            if let Some(data) = data {
                w.field(12, |w| w.octets(data));
            }
        });
    })
}

/// Encryption type, salt and parameters of an ETYPE-INFO2 entry.
pub(crate) type Info<'a> = (i32, Option<&'a str>, Option<&'a [u8]>);

/// METHOD-DATA with an encrypted timestamp wanted, and ETYPE-INFO2 entries.
pub(crate) fn method_data(entries: &[Info<'_>]) -> Vec<u8> {
    let info = Writer::encode(|w| {
        w.sequence(|w| {
            for (enctype, salt, parameters) in entries {
                w.sequence(|w| {
                    w.field(0, |w| w.integer(i64::from(*enctype)));
                    if let Some(salt) = salt {
                        w.field(1, |w| w.text(salt));
                    }
                    if let Some(parameters) = parameters {
                        w.field(2, |w| w.octets(parameters));
                    }
                });
            }
        });
    });
    padata(&[(2, &[]), (19, &info)])
}

pub(crate) fn padata(pieces: &[(i32, &[u8])]) -> Vec<u8> {
    Writer::encode(|w| {
        w.sequence(|w| {
            for (kind, value) in pieces {
                w.sequence(|w| {
                    w.field(1, |w| w.integer(i64::from(*kind)));
                    w.field(2, |w| w.octets(value));
                });
            }
        });
    })
}

/// The sealed part of an AP-REP.
pub(crate) struct ApPart {
    pub(crate) client_time: Timestamp,
    pub(crate) subkey: Option<Key>,
    pub(crate) sequence: Option<i64>,
}

impl ApPart {
    pub(crate) fn encode(&self) -> Vec<u8> {
        Writer::encode(|w| {
            w.message(27, |w| {
                w.field(0, |w| w.time(self.client_time.time()));
                w.field(1, |w| w.integer(self.client_time.subsec_micros()));
                if let Some(subkey) = &self.subkey {
                    w.field(2, |w| write_key(w, subkey));
                }
                if let Some(sequence) = self.sequence {
                    w.field(3, |w| w.integer(sequence));
                }
            });
        })
    }
}

/// AP-REP around a sealed part.
pub(crate) fn ap_reply(sealed: &EncryptedData) -> Vec<u8> {
    Writer::encode(|w| {
        w.message(15, |w| {
            w.field(0, |w| w.integer(5));
            w.field(1, |w| w.integer(15));
            w.field(2, |w| sealed.write(w));
        });
    })
}

/// Puts a second copy of the tag's length form: `30 80 .. 00 00` in place of `30 len ..`.
pub(crate) fn with_indefinite_length(der: &[u8]) -> Vec<u8> {
    let content = crate::der::Reader::new(der).content(der[0]).unwrap();
    [&[der[0], 0x80], content, &[0, 0]].concat()
}

/// Writes the outer length in one byte more than it needs.
pub(crate) fn with_long_length(der: &[u8]) -> Vec<u8> {
    let content = crate::der::Reader::new(der).content(der[0]).unwrap();
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[der[0], 0x84], &length[..], content].concat()
}

/// The frame of GSS-API around an inner token.
pub(crate) fn gss_frame(id: [u8; 2], message: &[u8]) -> Vec<u8> {
    let kerberos = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02];
    Writer::encode(|w| {
        w.constructed(0x60, |w| {
            w.content(tag::OID, &kerberos);
            w.raw(&id);
            w.raw(message);
        });
    })
}
