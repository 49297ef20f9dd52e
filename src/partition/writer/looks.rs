//! How often who leads what is asked, for as long as that brings nothing: soon for each new trouble, and seldom for old
//! ones.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::batch::Place;
use crate::cluster::silence::PROMPT_LOOKS;
use crate::ids::BrokerId;

const MINUTE: Duration = Duration::from_secs(60);

/// A minute with so many looks has no more that come soon. With those that come seldom it stays below forty.
const MOST_PROMPT: usize = 30;

/// Looks within such a time follow each other ever more slowly.
const ROW: Duration = Duration::from_secs(10);

/// A trouble that nobody met for so long is over: nothing is left to be written there.
const REMEMBERED: Duration = Duration::from_secs(30);

/// Why a look is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    /// No broker leads a partition, or the one that should denies it.
    Partition(Place),
    /// A broker cannot be reached, or does not answer.
    Broker(BrokerId),
    /// The picture of the cluster tells another topic of this name than is known.
    Topic(usize),
    /// No broker says who leads what.
    Cluster,
}

/// The looks of one writer.
#[derive(Debug, Default)]
pub(super) struct Looks {
    troubles: BTreeMap<Trouble, Met>,
    /// When the looks of the last minute ended.
    ended: VecDeque<Instant>,
}

#[derive(Debug)]
struct Met {
    last: Instant,
    /// How many looks ended since it began.
    looks: u32,
}

impl Looks {
    /// Something is in trouble, still or anew.
    pub(super) fn on_trouble(&mut self, trouble: Trouble, now: Instant) {
        let met = self.troubles.entry(trouble).or_insert(Met { last: now, looks: 0 });
        let is_anew = now >= met.last + REMEMBERED;
        *met = Met { last: now, looks: if is_anew { 0 } else { met.looks } };
    }

    /// It is no more.
    pub(super) fn on_success(&mut self, trouble: Trouble) {
        self.troubles.remove(&trouble);
    }

    /// Nothing is in trouble.
    pub(super) fn all_is_well(&mut self) {
        self.troubles.clear();
    }

    /// A look has ended. Gives how many there were shortly before, with it.
    pub(super) fn on_look(&mut self, now: Instant) -> u32 {
        self.troubles.retain(|_, met| now < met.last + REMEMBERED);
        for met in self.troubles.values_mut() {
            met.looks = met.looks.saturating_add(1);
        }
        while self.ended.front().is_some_and(|then| *then + MINUTE <= now) {
            self.ended.pop_front();
        }
        self.ended.push_back(now);
        let row = self.ended.iter().filter(|then| now < **then + ROW).count();
        u32::try_from(row).unwrap_or(u32::MAX)
    }

    /// Whether the next look is to come soon: for a trouble that has seen few of them.
    pub(super) fn is_prompt(&self, now: Instant) -> bool {
        let recent = self.ended.iter().filter(|then| now < **then + MINUTE).count();
        let is_young = self.troubles.is_empty() || self.troubles.values().any(|met| met.looks < PROMPT_LOOKS);
        is_young && recent < MOST_PROMPT
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::now;

    const PROMPT: Duration = Duration::from_millis(600);
    const SELDOM: Duration = Duration::from_millis(4_800);

    /// When looks end within so many seconds, where troubles begin at given seconds and last.
    fn looks(begins: &[u64], seconds: u64) -> Vec<Duration> {
        let (mut looks, start) = (Looks::default(), now());
        let (mut ends, mut last) = (Vec::new(), Duration::ZERO);
        for step in 0..seconds * 20 {
            let passed = Duration::from_millis(step * 50);
            for (at, broker) in begins.iter().zip(0..) {
                if Duration::from_secs(*at) <= passed {
                    looks.on_trouble(Trouble::Broker(BrokerId(broker)), start + passed);
                }
            }
            let pause = if looks.is_prompt(start + passed) { PROMPT } else { SELDOM };
            if !looks.troubles.is_empty() && passed >= last + pause {
                looks.on_look(start + passed);
                ends.push(passed);
                last = passed;
            }
        }
        ends
    }

    #[test]
    fn a_new_trouble_beside_an_old_one_is_looked_after_soon() {
        let ends = looks(&[1, 120], 180);
        let between = |from: u64, to: u64| {
            let (from, to) = (Duration::from_secs(from), Duration::from_secs(to));
            ends.iter().filter(|end| (from..to).contains(*end)).count()
        };
        assert!(between(60, 120) <= 13, "{}", between(60, 120));
        assert!(between(120, 132) >= 18, "{}", between(120, 132));
        assert!(between(145, 180) <= 8, "{}", between(145, 180));
    }

    #[test]
    fn no_minute_sees_more_than_forty_looks_whatever_gets_into_trouble() {
        for distance in [1, 3, 7, 15, 20, 31, 47] {
            let begins: Vec<u64> = (0..600 / distance).map(|number| 1 + number * distance).collect();
            let ends = looks(&begins, 620);
            let most = ends
                .iter()
                .map(|from| ends.iter().filter(|end| (*from..*from + MINUTE).contains(*end)).count());
            let most = most.max().unwrap();
            assert!(most <= 40, "{distance}: {most}");
        }
    }

    #[test]
    fn a_trouble_that_is_over_and_comes_again_is_a_new_one() {
        let (mut looks, start) = (Looks::default(), now());
        let trouble = Trouble::Broker(BrokerId(1));
        let at = |seconds| start + Duration::from_secs(seconds);
        let old = |looks: &mut Looks, from: u64| {
            for second in (0..25).map(|number| from + 3 * number) {
                looks.on_trouble(trouble, at(second));
                looks.on_look(at(second));
            }
        };
        old(&mut looks, 0);
        assert!(!looks.is_prompt(at(75)));
        looks.on_success(trouble);
        looks.on_trouble(trouble, at(76));
        assert!(looks.is_prompt(at(76)));
        old(&mut looks, 100);
        // Nobody met it for half a minute.
        looks.on_trouble(trouble, at(241));
        assert!(looks.is_prompt(at(241)));
    }
}
