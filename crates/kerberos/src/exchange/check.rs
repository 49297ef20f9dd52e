//! The checks that every reply of a KDC has to pass (RFC 4120 sections 3.1.5 and 3.3.4).

use std::time::Duration;

use crate::crypto::AesKey;
use crate::enctype::Enctype;
use crate::error::ReplyFault;
use crate::messages::{EncKdcReplyPart, KdcReply};
use crate::principal::Principal;
use crate::ticket::Grant;
use crate::time::KerberosTime;

/// What was asked.
pub(super) struct Asked<'a> {
    pub(super) client: &'a Principal,
    pub(super) nonce: u32,
    pub(super) till: KerberosTime,
    pub(super) enctypes: &'a [Enctype],
    pub(super) clock_skew: Duration,
}

impl Asked<'_> {
    /// Checks all but the name of the service, which means something else in each exchange. `now`
    /// is by the KDC's clock.
    pub(super) fn check(
        &self,
        reply: KdcReply,
        part: EncKdcReplyPart,
        now: KerberosTime,
    ) -> Result<Grant, ReplyFault> {
        if part.nonce != self.nonce {
            return Err(ReplyFault::Nonce);
        }
        if reply.client != *self.client {
            return Err(ReplyFault::Client);
        }
        if part.server != *reply.ticket.server() {
            return Err(ReplyFault::TicketServer);
        }
        let start_time = part.start_time.unwrap_or(part.auth_time);
        if part.start_time.is_some() && !start_time.is_within(self.clock_skew, now) {
            return Err(ReplyFault::StartTime);
        }
        if part.end_time > self.till {
            return Err(ReplyFault::EndTime);
        }
        let enctype = part.key.enctype();
        if !self.enctypes.contains(&enctype) {
            return Err(ReplyFault::SessionEnctype(enctype));
        }
        Ok(Grant {
            client: reply.client,
            server: part.server,
            ticket: reply.ticket,
            session_key: AesKey::of(&part.key).map_err(|_| ReplyFault::SessionKey)?,
            flags: part.flags,
            auth_time: part.auth_time,
            start_time,
            end_time: part.end_time,
            renew_till: part.renew_till,
        })
    }
}
