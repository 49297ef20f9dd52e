//! AS-REQ and TGS-REQ (RFC 4120 section 5.4.1).

use super::{PVNO, PaData, write_name};
use crate::der::Writer;
use crate::enctype::Enctype;
use crate::principal::{PrincipalName, Realm};
use crate::time::KerberosTime;

/// What is asked of a KDC beside the ticket; bit 0 is the highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KdcOptions(pub(crate) u32);

impl KdcOptions {
    pub(crate) const NONE: Self = Self(0);
    /// A ticket that can be renewed.
    pub(crate) const RENEWABLE: Self = Self(1 << (31 - 8));
    /// The KDC may answer with another name or a referral (RFC 6806).
    pub(crate) const CANONICALIZE: Self = Self(1 << (31 - 15));
    /// A renewable ticket will do if the asked life is too long for another.
    pub(crate) const RENEWABLE_OK: Self = Self(1 << (31 - 27));
    /// The ticket in the request is to be renewed.
    pub(crate) const RENEW: Self = Self(1 << (31 - 30));

    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// KDC-REQ-BODY.
#[derive(Debug)]
pub(crate) struct RequestBody<'a> {
    pub(crate) options: KdcOptions,
    /// Only in an AS-REQ.
    pub(crate) client: Option<&'a PrincipalName>,
    /// The realm of the server, and in an AS-REQ of the client too.
    pub(crate) realm: &'a Realm,
    pub(crate) server: &'a PrincipalName,
    pub(crate) till: KerberosTime,
    pub(crate) renew_till: Option<KerberosTime>,
    pub(crate) nonce: u32,
    pub(crate) enctypes: &'a [Enctype],
}

impl RequestBody<'_> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        Writer::encode(|w| {
            w.sequence(|w| {
                w.field(0, |w| w.flags(self.options.0));
                if let Some(client) = self.client {
                    w.field(1, |w| write_name(w, client));
                }
                w.field(2, |w| w.text(self.realm.as_str()));
                w.field(3, |w| write_name(w, self.server));
                w.field(5, |w| w.time(self.till));
                if let Some(renew_till) = self.renew_till {
                    w.field(6, |w| w.time(renew_till));
                }
                w.field(7, |w| w.integer(i64::from(self.nonce)));
                w.field(8, |w| {
                    w.sequence(|w| self.enctypes.iter().for_each(|enctype| w.integer(i64::from(enctype.0))));
                });
            });
        })
    }
}

/// Makes an AS-REQ of an encoded body.
pub(crate) fn as_request(padata: &[PaData], body: &[u8]) -> Vec<u8> {
    request(10, padata, body)
}

/// Makes a TGS-REQ of an encoded body.
pub(crate) fn tgs_request(padata: &[PaData], body: &[u8]) -> Vec<u8> {
    request(12, padata, body)
}

fn request(message: u8, padata: &[PaData], body: &[u8]) -> Vec<u8> {
    Writer::encode(|w| {
        w.message(message, |w| {
            w.field(1, |w| w.integer(PVNO));
            w.field(2, |w| w.integer(i64::from(message)));
            if !padata.is_empty() {
                w.field(3, |w| w.sequence(|w| padata.iter().for_each(|piece| piece.write(w))));
            }
            w.field(4, |w| w.raw(body));
        });
    })
}
