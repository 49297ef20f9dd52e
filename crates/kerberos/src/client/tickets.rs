//! The tickets of a principal, and the decisions about them: no sockets and no clock.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::exchange::ServiceRequest;
use crate::ticket::Grant;
use crate::time::{ClockOffset, KerberosTime, Timestamp};

/// A ticket with less than this, or than a tenth of its life, left is as good as expired: it has
/// to survive the way to the service.
const LAST_MINUTE: Duration = Duration::from_secs(60);
/// After a failure in the background, the next attempt.
const PAUSE: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Tickets {
    tgt: Option<Held>,
    services: HashMap<ServiceRequest, Held>,
    offset: ClockOffset,
    not_before: Option<KerberosTime>,
}

#[derive(Debug)]
struct Held {
    grant: Arc<Grant>,
    renew_at: KerberosTime,
}

/// At which part of a ticket's life its successor is fetched: at `window`, plus up to `jitter`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RenewAt {
    pub(super) window: f64,
    pub(super) jitter: f64,
}

impl RenewAt {
    /// `random` is 0 for no jitter, `u32::MAX` for all of it.
    fn point(self, grant: &Grant, random: u32) -> KerberosTime {
        let life = grant.end_time.saturating_since(grant.start_time);
        let part = self.window + self.jitter * (f64::from(random) / f64::from(u32::MAX));
        grant.start_time.saturating_add(life.mul_f64(part.clamp(0.0, 1.0)))
    }
}

impl Tickets {
    pub(super) const fn offset(&self) -> ClockOffset {
        self.offset
    }

    /// Swaps the ticket-granting ticket for its successor. Service tickets stay: each is good
    /// until its own end. What does not last longer than what is there, as a cache that nobody has
    /// filled again, is no successor.
    pub(super) fn on_tgt(
        &mut self,
        (tgt, offset): (Grant, ClockOffset),
        now: Timestamp,
        renew_at: RenewAt,
        random: u32,
    ) {
        if self.tgt(now).is_some_and(|held| held.end_time >= tgt.end_time) {
            self.on_failed(now);
            return;
        }
        self.offset = offset;
        self.not_before = None;
        self.tgt = Some(Held { renew_at: renew_at.point(&tgt, random), grant: Arc::new(tgt) });
    }

    pub(super) fn on_ticket(
        &mut self,
        service: ServiceRequest,
        grant: Grant,
        offset: ClockOffset,
        renew_at: RenewAt,
        random: u32,
    ) {
        self.offset = offset;
        let held = Held { renew_at: renew_at.point(&grant, random), grant: Arc::new(grant) };
        self.services.insert(service, held);
    }

    /// A background attempt failed: the tickets stay, the next attempt has to wait.
    pub(super) fn on_failed(&mut self, now: Timestamp) {
        self.not_before = Some(self.kdc_time(now).saturating_add(PAUSE));
    }

    /// The KDC takes the ticket-granting ticket no more.
    pub(super) fn drop_tgt(&mut self) {
        self.tgt = None;
    }

    /// Forgets a service ticket that its service refused, unless another has taken its place.
    pub(super) fn forget(&mut self, service: &ServiceRequest, refused: &Arc<Grant>) {
        if self.services.get(service).is_some_and(|held| Arc::ptr_eq(&held.grant, refused)) {
            self.services.remove(service);
        }
    }

    pub(super) fn tgt(&self, now: Timestamp) -> Option<&Arc<Grant>> {
        self.tgt.as_ref().map(|held| &held.grant).filter(|grant| self.lasts(grant, now))
    }

    pub(super) fn service(&self, service: &ServiceRequest, now: Timestamp) -> Option<&Arc<Grant>> {
        self.services.get(service).map(|held| &held.grant).filter(|grant| self.lasts(grant, now))
    }

    /// Tells whether a service ticket is due for its successor, and a successor would last longer.
    pub(super) fn is_service_due(&self, service: &ServiceRequest, now: Timestamp) -> bool {
        let Some(held) = self.services.get(service) else { return false };
        let longer = self.tgt(now).is_some_and(|tgt| tgt.end_time > held.grant.end_time);
        longer && self.kdc_time(now) >= held.renew_at && self.may_try(now)
    }

    pub(super) fn is_tgt_due(&self, now: Timestamp) -> bool {
        self.tgt.as_ref().is_some_and(|held| self.kdc_time(now) >= held.renew_at) && self.may_try(now)
    }

    /// How long until the ticket-granting ticket is due; never, if there is none.
    pub(super) fn due_in(&self, now: Timestamp) -> Option<Duration> {
        let held = self.tgt.as_ref()?;
        let at = self.not_before.map_or(held.renew_at, |earliest| earliest.max(held.renew_at));
        Some(at.saturating_since(self.kdc_time(now)))
    }

    /// Forgets service tickets that have expired.
    pub(super) fn sweep(&mut self, now: Timestamp) {
        let time = self.kdc_time(now);
        self.services.retain(|_, held| held.grant.end_time > time);
    }

    fn may_try(&self, now: Timestamp) -> bool {
        self.not_before.is_none_or(|earliest| self.kdc_time(now) >= earliest)
    }

    fn lasts(&self, grant: &Grant, now: Timestamp) -> bool {
        let life = grant.end_time.saturating_since(grant.start_time);
        grant.end_time > self.kdc_time(now).saturating_add(LAST_MINUTE.min(life / 10))
    }

    const fn kdc_time(&self, now: Timestamp) -> KerberosTime {
        now.offset_by(self.offset).time()
    }
}

#[cfg(test)]
mod tests;
