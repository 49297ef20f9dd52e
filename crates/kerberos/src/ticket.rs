//! Tickets, and what their holder knows about them.

use std::fmt;

use crate::ccache;
use crate::crypto::AesKey;
use crate::der::{self, Reader, tag};
use crate::enctype::Enctype;
use crate::error::Fault;
use crate::key::Key;
use crate::messages::{EncryptedData, read_name, read_realm};
use crate::principal::Principal;
use crate::time::KerberosTime;

/// A ticket as the KDC sent it. Its content is sealed for the service; what is readable from
/// outside can be asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    bytes: Vec<u8>,
    server: Principal,
    enctype: Enctype,
    kvno: Option<u32>,
}

impl Ticket {
    /// Reads the outside of a ticket (RFC 4120 section 5.3), which must fill `bytes`.
    ///
    /// # Errors
    /// The bytes are not a ticket.
    pub fn parse(bytes: &[u8]) -> Result<Self, der::Error> {
        Reader::whole(bytes, Self::read)
    }

    /// The service that the ticket says it is for. Nothing protects this name.
    pub const fn server(&self) -> &Principal {
        &self.server
    }

    /// The type of the key that the ticket is sealed with. It may be one that we cannot use.
    pub const fn enctype(&self) -> Enctype {
        self.enctype
    }

    /// The version of the service's key that the ticket is sealed with.
    pub const fn kvno(&self) -> Option<u32> {
        self.kvno
    }

    /// The ticket, DER.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, der::Error> {
        const TICKET: u8 = tag::application(1);
        let bytes = reader.raw(TICKET)?.to_vec();
        let (server, sealed) = Reader::whole(&bytes, |r| {
            r.constructed(TICKET, |r| {
                r.sequence(|r| {
                    r.field(0, |r| r.constant(5))?;
                    let realm = r.field(1, read_realm)?;
                    let server = Principal::new(r.field(2, read_name)?, realm);
                    Ok((server, r.field(3, EncryptedData::read)?))
                })
            })
        })?;
        Ok(Self { bytes, server, enctype: sealed.enctype, kvno: sealed.kvno })
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("server", &format_args!("{}", self.server))
            .field("enctype", &self.enctype)
            .field("kvno", &self.kvno)
            .finish_non_exhaustive()
    }
}

/// The flags of a ticket (RFC 4120 section 5.3); flag 0 is the highest bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TicketFlags(pub u32);

impl TicketFlags {
    /// The ticket can be renewed until [`Grant::renew_till`].
    pub const RENEWABLE: Self = Self(1 << (31 - 8));
    /// The ticket comes from an AS exchange.
    pub const INITIAL: Self = Self(1 << (31 - 9));

    /// Tells whether all of `flags` are set.
    pub const fn contains(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }
}

/// A ticket that a KDC has granted, with what its holder needs to use it.
#[derive(Debug)]
pub struct Grant {
    /// Who may use the ticket.
    pub client: Principal,
    /// The service that it is for, as the KDC sealed it.
    pub server: Principal,
    /// The ticket.
    pub ticket: Ticket,
    /// The key that we share with the service.
    pub session_key: AesKey,
    /// The flags of the ticket.
    pub flags: TicketFlags,
    /// When the client logged in.
    pub auth_time: KerberosTime,
    /// When the ticket becomes valid.
    pub start_time: KerberosTime,
    /// When the ticket expires.
    pub end_time: KerberosTime,
    /// Until when the ticket can be renewed.
    pub renew_till: Option<KerberosTime>,
}

impl Grant {
    /// Tells whether this is a ticket-granting ticket that can be renewed at `now`.
    pub fn is_renewable(&self, now: KerberosTime) -> bool {
        self.flags.contains(TicketFlags::RENEWABLE)
            && now < self.end_time
            && self.renew_till.is_some_and(|till| now < till && self.end_time < till)
    }
}

impl TryFrom<&ccache::Credential> for Grant {
    type Error = Fault;

    /// Takes a ticket out of a cache.
    ///
    /// # Errors
    /// The cache has no ticket here, or its session key is of a type that cannot be used.
    fn try_from(cached: &ccache::Credential) -> Result<Self, Fault> {
        let time = |seconds: u32| KerberosTime::from_seconds(i64::from(seconds));
        let set = |seconds: u32| Some(seconds).filter(|seconds| *seconds > 0).map(time);
        Ok(Self {
            client: cached.client.clone(),
            server: cached.server.clone(),
            ticket: Ticket::parse(&cached.ticket)?,
            session_key: AesKey::of(&cached.key)?,
            flags: TicketFlags(cached.flags),
            auth_time: time(cached.auth_time),
            start_time: set(cached.start_time).unwrap_or(time(cached.auth_time)),
            end_time: time(cached.end_time),
            renew_till: set(cached.renew_till),
        })
    }
}

impl From<&Grant> for ccache::Credential {
    /// Makes the form of a cache. Times after 2106 become the latest that it can say.
    fn from(grant: &Grant) -> Self {
        let seconds = |time: KerberosTime| u32::try_from(time.as_seconds().max(0)).unwrap_or(u32::MAX);
        let key = &grant.session_key;
        Self {
            client: grant.client.clone(),
            server: grant.server.clone(),
            key: Key::new(key.enctype(), key.secret_bytes().to_vec()),
            auth_time: seconds(grant.auth_time),
            start_time: seconds(grant.start_time),
            end_time: seconds(grant.end_time),
            renew_till: grant.renew_till.map_or(0, seconds),
            is_skey: false,
            flags: grant.flags.0,
            addresses: Vec::new(),
            auth_data: Vec::new(),
            ticket: grant.ticket.as_bytes().to_vec(),
            second_ticket: Vec::new(),
        }
    }
}
