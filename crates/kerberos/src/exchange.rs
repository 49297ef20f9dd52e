//! Conversations with KDCs without sockets: bytes and time go in, bytes come out.
//!
//! ```text
//!   AsExchange::begin ──► request ──► (KDC) ──► reply ──► step ──► Send{request, next} ──► ..
//!                                                           └────► Done(Login)
//!   TgsExchange::begin ─► .. the same .. ─► Done(TicketOutcome)
//! ```
//! A step consumes the exchange: after an error there is nothing left to misuse.

mod check;
mod login;
mod secret;
#[cfg(test)]
mod tests;
mod tgs;

use std::time::Duration;

pub use self::login::{AsExchange, Login};
pub use self::secret::LongTermSecret;
pub use self::tgs::{ServiceRequest, TgsExchange, TgsOutcome};
use crate::enctype::Enctype;
use crate::principal::Realm;

/// Bytes to send to a KDC of a realm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KdcRequest {
    /// The realm whose KDC is asked.
    pub realm: Realm,
    /// The message, without the length in front that TCP needs.
    pub bytes: Vec<u8>,
}

/// What a step of an exchange leads to.
#[derive(Debug)]
pub enum Step<E, D> {
    /// Send this, and give the reply to `next`.
    Send {
        /// What to send, and to which realm.
        request: KdcRequest,
        /// The exchange, which awaits the reply.
        next: E,
    },
    /// The exchange is over.
    Done(D),
}

/// What is asked of KDCs, and what is accepted of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Encryption types, most wanted first. Types that this crate cannot use are left out.
    /// Default: [`Enctype::SUPPORTED`].
    pub enctypes: Vec<Enctype>,
    /// For how long a ticket-granting ticket is asked. Default 24 hours; the KDC may give less.
    pub lifetime: Duration,
    /// For how long a ticket-granting ticket is to be renewable. Default: not at all.
    pub renew_lifetime: Option<Duration>,
    /// By how much clocks may differ. Default 300 s.
    pub clock_skew: Duration,
    /// Whether to go by the KDC's clock if it differs by more than that. Default: yes. Otherwise
    /// such a difference is an error.
    pub follow_clock: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            enctypes: Enctype::SUPPORTED.to_vec(),
            lifetime: Duration::from_secs(24 * 3600),
            renew_lifetime: None,
            clock_skew: Duration::from_secs(300),
            follow_clock: true,
        }
    }
}

impl Options {
    fn usable_enctypes(&self) -> Vec<Enctype> {
        self.enctypes.iter().copied().filter(|enctype| enctype.is_supported()).collect()
    }
}
