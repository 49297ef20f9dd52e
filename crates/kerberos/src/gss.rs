//! Security contexts with services: the Kerberos mechanism of GSS-API (RFC 4121), as initiator.
//!
//! ```text
//!   begin ──► AP-REQ token ──► (service) ──► AP-REP token ──► ExpectReply::accept ──► SecurityContext
//!     └─ without mutual authentication: the context stands at once ───────────────────────┘
//! ```
//! Not here: delegation, channel bindings, and encryption of messages (SASL's layer "auth" has
//! none). The service proves itself only by its AP-REP, or by the first message it wraps.

mod frame;
mod initiator;
mod message;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

pub(crate) use self::initiator::refusal;
pub use self::initiator::{Begun, ExpectReply, GssOptions, begin};
pub use self::message::SecurityContext;
use crate::error::{Context, Error, Fault, Stage};
use crate::ticket::Grant;
use crate::time::{ClockOffset, Timestamp};

/// A ticket for a service with what one authentication needs beside it.
#[derive(Clone, Debug)]
pub struct ServiceTicket {
    grant: Arc<Grant>,
    offset: ClockOffset,
    now: Timestamp,
}

impl ServiceTicket {
    /// Takes a ticket and the present time by our own clock; `offset` is how far the KDC's clock
    /// is ahead, as the login found.
    ///
    /// No two authentications of a process may have the same time: services take the second for
    /// a replay.
    pub const fn new(grant: Arc<Grant>, offset: ClockOffset, now: Timestamp) -> Self {
        Self { grant, offset, now }
    }

    /// The ticket.
    pub const fn grant(&self) -> &Arc<Grant> {
        &self.grant
    }

    /// How far the KDC's clock is ahead of ours.
    pub const fn offset(&self) -> ClockOffset {
        self.offset
    }

    /// The error for a service that turns us away without saying why, as Kafka brokers do: all
    /// that our side knows is in it.
    pub fn refused(&self) -> Error {
        self.error(Fault::ServiceRefused)
    }

    /// The present time by the KDC's clock.
    pub(crate) const fn kdc_now(&self) -> Timestamp {
        self.now.offset_by(self.offset)
    }

    pub(crate) fn error(&self, fault: impl Into<Fault>) -> Error {
        let Grant { client, server, ticket, .. } = self.grant.as_ref();
        Error::new(
            Stage::Service,
            fault,
            Context {
                client: Some(client.clone()),
                server: Some(server.to_string()),
                ticket_key: Some((ticket.enctype(), ticket.kvno())),
                offset: self.offset,
                ..Context::default()
            },
        )
    }
}
