//! What hurts whom, and until when: the oracle's word on whether a failure has a reason.

use std::time::Duration;

use ottla_testkit::{ApiKey, BrokerId};
use tokio::time::Instant;

use super::kind::Kind;
use super::laws::now;
use super::plan::{CONNECT, DEADLINE, OWNERS, REQUEST};
use super::world::World;

/// What clients need to see that something is over.
const NOTICING: Duration = Duration::from_secs(30);

/// Who cannot work as usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    /// Users and keepers.
    All,
    /// Keepers alone: what they ask may fail, and what they made may be gone.
    Admins,
    /// Nobody: but what is told of times may be wrong.
    Clocks,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Trouble {
    whom: Whom,
    until: Instant,
    /// An admin's password is another one, and that is all.
    is_refusal: bool,
}

/// A fault that waits for requests of an API.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Awaited {
    pub(crate) kind: Kind,
    pub(crate) api: ApiKey,
    /// Which of the requests it hits.
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// When it was seen that all of them were hit.
    pub(crate) struck: Option<Instant>,
}

impl World {
    pub(crate) fn trouble(&self, whom: Whom, lasts: Duration) {
        let until = now() + lasts + NOTICING;
        self.state().troubles.push(Trouble { whom, until, is_refusal: false });
    }

    /// Whoever asks for the tokens of a keeper is refused from now on.
    pub(crate) fn trouble_refused(&self, lasts: Duration) {
        let until = now() + lasts + NOTICING;
        self.state().troubles.push(Trouble { whom: Whom::Admins, until, is_refusal: true });
    }

    /// Whether a keeper's admin was refused all the time since, and nothing else was wrong.
    pub(crate) fn is_only_refused(&self, keeper: usize, since: Instant) -> bool {
        self.note_struck();
        let state = self.state();
        let other = |one: &Trouble| one.whom != Whom::Clocks && !one.is_refusal && one.until >= since;
        let refused = state.refused_since.get(&keeper).is_some_and(|from| *from <= since);
        refused && state.awaited.is_empty() && !state.troubles.iter().any(other)
    }

    /// Whether users could not work for a part of the time since.
    pub(crate) fn hurts_users(&self, since: Instant) -> bool {
        self.state().troubles.iter().any(|one| one.whom == Whom::All && one.until >= since)
    }

    /// Whether keepers could not work for a part of the time since.
    pub(crate) fn hurts_keepers(&self, since: Instant) -> bool {
        self.note_struck();
        let state = self.state();
        let hurt = state.troubles.iter().any(|one| one.until >= since);
        hurt || state.awaited.iter().any(|one| one.struck.is_none_or(|at| at + NOTICING >= since))
    }

    /// Looks which faults have hit what they waited for.
    pub(crate) fn note_struck(&self) {
        let counters = self.brokers.counters();
        let mut state = self.state();
        let mut kinds = Vec::new();
        for one in state.awaited.iter_mut().filter(|one| one.struck.is_none()) {
            let asked = counters.requests(one.api);
            kinds.extend((asked >= one.first).then_some(one.kind));
            one.struck = (asked >= one.last).then(now);
        }
        state.struck.extend(kinds);
    }

    /// Whether every broker that runs takes this token, by its own knowledge.
    pub(crate) fn is_usable(&self, id: &str) -> bool {
        let (millis, down) = (self.brokers.now(), self.state().down.clone());
        let is_good = |tokens: Vec<ottla_testkit::Token>| {
            tokens.iter().any(|token| token.id == id && token.expires > millis && token.max > millis)
        };
        let mut running = (1..=self.plan.brokers).filter(|broker| !down.contains(broker));
        !self.state().worthless.contains(id)
            && running.all(|id| is_good(self.brokers.tokens_on(BrokerId(id))))
    }

    /// Whether no broker that runs takes this token.
    pub(crate) fn is_refused(&self, id: &str) -> bool {
        let (millis, down) = (self.brokers.now(), self.state().down.clone());
        let is_good =
            |token: &ottla_testkit::Token| token.id == id && token.expires > millis && token.max > millis;
        let mut running = (1..=self.plan.brokers).filter(|broker| !down.contains(broker));
        self.state().worthless.contains(id)
            || !running.any(|broker| self.brokers.tokens_on(BrokerId(broker)).iter().any(is_good))
    }

    /// The ids of an owner's tokens that somebody can log in with, by the controller.
    pub(crate) fn living(&self, keeper: usize) -> Vec<String> {
        let millis = self.brokers.now();
        let state = self.state();
        let tokens = self.brokers.tokens().into_iter();
        let own = tokens.filter(|token| token.owner.name() == OWNERS[keeper]);
        let living = own.filter(|token| token.expires > millis && token.max > millis);
        living.map(|token| token.id).filter(|id| !state.worthless.contains(id)).collect()
    }

    /// Why a user cannot have a token that works, if there is a reason.
    pub(crate) fn excuse(&self, keeper: usize, by_file: bool, id: &str) -> Option<&'static str> {
        if self.is_usable(id) {
            return None;
        }
        let slot = self.slot(keeper);
        let (Some(running), Some(source)) = (&slot.keeper, &slot.source) else {
            return Some("there is no keeper");
        };
        let (state, newest, is_harmed) = (running.state(), source.current(), slot.is_harmed);
        drop(slot);
        if by_file && is_harmed {
            return Some("the file has come to harm");
        }
        if by_file && !self.is_usable(newest.id()) {
            // Users elsewhere have no way to tell it that brokers refuse them.
            return Some("the keeper does not know");
        }
        if newest.id() == id && self.hurts_keepers(now() - (DEADLINE + REQUEST + CONNECT)) {
            return Some("the keeper cannot work");
        }
        (newest.id() == id && state.failures > 0).then_some("the keeper waits after failures")
    }
}
