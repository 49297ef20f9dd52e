use ottla_kerberos::crypto::{AesKey, KeyUsage};
use ottla_kerberos::der::Writer;
use ottla_kerberos::enctype::Enctype;
use ottla_kerberos::principal::{Principal, Realm};
use ottla_kerberos::time::Timestamp;

use super::{Refusal, Sealed, SealedTicket, TicketPart, padata, write_key, write_name};
use crate::random::Random;

/// The part of a reply that is sealed for the client (EncKDCRepPart).
#[derive(Debug)]
pub(crate) struct ReplyPart<'a> {
    pub(crate) ticket: &'a TicketPart,
    pub(crate) server: &'a Principal,
    pub(crate) nonce: u32,
}

impl ReplyPart<'_> {
    fn encode(&self, message: u8) -> Vec<u8> {
        let Self { ticket, server, nonce } = self;
        Writer::encode(|w| {
            w.message(message, |w| {
                w.field(0, |w| write_key(w, &ticket.session_key));
                // The time of the last login, which nobody keeps: type 0.
                w.field(1, |w| {
                    w.sequence(|w| {
                        w.sequence(|w| {
                            w.field(0, |w| w.integer(0));
                            w.field(1, |w| w.time(ticket.auth_time));
                        });
                    });
                });
                w.field(2, |w| w.integer((*nonce).into()));
                w.field(4, |w| w.flags(ticket.flags.0));
                w.field(5, |w| w.time(ticket.auth_time));
                w.field(6, |w| w.time(ticket.start_time));
                w.field(7, |w| w.time(ticket.end_time));
                if let Some(renew_till) = ticket.renew_till {
                    w.field(8, |w| w.time(renew_till));
                }
                w.field(9, |w| w.text(server.realm.as_str()));
                w.field(10, |w| write_name(w, &server.name));
            });
        })
    }
}

/// AS-REP or TGS-REP.
#[derive(Debug)]
pub(crate) struct KdcReply<'a> {
    /// For an AS-REP: how the client's password became the key.
    pub(crate) info: Option<EtypeInfo<'a>>,
    pub(crate) ticket: SealedTicket,
    pub(crate) part: ReplyPart<'a>,
}

impl KdcReply<'_> {
    /// Seals an AS-REP with the client's key.
    pub(crate) fn login(&self, key: &AesKey, kvno: u32, random: &mut Random) -> Vec<u8> {
        let text = self.part.encode(25);
        self.encode(11, &Sealed::new(&text, key, Some(kvno), KeyUsage::AS_REP, random))
    }

    /// Seals a TGS-REP with the subkey of the request, or the session key if there was none.
    pub(crate) fn ticket(&self, key: &AesKey, usage: KeyUsage, random: &mut Random) -> Vec<u8> {
        let text = self.part.encode(26);
        self.encode(13, &Sealed::new(&text, key, None, usage, random))
    }

    fn encode(&self, message: u8, sealed: &Sealed) -> Vec<u8> {
        let client = &self.part.ticket.client;
        Writer::encode(|w| {
            w.message(message, |w| {
                w.field(0, |w| w.integer(5));
                w.field(1, |w| w.integer(message.into()));
                if let Some(info) = &self.info {
                    w.field(2, |w| w.raw(&list(&[(padata::ETYPE_INFO2, info.encode())])));
                }
                w.field(3, |w| w.text(client.realm.as_str()));
                w.field(4, |w| write_name(w, &client.name));
                w.field(5, |w| self.ticket.write(w));
                w.field(6, |w| sealed.write(w));
            });
        })
    }
}

/// ETYPE-INFO2: the types of a client's keys, and how a password becomes them.
#[derive(Clone, Debug)]
pub(crate) struct EtypeInfo<'a> {
    pub(crate) enctypes: Vec<Enctype>,
    pub(crate) salt: &'a str,
    pub(crate) iterations: u32,
}

impl EtypeInfo<'_> {
    fn encode(&self) -> Vec<u8> {
        Writer::encode(|w| {
            w.sequence(|w| {
                for enctype in &self.enctypes {
                    w.sequence(|w| {
                        w.field(0, |w| w.integer(enctype.0.into()));
                        w.field(1, |w| w.text(self.salt));
                        w.field(2, |w| w.octets(&self.iterations.to_be_bytes()));
                    });
                }
            });
        })
    }
}

/// METHOD-DATA: asks for an encrypted timestamp.
pub(crate) fn method_data(info: &EtypeInfo<'_>) -> Vec<u8> {
    list(&[(padata::ENC_TIMESTAMP, Vec::new()), (padata::ETYPE_INFO2, info.encode())])
}

fn list(pieces: &[(i32, Vec<u8>)]) -> Vec<u8> {
    Writer::encode(|w| {
        w.sequence(|w| {
            for (kind, value) in pieces {
                w.sequence(|w| {
                    w.field(1, |w| w.integer((*kind).into()));
                    w.field(2, |w| w.octets(value));
                });
            }
        });
    })
}

/// KRB-ERROR.
#[derive(Debug)]
pub(crate) struct KrbError<'a> {
    pub(crate) refusal: Refusal,
    pub(crate) now: Timestamp,
    /// Where the client is to be found, for the code 68.
    pub(crate) client_realm: Option<&'a Realm>,
    pub(crate) server: &'a Principal,
    pub(crate) data: Option<Vec<u8>>,
}

impl KrbError<'_> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        Writer::encode(|w| {
            w.message(30, |w| {
                w.field(0, |w| w.integer(5));
                w.field(1, |w| w.integer(30));
                w.field(4, |w| w.time(self.now.time()));
                w.field(5, |w| w.integer(self.now.subsec_micros()));
                w.field(6, |w| w.integer(self.refusal.0.into()));
                if let Some(realm) = self.client_realm {
                    w.field(7, |w| w.text(realm.as_str()));
                }
                w.field(9, |w| w.text(self.server.realm.as_str()));
                w.field(10, |w| write_name(w, &self.server.name));
                if let Some(data) = &self.data {
                    w.field(12, |w| w.octets(data));
                }
            });
        })
    }
}
