use ottla_kerberos::crypto::{AesKey, KeyUsage};
use ottla_kerberos::der::{Error, Reader, tag};
use ottla_kerberos::key::Key;
use ottla_kerberos::principal::{Principal, Realm};
use ottla_kerberos::time::{KerberosTime, Timestamp};

use super::parts::read_key;
use super::{CLOCK_SKEW, Refusal, Sealed, SealedTicket, TicketPart, read_name};

/// AP-REQ.
#[derive(Debug)]
pub(crate) struct ApRequest {
    pub(crate) ticket: SealedTicket,
    pub(crate) authenticator: Sealed,
}

impl ApRequest {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        Reader::whole(bytes, |r| {
            r.constructed(tag::application(14), |r| {
                r.sequence(|r| {
                    r.field(0, |r| r.constant(5))?;
                    r.field(1, |r| r.constant(14))?;
                    r.field(2, Reader::flags)?;
                    let ticket = r.field(3, SealedTicket::read)?;
                    Ok(Self { ticket, authenticator: r.field(4, Sealed::read)? })
                })
            })
        })
    }

    /// Opens the authenticator with the ticket's session key, and checks who sent it and when.
    pub(crate) fn authenticator(
        &self,
        ticket: &TicketPart,
        usage: KeyUsage,
        now: KerberosTime,
    ) -> Result<Authenticator, Refusal> {
        let text = self.authenticator.open(&ticket.session_key, usage)?;
        let authenticator = Authenticator::parse(&text)?;
        if authenticator.client != ticket.client {
            return Err(Refusal::BAD_MATCH);
        }
        if !authenticator.time.time().is_within(CLOCK_SKEW, now) {
            return Err(Refusal::SKEW);
        }
        Ok(authenticator)
    }
}

/// What proves that the sender of a ticket knows its session key.
#[derive(Debug)]
pub(crate) struct Authenticator {
    pub(crate) client: Principal,
    /// Checksum type and checksum.
    pub(crate) checksum: Option<(i32, Vec<u8>)>,
    pub(crate) time: Timestamp,
    subkey: Option<Key>,
    pub(crate) sequence: Option<u32>,
}

impl Authenticator {
    fn parse(bytes: &[u8]) -> Result<Self, Error> {
        Reader::whole(bytes, |r| {
            r.constructed(tag::application(2), |r| {
                r.sequence(|r| {
                    r.field(0, |r| r.constant(5))?;
                    let realm = Realm::new(r.field(1, Reader::text)?);
                    let client = Principal::new(r.field(2, read_name)?, realm);
                    let checksum = r.optional(3, |r| {
                        r.sequence(|r| Ok((r.field(0, Reader::int32)?, r.field(1, Reader::octets)?.to_vec())))
                    })?;
                    let micros = i64::from(r.field(4, Reader::int32)?);
                    let seconds = r.field(5, Reader::time)?.as_seconds();
                    let subkey = r.optional(6, read_key)?;
                    let sequence = r.optional(7, Reader::uint32)?;
                    r.skip_field(8)?;
                    let time =
                        Timestamp::from_micros(seconds.saturating_mul(1_000_000).saturating_add(micros));
                    Ok(Self { client, checksum, time, subkey, sequence })
                })
            })
        })
    }

    /// The key that the sender chose, if it chose one that can be used.
    pub(crate) fn subkey(&self) -> Result<Option<AesKey>, Refusal> {
        Ok(self.subkey.as_ref().map(AesKey::of).transpose()?)
    }
}
