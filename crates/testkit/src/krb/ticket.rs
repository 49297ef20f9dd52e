use ottla_kerberos::crypto::{AesKey, KeyUsage};
use ottla_kerberos::der::{Error, Reader, Writer, tag};
use ottla_kerberos::principal::{Principal, Realm};
use ottla_kerberos::time::KerberosTime;

use super::parts::read_key;
use super::{CLOCK_SKEW, Refusal, Sealed, read_name, write_key, write_name};
use crate::random::Random;

/// The flags of a ticket; flag 0 is the highest bit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TicketFlags(pub(crate) u32);

impl TicketFlags {
    pub(crate) const RENEWABLE: u32 = 1 << (31 - 8);
    pub(crate) const INITIAL: u32 = 1 << (31 - 9);
    pub(crate) const PRE_AUTHENTICATED: u32 = 1 << (31 - 10);
    pub(crate) const TRANSITED_CHECKED: u32 = 1 << (31 - 12);

    pub(crate) const fn has(self, flag: u32) -> bool {
        self.0 & flag != 0
    }
}

const TICKET: u8 = tag::application(1);

/// A ticket from outside.
#[derive(Clone, Debug)]
pub(crate) struct SealedTicket {
    pub(crate) server: Principal,
    pub(crate) sealed: Sealed,
}

impl SealedTicket {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.constructed(TICKET, |r| {
            r.sequence(|r| {
                r.field(0, |r| r.constant(5))?;
                let realm = Realm::new(r.field(1, Reader::text)?);
                let server = Principal::new(r.field(2, read_name)?, realm);
                Ok(Self { server, sealed: r.field(3, Sealed::read)? })
            })
        })
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.message(1, |w| {
            w.field(0, |w| w.integer(5));
            w.field(1, |w| w.text(self.server.realm.as_str()));
            w.field(2, |w| write_name(w, &self.server.name));
            w.field(3, |w| self.sealed.write(w));
        });
    }

    /// Opens the ticket and looks at its times.
    pub(crate) fn open(&self, key: &AesKey, now: KerberosTime) -> Result<TicketPart, Refusal> {
        let part = TicketPart::parse(&self.sealed.open(key, KeyUsage::TICKET)?)?;
        if part.start_time > now.saturating_add(CLOCK_SKEW) {
            return Err(Refusal::TICKET_NOT_YET_VALID);
        }
        if now > part.end_time.saturating_add(CLOCK_SKEW) {
            return Err(Refusal::TICKET_EXPIRED);
        }
        Ok(part)
    }
}

/// What a ticket says to its service (EncTicketPart).
#[derive(Debug)]
pub(crate) struct TicketPart {
    pub(crate) flags: TicketFlags,
    pub(crate) session_key: AesKey,
    pub(crate) client: Principal,
    /// The realms between the client's and this one, separated by commas.
    pub(crate) transited: String,
    pub(crate) auth_time: KerberosTime,
    pub(crate) start_time: KerberosTime,
    pub(crate) end_time: KerberosTime,
    pub(crate) renew_till: Option<KerberosTime>,
}

impl TicketPart {
    /// Makes a ticket of it for a service.
    pub(crate) fn seal(
        &self,
        server: Principal,
        key: &AesKey,
        kvno: u32,
        random: &mut Random,
    ) -> SealedTicket {
        let sealed = Sealed::new(&self.encode(), key, Some(kvno), KeyUsage::TICKET, random);
        SealedTicket { server, sealed }
    }

    fn encode(&self) -> Vec<u8> {
        Writer::encode(|w| {
            w.message(3, |w| {
                w.field(0, |w| w.flags(self.flags.0));
                w.field(1, |w| write_key(w, &self.session_key));
                w.field(2, |w| w.text(self.client.realm.as_str()));
                w.field(3, |w| write_name(w, &self.client.name));
                w.field(4, |w| {
                    w.sequence(|w| {
                        w.field(0, |w| w.integer(1));
                        w.field(1, |w| w.octets(self.transited.as_bytes()));
                    });
                });
                w.field(5, |w| w.time(self.auth_time));
                w.field(6, |w| w.time(self.start_time));
                w.field(7, |w| w.time(self.end_time));
                if let Some(renew_till) = self.renew_till {
                    w.field(8, |w| w.time(renew_till));
                }
            });
        })
    }

    fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        Ok(Reader::whole(bytes, |r| r.constructed(tag::application(3), |r| r.sequence(Self::read)))??)
    }

    fn read(r: &mut Reader<'_>) -> Result<Result<Self, ottla_kerberos::crypto::Error>, Error> {
        let flags = TicketFlags(r.field(0, Reader::flags)?);
        let key = r.field(1, read_key)?;
        let realm = Realm::new(r.field(2, Reader::text)?);
        let client = Principal::new(r.field(3, read_name)?, realm);
        let transited = r.field(4, |r| {
            r.sequence(|r| {
                r.field(0, Reader::int32)?;
                Ok(String::from_utf8_lossy(r.field(1, Reader::octets)?).into_owned())
            })
        })?;
        let auth_time = r.field(5, Reader::time)?;
        let start_time = r.optional(6, Reader::time)?.unwrap_or(auth_time);
        let end_time = r.field(7, Reader::time)?;
        let renew_till = r.optional(8, Reader::time)?;
        r.skip_field(9)?;
        r.skip_field(10)?;
        Ok(AesKey::of(&key).map(|session_key| Self {
            flags,
            session_key,
            client,
            transited,
            auth_time,
            start_time,
            end_time,
            renew_till,
        }))
    }
}
