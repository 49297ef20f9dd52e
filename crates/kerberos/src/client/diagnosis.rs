//! What a session knows and did, for people who look for the cause of a failure.

use std::fmt;
use std::sync::Arc;

use crate::enctype::Enctype;
use crate::error::{Error, hint};
use crate::locate::KdcAddress;
use crate::principal::{Principal, Realm};
use crate::ticket::Grant;
use crate::time::ClockOffset;

/// What came of a login and a ticket request: whom they went to, what they gave, how they failed.
///
/// `Display` prints it in lines for a terminal. No secret is in that; the tickets' session keys
/// are reached through [`tgt`](Self::tgt) and [`ticket`](Self::ticket) alone.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Diagnosis {
    /// Whose tickets these are, if that is known.
    pub client: Option<Principal>,
    /// The KDC of each realm that answered last, sorted by realm.
    pub kdcs: Vec<(Realm, KdcAddress)>,
    /// The encryption types that logins offer, most wanted first.
    pub enctypes: Vec<Enctype>,
    /// The type and version of the client's key that the KDC sealed its reply with. Absent if no
    /// login was made here, as with a ticket cache.
    pub login_key: Option<(Enctype, Option<u32>)>,
    /// How far the KDC's clock is ahead of ours.
    pub offset: ClockOffset,
    /// The ticket-granting ticket.
    pub tgt: Option<Arc<Grant>>,
    /// The ticket for the service, if one was asked for.
    pub ticket: Option<Arc<Grant>>,
    /// What failed.
    pub error: Option<Error>,
}

/// What the owner of the tickets tells of itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) client: Option<Principal>,
    pub(super) kdcs: Vec<(Realm, KdcAddress)>,
    pub(super) enctypes: Vec<Enctype>,
    pub(super) login_key: Option<(Enctype, Option<u32>)>,
    pub(super) offset: ClockOffset,
    pub(super) tgt: Option<Arc<Grant>>,
}

impl Diagnosis {
    pub(super) fn new(known: Known, outcome: Result<Option<Arc<Grant>>, Error>) -> Self {
        let Known { client, kdcs, enctypes, login_key, offset, tgt } = known;
        let (ticket, error) = match outcome {
            Ok(ticket) => (ticket, None),
            Err(error) => (None, Some(error)),
        };
        Self { client, kdcs, enctypes, login_key, offset, tgt, ticket, error }
    }

    /// Says what to do, a sentence or two for each finding; nothing if all is well.
    pub fn advice(&self) -> Vec<String> {
        let mut advice: Vec<String> = self.error.as_ref().and_then(Error::hint).into_iter().collect();
        if self.error.is_none() {
            advice.extend(hint::clock_hint(self.offset));
        }
        let weak = |grant: &&Arc<Grant>| !grant.ticket.enctype().is_supported();
        if let Some(Grant { ticket, .. }) = self.ticket.as_ref().filter(weak).map(AsRef::as_ref) {
            advice.push(hint::ticket_hint(ticket.enctype(), ticket.kvno()));
        }
        advice
    }
}

/// A key as `klist` users know it.
struct KeyName(Enctype, Option<u32>);

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(kvno) => write!(f, "{}, kvno {kvno}", self.0),
            None => write!(f, "{}, kvno unknown", self.0),
        }
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(client) = &self.client {
            writeln!(f, "client         {client}")?;
        }
        for (realm, kdc) in &self.kdcs {
            writeln!(f, "kdc            {kdc} of realm {realm}")?;
        }
        write!(f, "offered types ")?;
        self.enctypes.iter().try_for_each(|enctype| write!(f, " {enctype}"))?;
        writeln!(f)?;
        if let Some((enctype, kvno)) = self.login_key {
            writeln!(f, "client's key   {}", KeyName(enctype, kvno))?;
        }
        writeln!(f, "clock offset   {}", self.offset)?;
        for (what, grant) in [("ticket (tgt)  ", &self.tgt), ("ticket        ", &self.ticket)] {
            let Some(grant) = grant else { continue };
            let sealed = KeyName(grant.ticket.enctype(), grant.ticket.kvno());
            writeln!(f, "{what} {}", grant.server)?;
            writeln!(f, "               sealed with {sealed}, session key {}", grant.session_key.enctype())?;
            writeln!(f, "               valid from {} to {}", grant.start_time, grant.end_time)?;
        }
        if let Some(error) = &self.error {
            writeln!(f, "failed         {error}: {}", error.fault())?;
        }
        self.advice().iter().try_for_each(|advice| writeln!(f, "what to do     {advice}"))
    }
}
