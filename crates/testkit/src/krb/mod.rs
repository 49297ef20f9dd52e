//! Messages of Kerberos as KDCs and services read and write them (RFC 4120 section 5).
//!
//! DER and ciphers are those of `ottla-kerberos`; the messages are written anew, so that a mistake
//! in the client's does not hide here.

mod ap;
mod parts;
mod reply;
mod request;
mod ticket;

pub(crate) use ap::{ApRequest, Authenticator};
pub(crate) use parts::{Sealed, read_name, write_key, write_name};
pub(crate) use reply::{EtypeInfo, KdcReply, KrbError, ReplyPart, method_data};
pub(crate) use request::{KdcOptions, KdcRequest, padata};
pub(crate) use ticket::{SealedTicket, TicketFlags, TicketPart};

use std::time::Duration;

use ottla_kerberos::{crypto, der};

/// By how much clocks may differ.
pub(crate) const CLOCK_SKEW: Duration = Duration::from_secs(300);

/// The code of a KRB-ERROR (RFC 4120 section 7.5.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Refusal(pub(crate) i32);

impl Refusal {
    pub(crate) const CLIENT_EXPIRED: Self = Self(1);
    pub(crate) const CLIENT_UNKNOWN: Self = Self(6);
    pub(crate) const SERVER_UNKNOWN: Self = Self(7);
    pub(crate) const NEVER_VALID: Self = Self(11);
    pub(crate) const BAD_OPTION: Self = Self(13);
    pub(crate) const ETYPE_UNSUPPORTED: Self = Self(14);
    pub(crate) const CLIENT_REVOKED: Self = Self(18);
    pub(crate) const PASSWORD_EXPIRED: Self = Self(23);
    pub(crate) const PREAUTH_FAILED: Self = Self(24);
    pub(crate) const PREAUTH_REQUIRED: Self = Self(25);
    pub(crate) const BAD_INTEGRITY: Self = Self(31);
    pub(crate) const TICKET_EXPIRED: Self = Self(32);
    pub(crate) const TICKET_NOT_YET_VALID: Self = Self(33);
    pub(crate) const REPEAT: Self = Self(34);
    pub(crate) const NOT_US: Self = Self(35);
    pub(crate) const BAD_MATCH: Self = Self(36);
    pub(crate) const SKEW: Self = Self(37);
    pub(crate) const MODIFIED: Self = Self(41);
    pub(crate) const NO_KEY: Self = Self(45);
    pub(crate) const INAPPROPRIATE_CHECKSUM: Self = Self(50);
    pub(crate) const RESPONSE_TOO_BIG: Self = Self(52);
    pub(crate) const GENERIC: Self = Self(60);
    pub(crate) const WRONG_REALM: Self = Self(68);
}

impl From<der::Error> for Refusal {
    fn from(_: der::Error) -> Self {
        Self::GENERIC
    }
}

/// What was sealed with another key, or is damaged.
impl From<crypto::Error> for Refusal {
    fn from(_: crypto::Error) -> Self {
        Self::BAD_INTEGRITY
    }
}
