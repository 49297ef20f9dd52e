//! AS-REP and TGS-REP (RFC 4120 section 5.4.2).

use super::parts::read_key;
use super::{EncryptedData, PVNO, PaData, read_name, read_realm};
use crate::der::{Error, Reader, tag};
use crate::key::Key;
use crate::principal::Principal;
use crate::ticket::{Ticket, TicketFlags};
use crate::time::KerberosTime;

/// The part of a reply that anyone can read, and could have written.
#[derive(Debug)]
pub(crate) struct KdcReply {
    pub(crate) padata: Vec<PaData>,
    pub(crate) client: Principal,
    pub(crate) ticket: Ticket,
    pub(crate) sealed: EncryptedData,
}

impl KdcReply {
    pub(crate) const AS: u8 = 11;
    pub(crate) const TGS: u8 = 13;

    /// Tells whether the bytes claim to be this message.
    pub(crate) fn is_message(bytes: &[u8], message: u8) -> bool {
        bytes.first() == Some(&tag::application(message))
    }

    /// Reads an AS-REP or a TGS-REP.
    pub(crate) fn parse(bytes: &[u8], message: u8) -> Result<Self, Error> {
        Reader::whole(bytes, |r| {
            r.constructed(tag::application(message), |r| {
                r.sequence(|r| {
                    r.field(0, |r| r.constant(PVNO))?;
                    r.field(1, |r| r.constant(i64::from(message)))?;
                    let padata = r.optional(2, PaData::read_list)?.unwrap_or_default();
                    let realm = r.field(3, read_realm)?;
                    let client = Principal::new(r.field(4, read_name)?, realm);
                    let ticket = r.field(5, Ticket::read)?;
                    Ok(Self { padata, client, ticket, sealed: r.field(6, EncryptedData::read)? })
                })
            })
        })
    }
}

/// The part of a reply that the KDC sealed for us.
#[derive(Debug)]
pub(crate) struct EncKdcReplyPart {
    pub(crate) key: Key,
    pub(crate) nonce: u32,
    pub(crate) flags: TicketFlags,
    pub(crate) auth_time: KerberosTime,
    pub(crate) start_time: Option<KerberosTime>,
    pub(crate) end_time: KerberosTime,
    pub(crate) renew_till: Option<KerberosTime>,
    pub(crate) server: Principal,
}

impl EncKdcReplyPart {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        // Some KDCs tag the part of an AS-REP as that of a TGS-REP (RFC 4120 section 5.4.2).
        let message = if KdcReply::is_message(bytes, 26) { 26 } else { 25 };
        Reader::whole(bytes, |r| r.constructed(tag::application(message), |r| r.sequence(Self::read)))
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        let key = r.field(0, read_key)?;
        r.skip_field(1)?;
        let nonce = r.field(2, Reader::uint32)?;
        r.skip_field(3)?;
        let flags = TicketFlags(r.field(4, Reader::flags)?);
        let auth_time = r.field(5, Reader::time)?;
        let start_time = r.optional(6, Reader::time)?;
        let end_time = r.field(7, Reader::time)?;
        let renew_till = r.optional(8, Reader::time)?;
        let realm = r.field(9, read_realm)?;
        let server = Principal::new(r.field(10, read_name)?, realm);
        Ok(Self { key, nonce, flags, auth_time, start_time, end_time, renew_till, server })
    }
}
