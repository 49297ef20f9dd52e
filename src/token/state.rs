//! What a keeper tells of itself.

use std::time::{Duration, Instant};

use crate::conn::counters::Statistics;
use crate::conn::token::TokenEpoch;
use crate::error::Error;

/// What a keeper does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeeperStep {
    /// Makes a token.
    Create,
    /// Asks the brokers whether they take the token that was made.
    Prove,
    /// Renews the token in use.
    Renew,
    /// Deletes a token that is not in use any more.
    Expire,
    /// Nothing: it was shut down.
    Ended,
}

/// Tells where a keeper stands. Times are as of the call that gave it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeeperState {
    /// The token in use.
    pub token_id: String,
    /// Its place among the owner's tokens.
    pub epoch: Option<TokenEpoch>,
    /// How long ago it was made or last renewed.
    pub age: Duration,
    /// How long it still lives, at least; zero if it is dead.
    pub expires_in: Duration,
    /// What comes next.
    pub next: KeeperStep,
    /// In how long.
    pub next_in: Duration,
    /// How many tries in a row failed.
    pub failures: u32,
    /// The last failure, be it overcome or not.
    pub last_error: Option<Error>,
    /// The brokers, as `host:port`, that have not taken the token in use yet: they could not be
    /// reached.
    pub unproved: Vec<String>,
    /// How long the brokers took to know the token in use.
    pub readiness: Duration,
    /// How many tokens were made.
    pub created: u64,
    /// How often a token was renewed.
    pub renewed: u64,
    /// How many tokens may be alive, the one in use among them.
    pub alive: usize,
    /// What the admin's present connections did; they are made anew after failures.
    pub admin: Statistics,
}

/// A state at its moments.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) token_id: String,
    pub(super) epoch: Option<TokenEpoch>,
    pub(super) since: Instant,
    pub(super) end: Instant,
    pub(super) next: KeeperStep,
    /// `None` is at once.
    pub(super) next_at: Option<Instant>,
    pub(super) failures: u32,
    pub(super) last_error: Option<Error>,
    pub(super) unproved: Vec<String>,
    pub(super) readiness: Duration,
    pub(super) created: u64,
    pub(super) renewed: u64,
    pub(super) alive: usize,
    pub(super) admin: Statistics,
}

impl Snapshot {
    pub(super) fn at(&self, now: Instant) -> KeeperState {
        let next_at = self.next_at.unwrap_or(now);
        KeeperState {
            token_id: self.token_id.clone(),
            epoch: self.epoch,
            age: now.saturating_duration_since(self.since),
            expires_in: self.end.saturating_duration_since(now),
            next: self.next,
            next_in: next_at.saturating_duration_since(now),
            failures: self.failures,
            last_error: self.last_error.clone(),
            unproved: self.unproved.clone(),
            readiness: self.readiness,
            created: self.created,
            renewed: self.renewed,
            alive: self.alive,
            admin: self.admin.clone(),
        }
    }
}
