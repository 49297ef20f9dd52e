use ottla_kerberos::der::{Error, Reader, tag};
use ottla_kerberos::enctype::Enctype;
use ottla_kerberos::principal::{PrincipalName, Realm};
use ottla_kerberos::time::KerberosTime;

use super::read_name;

/// The numbers of pre-authentication data in use.
pub(crate) mod padata {
    pub(crate) const TGS_REQ: i32 = 1;
    pub(crate) const ENC_TIMESTAMP: i32 = 2;
    pub(crate) const ETYPE_INFO2: i32 = 19;
}

/// What a client asks for beside the ticket; option 0 is the highest bit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KdcOptions(u32);

impl KdcOptions {
    pub(crate) const FORWARDABLE: u32 = 1 << (31 - 1);
    pub(crate) const PROXIABLE: u32 = 1 << (31 - 3);
    pub(crate) const RENEWABLE: u32 = 1 << (31 - 8);
    pub(crate) const CANONICALIZE: u32 = 1 << (31 - 15);
    pub(crate) const RENEWABLE_OK: u32 = 1 << (31 - 27);
    pub(crate) const RENEW: u32 = 1 << (31 - 30);

    pub(crate) const fn has(self, option: u32) -> bool {
        self.0 & option != 0
    }
}

/// AS-REQ or TGS-REQ.
#[derive(Debug)]
pub(crate) struct KdcRequest {
    /// A first login; a request with a ticket otherwise.
    pub(crate) is_login: bool,
    padata: Vec<(i32, Vec<u8>)>,
    /// KDC-REQ-BODY as it came: a TGS-REQ has a checksum over it.
    pub(crate) body: Vec<u8>,
    pub(crate) options: KdcOptions,
    pub(crate) client: Option<PrincipalName>,
    pub(crate) realm: Realm,
    pub(crate) server: Option<PrincipalName>,
    pub(crate) till: KerberosTime,
    pub(crate) renew_till: Option<KerberosTime>,
    pub(crate) nonce: u32,
    pub(crate) enctypes: Vec<Enctype>,
}

const MAX_LIST: usize = 64;

impl KdcRequest {
    const AS: u8 = 10;
    const TGS: u8 = 12;

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let is_login = bytes.first() == Some(&tag::application(Self::AS));
        let message = if is_login { Self::AS } else { Self::TGS };
        Reader::whole(bytes, |r| {
            r.constructed(tag::application(message), |r| {
                r.sequence(|r| {
                    r.field(1, |r| r.constant(5))?;
                    r.field(2, |r| r.constant(message.into()))?;
                    let padata = r.optional(3, |r| r.sequence_of(MAX_LIST, read_padata))?;
                    let body = r.field(4, |r| r.raw(tag::SEQUENCE))?;
                    Reader::whole(body, |r| Self::read_body(r, is_login, padata.unwrap_or_default(), body))
                })
            })
        })
    }

    fn read_body(
        reader: &mut Reader<'_>,
        is_login: bool,
        padata: Vec<(i32, Vec<u8>)>,
        body: &[u8],
    ) -> Result<Self, Error> {
        reader.sequence(|r| {
            let options = KdcOptions(r.field(0, Reader::flags)?);
            let client = r.optional(1, read_name)?;
            let realm = r.field(2, Reader::text)?.to_owned();
            let server = r.optional(3, read_name)?;
            r.skip_field(4)?;
            let till = r.field(5, Reader::time)?;
            let renew_till = r.optional(6, Reader::time)?;
            let nonce = r.field(7, Reader::uint32)?;
            let enctypes = r.field(8, |r| r.sequence_of(MAX_LIST, |r| r.int32().map(Enctype)))?;
            for field in 9..=11 {
                r.skip_field(field)?;
            }
            Ok(Self {
                is_login,
                padata,
                body: body.to_vec(),
                options,
                client,
                realm: Realm::new(realm),
                server,
                till,
                renew_till,
                nonce,
                enctypes,
            })
        })
    }

    /// The first pre-authentication data of a kind.
    pub(crate) fn padata(&self, kind: i32) -> Option<&[u8]> {
        self.padata.iter().find(|(number, _)| *number == kind).map(|(_, value)| value.as_slice())
    }
}

fn read_padata(reader: &mut Reader<'_>) -> Result<(i32, Vec<u8>), Error> {
    reader.sequence(|r| Ok((r.field(1, Reader::int32)?, r.field(2, Reader::octets)?.to_vec())))
}
