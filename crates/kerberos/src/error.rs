//! What can go wrong, sorted by what can be done about it.

mod code;
mod fault;
pub(crate) mod hint;
#[cfg(test)]
mod tests;

use std::fmt;

pub use self::code::ErrorCode;
pub use self::fault::{Fault, GssFault, ReplyFault};
use crate::enctype::Enctype;
use crate::principal::{Principal, Realm};
use crate::time::ClockOffset;

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// Try another KDC or the same one later, with growing pauses.
    Transient,
    /// A ticket that was good before is not any more: get a new one, once, then give up.
    StaleCredential,
    /// Somebody has to change a setting, a keytab, a password or the KDC's database.
    Config,
    /// The service refused us although the KDC did not.
    Refused,
    /// A message is not what an honest peer sends. Try one other KDC at most, and tell somebody.
    Security,
}

/// In which conversation an error arose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Logging in: a password or keytab for a ticket-granting ticket.
    Login,
    /// Asking for a ticket for a service, or renewing one.
    Ticket,
    /// Showing the ticket to the service.
    Service,
}

/// An error with all that is known for finding its cause: no secret is in it.
///
/// `Display` prints what happened and between whom; [`hint`](Self::hint) says where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    stage: Stage,
    fault: Fault,
    context: Context,
}

/// What an error was about, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Context {
    /// Who asked.
    pub client: Option<Principal>,
    /// The service that was asked for.
    pub server: Option<String>,
    /// The realm whose KDC was asked.
    pub realm: Option<Realm>,
    /// The KDC that was asked last.
    pub kdc: Option<String>,
    /// The encryption types that were offered.
    pub enctypes: Vec<Enctype>,
    /// The type and version of the key that the ticket is sealed with.
    pub ticket_key: Option<(Enctype, Option<u32>)>,
    /// How far the KDC's clock is ahead of ours.
    pub offset: ClockOffset,
}

impl Error {
    pub(crate) fn new(stage: Stage, fault: impl Into<Fault>, context: Context) -> Self {
        Self(Box::new(Inner { stage, fault: fault.into(), context }))
    }

    /// In which conversation it arose.
    pub const fn stage(&self) -> Stage {
        self.0.stage
    }

    /// What happened.
    pub const fn fault(&self) -> &Fault {
        &self.0.fault
    }

    /// What it was about.
    pub const fn context(&self) -> &Context {
        &self.0.context
    }

    /// The code of the KRB-ERROR that a KDC or a service answered with, if it is one.
    pub const fn code(&self) -> Option<ErrorCode> {
        match self.fault() {
            Fault::Kdc(code) | Fault::Gss(GssFault::Refused(code)) => Some(*code),
            _ => None,
        }
    }

    /// What to do about it.
    pub fn class(&self) -> Class {
        match self.fault() {
            Fault::Kdc(code) => code.class(self.stage()),
            fault => fault.class(),
        }
    }

    /// Where to look for the cause, in a sentence or two for who runs the program.
    pub fn hint(&self) -> Option<String> {
        hint::hint(self)
    }

    #[cfg(any(test, feature = "tokio"))]
    pub(crate) fn at_kdc(mut self, kdc: &str) -> Self {
        self.0.context.kdc = Some(kdc.to_owned());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Context { client, server, realm, kdc, .. } = self.context();
        f.write_str(match self.stage() {
            Stage::Login => "Kerberos login",
            Stage::Ticket => "Kerberos ticket request",
            Stage::Service => "Kerberos authentication",
        })?;
        if let Some(client) = client {
            write!(f, " of {client}")?;
        }
        if let Some(server) = server {
            write!(f, " for {server}")?;
        }
        match (kdc, realm) {
            (Some(kdc), Some(realm)) => write!(f, " at {kdc} of realm {realm}")?,
            (None, Some(realm)) => write!(f, " in realm {realm}")?,
            _ => {}
        }
        f.write_str(" failed")
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.fault())
    }
}
