//! AP-REQ, its authenticator, and AP-REP (RFC 4120 section 5.5).

use super::parts::read_key;
use super::{EncryptedData, PVNO, write_key, write_name};
use crate::crypto::{AesKey, CONFOUNDER_LEN, KeyUsage};
use crate::der::{Error, Reader, Writer, tag};
use crate::key::Key;
use crate::principal::Principal;
use crate::ticket::Ticket;
use crate::time::Timestamp;

/// Proves that who sends a ticket knows its session key.
#[derive(Debug)]
pub(crate) struct Authenticator<'a> {
    pub(crate) client: &'a Principal,
    /// Checksum type and checksum.
    pub(crate) checksum: (i32, &'a [u8]),
    pub(crate) now: Timestamp,
    pub(crate) subkey: &'a AesKey,
    pub(crate) sequence: Option<u32>,
}

impl Authenticator<'_> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let (checksum_type, checksum) = self.checksum;
        Writer::encode(|w| {
            w.message(2, |w| {
                w.field(0, |w| w.integer(PVNO));
                w.field(1, |w| w.text(self.client.realm.as_str()));
                w.field(2, |w| write_name(w, &self.client.name));
                w.field(3, |w| {
                    w.sequence(|w| {
                        w.field(0, |w| w.integer(i64::from(checksum_type)));
                        w.field(1, |w| w.octets(checksum));
                    });
                });
                w.field(4, |w| w.integer(self.now.subsec_micros()));
                w.field(5, |w| w.time(self.now.time()));
                w.field(6, |w| write_key(w, self.subkey));
                if let Some(sequence) = self.sequence {
                    w.field(7, |w| w.integer(i64::from(sequence)));
                }
            });
        })
    }
}

/// AP-REQ.
#[derive(Debug)]
pub(crate) struct ApRequest<'a> {
    pub(crate) ticket: &'a Ticket,
    pub(crate) mutual: bool,
    pub(crate) authenticator: EncryptedData,
}

impl ApRequest<'_> {
    /// Asks the acceptor to prove itself by an AP-REP.
    const MUTUAL_REQUIRED: u32 = 1 << (31 - 2);

    pub(crate) fn encode(&self) -> Vec<u8> {
        Writer::encode(|w| {
            w.message(14, |w| {
                w.field(0, |w| w.integer(PVNO));
                w.field(1, |w| w.integer(14));
                w.field(2, |w| w.flags(if self.mutual { Self::MUTUAL_REQUIRED } else { 0 }));
                w.field(3, |w| w.raw(self.ticket.as_bytes()));
                w.field(4, |w| self.authenticator.write(w));
            });
        })
    }

    /// Seals an authenticator under the session key of the ticket.
    pub(crate) fn seal(
        authenticator: &Authenticator<'_>,
        session_key: &AesKey,
        usage: KeyUsage,
        confounder: &[u8; CONFOUNDER_LEN],
    ) -> EncryptedData {
        let text = zeroize::Zeroizing::new(authenticator.encode());
        EncryptedData::seal(session_key, usage, confounder, &text)
    }
}

/// What the acceptor sealed into its AP-REP.
#[derive(Debug)]
pub(crate) struct ApReply {
    /// The time of our authenticator, sent back.
    pub(crate) client_time: Timestamp,
    pub(crate) subkey: Option<Key>,
    pub(crate) sequence: Option<u32>,
}

impl ApReply {
    /// Reads the outer AP-REP.
    pub(crate) fn parse_sealed(bytes: &[u8]) -> Result<EncryptedData, Error> {
        Reader::whole(bytes, |r| {
            r.constructed(tag::application(15), |r| {
                r.sequence(|r| {
                    r.field(0, |r| r.constant(PVNO))?;
                    r.field(1, |r| r.constant(15))?;
                    r.field(2, EncryptedData::read)
                })
            })
        })
    }

    /// Reads the part that was sealed.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Error> {
        Reader::whole(text, |r| {
            r.constructed(tag::application(27), |r| {
                r.sequence(|r| {
                    let time = r.field(0, Reader::time)?;
                    let micros = i64::from(r.field(1, Reader::int32)?);
                    Ok(Self {
                        client_time: Timestamp::from_parts(time, micros),
                        subkey: r.optional(2, read_key)?,
                        sequence: r.optional(3, Reader::uint32)?,
                    })
                })
            })
        })
    }
}
