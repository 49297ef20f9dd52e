//! Faults of embedded brokers against clients, in virtual time. Whatever goes wrong, a client gives
//! each thing once or a typed error, in bounded time, and works again when the faults are over.
//!
//! A failure prints the command that repeats it: `OTTLA_FAULT='ROLE KIND SEED'` runs that one alone.

#![allow(dead_code, reason = "each test target uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod admin;
mod kind;
mod reader;
mod reauthentication;
mod writer;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use super::support::within;
use kind::{Kind, Plan};

/// A test of each role, with these seeds.
macro_rules! every_role {
    ($seeds:expr) => {
        #[test]
        fn a_reader_reads_every_offset_once_or_says_why_not() {
            matrix::run_all(matrix::Role::Reader, $seeds);
        }

        #[test]
        fn administration_is_done_once_or_says_why_not_and_works_when_the_faults_are_over() {
            matrix::run_all(matrix::Role::Admin, $seeds);
        }

        #[test]
        fn connections_log_in_again_or_say_why_not_and_work_when_the_faults_are_over() {
            matrix::run_all(matrix::Role::Reauthentication, $seeds);
        }

        #[test]
        fn a_writer_writes_what_it_acknowledges_once_and_says_what_it_could_not() {
            matrix::run_all(matrix::Role::Writer, $seeds);
        }
    };
}

/// What a client does while things go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Reader,
    Admin,
    Reauthentication,
    Writer,
}

/// No scenario lasts longer, by its own clock.
const VIRTUAL_LIMIT: Duration = Duration::from_secs(3_600);
/// A loop that does not wait never lets the virtual clock go on.
const REAL_LIMIT: Duration = Duration::from_secs(120);
/// Scenarios that run at a time.
const SIDE_BY_SIDE: u64 = 2;

/// One role, one kind of fault, one seed.
#[derive(Clone, Copy, Debug)]
struct Scenario {
    role: Role,
    kind: Kind,
    seed: u64,
}

/// Runs every kind of fault with every seed, or the one that `OTTLA_FAULT` names, whatever its seed.
pub(crate) fn run_all(role: Role, seeds: Range<u64>) {
    let wanted = std::env::var("OTTLA_FAULT").ok();
    let seeds = wanted.as_deref().map_or(seeds, seed_of);
    // Seed by seed: what is broken off has tried every kind.
    let all: Vec<Scenario> = seeds
        .flat_map(|seed| Kind::ALL.iter().map(move |&kind| Scenario { role, kind, seed }))
        .filter(|scenario| wanted.as_ref().is_none_or(|wanted| *wanted == scenario.name()))
        .collect();
    run_side_by_side(&all);
    println!("{} scenarios of {role:?}", all.len());
}

/// Runs scenarios by their names, as failures print them.
pub(crate) fn run_named(names: &[&str]) {
    let roles = [Role::Reader, Role::Admin, Role::Reauthentication, Role::Writer];
    let named = |name: &&str| {
        let seed = seed_of(name).start;
        let all =
            roles.iter().flat_map(|&role| Kind::ALL.iter().map(move |&kind| Scenario { role, kind, seed }));
        all.into_iter()
            .find(|scenario| scenario.name() == *name)
            .unwrap_or_else(|| panic!("no scenario {name}"))
    };
    run_side_by_side(&names.iter().map(named).collect::<Vec<_>>());
}

fn run_side_by_side(all: &[Scenario]) {
    let next = AtomicU64::new(0);
    let failures: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..SIDE_BY_SIDE)
            .map(|_| {
                scope.spawn(|| {
                    let mut failures = Vec::new();
                    while let Some(scenario) =
                        all.get(usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap())
                    {
                        // At once, for those who wait for hours.
                        failures.extend(run(*scenario).inspect_err(|why| println!("{why}")).err());
                    }
                    failures
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "{} of {} failed:\n{}", failures.len(), all.len(), failures.join("\n"));
}

/// The seed at the end of a scenario's name.
fn seed_of(name: &str) -> Range<u64> {
    let seed = name.rsplit(' ').next().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| panic!("OTTLA_FAULT={name:?} does not end with a seed"));
    seed..seed + 1
}

impl Scenario {
    fn name(self) -> String {
        format!("{:?} {:?} {}", self.role, self.kind, self.seed)
    }

    async fn play(self) -> Result<(), String> {
        let plan = Plan::new(self.kind, self.role, self.seed);
        match self.role {
            Role::Reader => reader::play(&plan).await,
            Role::Admin => admin::play(&plan).await,
            Role::Reauthentication => reauthentication::play(&plan).await,
            Role::Writer => writer::play(&plan).await,
        }
    }
}

/// Runs a scenario on a clock of its own, in a thread of its own, so that one that hangs is seen.
fn run(scenario: Scenario) -> Result<(), String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
            runtime.unwrap().block_on(within(VIRTUAL_LIMIT, "the scenario", scenario.play()))
        }));
        let panicked = |panic: Box<dyn std::any::Any + Send>| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(format!("panicked: {}", text.unwrap_or_default()))
        };
        let _ = sender.send(outcome.unwrap_or_else(panicked));
    });
    let outcome = receiver.recv_timeout(REAL_LIMIT).unwrap_or_else(|_| Err("it does not end".to_owned()));
    outcome.map_err(|why| {
        let name = scenario.name();
        format!("{name}: {why}\n    OTTLA_FAULT='{name}' cargo test --test fault_matrix -- --nocapture")
    })
}
