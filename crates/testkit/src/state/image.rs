//! The tokens that one node knows: it learns of changes some time after they were committed.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::token::{PublishedToken, Token};
use crate::random::Random;

/// A record of the metadata log.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Store(Token),
    Remove(String),
}

#[derive(Debug)]
pub(crate) struct Image {
    /// How long a change takes to get here.
    pub(crate) delay: Duration,
    /// Of the keys of its tokens.
    iterations: u32,
    tokens: BTreeMap<String, PublishedToken>,
    /// Changes on their way, in the order of the log.
    pending: VecDeque<(Instant, Change)>,
}

impl Image {
    pub(crate) fn new(delay: Duration, iterations: u32) -> Self {
        Self { delay, iterations, tokens: BTreeMap::new(), pending: VecDeque::new() }
    }

    pub(crate) fn committed(&mut self, at: Instant, change: Change) {
        let arrives = at + self.delay;
        let arrives = self.pending.back().map_or(arrives, |&(before, _)| before.max(arrives));
        self.pending.push_back((arrives, change));
    }

    /// Applies what has arrived by `now`.
    pub(crate) fn advance(&mut self, now: Instant, secret: &[u8], random: &mut Random) {
        while self.pending.front().is_some_and(|&(arrives, _)| arrives <= now) {
            match self.pending.pop_front() {
                Some((_, Change::Store(token))) => {
                    self.tokens.insert(
                        token.id.clone(),
                        PublishedToken::new(token, secret, self.iterations, random),
                    );
                }
                Some((_, Change::Remove(id))) => {
                    self.tokens.remove(&id);
                }
                None => {}
            }
        }
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<&PublishedToken> {
        self.tokens.get(id)
    }

    pub(crate) fn by_hmac(&self, hmac: &[u8]) -> Option<&PublishedToken> {
        self.tokens.values().find(|published| published.hmac == hmac)
    }

    pub(crate) fn tokens(&self) -> impl Iterator<Item = &PublishedToken> {
        self.tokens.values()
    }

    /// Starts anew with another secret: every HMAC and every salt changes.
    pub(crate) fn restart(&mut self, secret: &[u8], random: &mut Random) {
        let iterations = self.iterations;
        for published in self.tokens.values_mut() {
            *published = PublishedToken::new(published.token.clone(), secret, iterations, random);
        }
    }
}
