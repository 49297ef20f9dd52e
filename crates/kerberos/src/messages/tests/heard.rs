//! Readers for the messages that this crate only writes, so that what MIT wrote can be compared.

use super::*;

/// A KDC-REQ.
pub(super) struct Request {
    pub(super) padata: Vec<PaData>,
    pub(super) body: Vec<u8>,
    pub(super) options: KdcOptions,
    pub(super) client: Option<PrincipalName>,
    pub(super) realm: Realm,
    pub(super) server: PrincipalName,
    pub(super) till: KerberosTime,
    pub(super) renew_till: Option<KerberosTime>,
    pub(super) nonce: u32,
    pub(super) enctypes: Vec<Enctype>,
}

impl Request {
    pub(super) fn parse(bytes: &[u8], message: u8) -> Result<Self, Error> {
        let (padata, body) = Reader::whole(bytes, |r| {
            r.constructed(tag::application(message), |r| {
                r.sequence(|r| {
                    r.field(1, |r| r.constant(PVNO))?;
                    r.field(2, |r| r.constant(i64::from(message)))?;
                    let padata = r.field(3, PaData::read_list)?;
                    Ok((padata, r.field(4, |r| r.raw(tag::SEQUENCE).map(<[u8]>::to_vec))?))
                })
            })
        })?;
        let (padata, body) = (padata, body.as_slice());
        Reader::whole(body, |r| {
            r.sequence(|r| {
                Ok(Self {
                    padata,
                    body: body.to_vec(),
                    options: KdcOptions(r.field(0, Reader::flags)?),
                    client: r.optional(1, read_name)?,
                    realm: r.field(2, read_realm)?,
                    server: r.field(3, read_name)?,
                    till: r.field(5, Reader::time)?,
                    renew_till: r.optional(6, Reader::time)?,
                    nonce: r.field(7, Reader::uint32)?,
                    enctypes: r.field(8, |r| r.sequence_of(8, |r| r.int32().map(Enctype)))?,
                })
            })
        })
    }

    /// What our encoder makes of the same values.
    pub(super) fn encode(&self, make: fn(&[PaData], &[u8]) -> Vec<u8>) -> Vec<u8> {
        let body = RequestBody {
            options: self.options,
            client: self.client.as_ref(),
            realm: &self.realm,
            server: &self.server,
            till: self.till,
            renew_till: self.renew_till,
            nonce: self.nonce,
            enctypes: &self.enctypes,
        };
        make(&self.padata, &body.encode())
    }

    pub(super) fn kinds(&self) -> Vec<i32> {
        self.padata.iter().map(|piece| piece.kind).collect()
    }

    /// The piece of this kind.
    pub(super) fn piece(&self, kind: i32) -> &[u8] {
        &self.padata.iter().find(|piece| piece.kind == kind).unwrap().value
    }
}

/// An AP-REQ.
pub(super) struct Proof {
    pub(super) mutual: bool,
    pub(super) ticket: Ticket,
    pub(super) sealed: EncryptedData,
}

impl Proof {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        Reader::whole(bytes, |r| {
            r.constructed(tag::application(14), |r| {
                r.sequence(|r| {
                    r.field(0, |r| r.constant(PVNO))?;
                    r.field(1, |r| r.constant(14))?;
                    Ok(Self {
                        mutual: r.field(2, Reader::flags)? == 0x2000_0000,
                        ticket: r.field(3, Ticket::read)?,
                        sealed: r.field(4, EncryptedData::read)?,
                    })
                })
            })
        })
    }

    /// What our encoder makes of the same values.
    pub(super) fn encode(&self) -> Vec<u8> {
        let authenticator = self.sealed.clone();
        ApRequest { ticket: &self.ticket, mutual: self.mutual, authenticator }.encode()
    }
}

/// The authenticator that an AP-REQ seals.
pub(super) struct Claim {
    pub(super) client: Principal,
    pub(super) checksum: (i32, Vec<u8>),
    pub(super) now: Timestamp,
    pub(super) subkey: AesKey,
    pub(super) sequence: Option<u32>,
}

impl Claim {
    pub(super) fn parse(text: &[u8]) -> Result<Self, Error> {
        Reader::whole(text, |r| {
            r.constructed(tag::application(2), |r| {
                r.sequence(|r| {
                    r.field(0, |r| r.constant(PVNO))?;
                    let realm = r.field(1, read_realm)?;
                    let client = Principal::new(r.field(2, read_name)?, realm);
                    let checksum = r.field(3, |r| {
                        r.sequence(|r| Ok((r.field(0, Reader::int32)?, r.field(1, Reader::octets)?.to_vec())))
                    })?;
                    let micros = i64::from(r.field(4, Reader::int32)?);
                    let now = Timestamp::from_parts(r.field(5, Reader::time)?, micros);
                    let subkey = AesKey::of(&r.field(6, parts::read_key)?).unwrap();
                    Ok(Self { client, checksum, now, subkey, sequence: r.optional(7, Reader::uint32)? })
                })
            })
        })
    }

    /// What our encoder makes of the same values.
    pub(super) fn encode(&self) -> Vec<u8> {
        let (kind, checksum) = &self.checksum;
        Authenticator {
            client: &self.client,
            checksum: (*kind, checksum),
            now: self.now,
            subkey: &self.subkey,
            sequence: self.sequence,
        }
        .encode()
    }
}
