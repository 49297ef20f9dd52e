//! What a keeper tells of itself and of the token in use.

use super::Errands;
use crate::cluster::client::Cluster;
use crate::conn::counters;
use crate::time;
use crate::token::lifecycle::Action;
use crate::token::state::{KeeperStep, Snapshot};

impl Errands {
    /// Tells the moments of the token in use to the metrics.
    pub(in crate::token) fn record(&self) {
        let Some(token) = self.life.current() else { return };
        let cluster = self.keeper.target.bootstrap().to_string();
        counters::tell_token(&cluster, &token);
        counters::tell_renewal(&cluster, &token, self.life.since().unwrap_or_else(time::now));
    }

    pub(in crate::token) fn snapshot(&self) -> Snapshot {
        let now = time::now();
        let (next_at, action) = self.life.next();
        let next = match action {
            Action::Create => KeeperStep::Create,
            Action::Prove(_) => KeeperStep::Prove,
            Action::Expire(_) => KeeperStep::Expire,
            Action::Renew(_) | Action::Wait(_) => KeeperStep::Renew,
        };
        Snapshot {
            token_id: self.life.current().map(|token| token.id().to_owned()).unwrap_or_default(),
            epoch: self.life.epoch(),
            since: self.life.since().unwrap_or(now),
            end: now + self.life.left(now).unwrap_or_default(),
            next: if self.ended { KeeperStep::Ended } else { next },
            next_at,
            failures: self.life.failures(),
            last_error: self.last_error.clone(),
            unproved: self.absent.iter().map(ToString::to_string).collect(),
            readiness: self.readiness,
            created: self.created,
            renewed: self.renewed,
            alive: self.life.alive(time::now()).len(),
            admin: self.admin.as_ref().map(Cluster::statistics).unwrap_or_default(),
        }
    }
}
