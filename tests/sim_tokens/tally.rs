//! What struck, over many lives.

use std::collections::{BTreeMap, BTreeSet};

use super::kind::Kind;

/// A kind has to strike in so many of a thousand lives, or nobody knows that it was tried.
const LEAST_IN_A_THOUSAND: u64 = 10;

/// The sums of a run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    lives: u64,
    /// Lives in which a kind struck.
    struck: BTreeMap<Kind, u64>,
    created: u64,
    renewed: u64,
    logins: u64,
    days: u64,
}

/// What one life came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) created: u64,
    pub(crate) renewed: u64,
    pub(crate) logins: u64,
    pub(crate) hours: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, struck: &BTreeSet<Kind>, sums: Sums) {
        self.lives += 1;
        for kind in struck {
            *self.struck.entry(*kind).or_default() += 1;
        }
        self.created += sums.created;
        self.renewed += sums.renewed;
        self.logins += sums.logins;
        self.days += sums.hours / 24;
    }

    /// The kinds that struck too seldom.
    pub(crate) fn seldom(&self) -> Vec<(Kind, u64)> {
        let all = Kind::ALL.iter().copied();
        all.map(|kind| (kind, self.struck.get(&kind).copied().unwrap_or(0)))
            .filter(|(_, struck)| struck * 1000 < self.lives * LEAST_IN_A_THOUSAND)
            .collect()
    }
}
