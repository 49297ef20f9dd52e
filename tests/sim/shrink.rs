//! Looks for the shortest schedule that still breaks the same law, within a bounded time.

use std::time::{Duration, Instant};

use super::laws::Violation;
use super::run::run;
use super::schedule::Plan;

const LIMIT: Duration = Duration::from_secs(20);

/// Takes parts of a plan away for as long as the same law stays broken. Gives what is left, and what
/// breaks there.
pub(crate) fn shrink(mut plan: Plan, violation: &Violation) -> (Plan, Violation) {
    let clock = Clock::start();
    let mut found = violation.clone();
    let mut half = (plan.events.len() / 2).max(1);
    loop {
        let mut shorter = false;
        for candidate in candidates(&plan, half) {
            if clock.is_over() {
                return (plan, found);
            }
            if let Some(still) = run(&candidate).violation.filter(|still| still.law == violation.law) {
                (plan, found, shorter) = (candidate, still, true);
                break;
            }
        }
        match (shorter, half) {
            (true, _) => half = half.min(plan.events.len().max(1)),
            (false, 1) => return (plan, found),
            (false, _) => half /= 2,
        }
    }
}

/// The plan without a task, a range, or so many events in a row.
fn candidates(plan: &Plan, half: usize) -> Vec<Plan> {
    let mut all = Vec::new();
    let mut without = |change: &dyn Fn(&mut Plan)| {
        let mut shorter = plan.clone();
        change(&mut shorter);
        let is_empty =
            shorter.readings.is_empty() && shorter.writings.is_empty() && shorter.callings.is_empty();
        if shorter != *plan && !is_empty {
            all.push(shorter);
        }
    };
    for index in 0..plan.readings.len() {
        without(&|plan| {
            plan.readings.remove(index);
        });
    }
    for index in 0..plan.writings.len() {
        without(&|plan| {
            plan.writings.remove(index);
        });
    }
    without(&|plan| plan.callings.clear());
    let count = plan.events.len();
    for first in (0..count).step_by(half) {
        without(&|plan| drop(plan.events.drain(first..(first + half).min(count))));
    }
    for (index, reading) in plan.readings.iter().enumerate() {
        for range in (0..reading.ranges.len()).filter(|_| reading.ranges.len() > 1) {
            without(&|plan| {
                plan.readings[index].ranges.remove(range);
            });
        }
    }
    for index in 0..plan.readings.len() {
        without(&|plan| plan.readings[index].manners.cancel_one_in = 0);
        without(&|plan| plan.readings[index].manners.pause_one_in = u64::MAX);
        without(&|plan| plan.readings[index].small_budget = false);
    }
    for index in 0..plan.writings.len() {
        without(&|plan| plan.writings[index].manners.cancel_one_in = 0);
        without(&|plan| plan.writings[index].manners.pause_one_in = u64::MAX);
        without(&|plan| plan.writings[index].records /= 2);
    }
    without(&|plan| plan.shares_client = false);
    without(&|plan| plan.entrance = super::schedule::Entrance::Plaintext);
    all
}

struct Clock(Instant);

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "shrinking is bounded in real time")]
    fn start() -> Self {
        Self(Instant::now())
    }

    #[expect(clippy::disallowed_methods, reason = "shrinking is bounded in real time")]
    fn is_over(&self) -> bool {
        Instant::now().duration_since(self.0) > LIMIT
    }
}
