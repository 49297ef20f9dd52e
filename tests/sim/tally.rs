//! What struck and what came of it, over many worlds.

use std::collections::BTreeMap;

use super::kind::Kind;
use super::reading::ReadingEnd;

/// A kind of event has to strike in so many of a thousand worlds, or nobody knows that it was tried.
const LEAST_IN_A_THOUSAND: u64 = 10;

/// The sums of a run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    worlds: u64,
    /// Worlds in which a kind struck.
    struck: BTreeMap<Kind, u64>,
    endings: BTreeMap<ReadingEnd, u64>,
    written: u64,
    failed: u64,
}

impl Tally {
    pub(crate) fn add(
        &mut self,
        struck: &BTreeMap<Kind, u64>,
        endings: &[ReadingEnd],
        (written, failed): (u64, u64),
    ) {
        self.worlds += 1;
        for kind in struck.keys() {
            *self.struck.entry(*kind).or_default() += 1;
        }
        for ending in endings {
            *self.endings.entry(*ending).or_default() += 1;
        }
        self.written += written;
        self.failed += failed;
    }

    /// The kinds that struck too seldom.
    pub(crate) fn seldom(&self) -> Vec<(Kind, u64)> {
        Kind::ALL
            .iter()
            .copied()
            .map(|kind| (kind, self.struck.get(&kind).copied().unwrap_or(0)))
            .filter(|(_, struck)| struck * 1000 < self.worlds * LEAST_IN_A_THOUSAND)
            .collect()
    }
}
