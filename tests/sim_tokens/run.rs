//! Runs lives: each on a clock of its own, in a thread of its own, so that one that hangs is seen.

use std::collections::BTreeSet;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::audit::{audit, judge};
use super::crowd::crowd;
use super::gauges::Gauges;
use super::keeping::{Told, keep};
use super::kind::Kind;
use super::laws::{Law, Violation};
use super::plan::Plan;
use super::tally::{Sums, Tally};
use super::using::using;
use super::world::World;

/// A loop that does not wait never lets the virtual clock go on.
const REAL_LIMIT: Duration = Duration::from_secs(60);
const HANGS: &str = "the world's time does not pass: something asks without a pause";
/// Looking for a shorter plan takes no longer.
const SHRINKING: Duration = Duration::from_secs(20);
/// Keepers that are told to end have ended by then.
const ENDING: Duration = Duration::from_secs(900);
/// Lives that run at a time.
const SIDE_BY_SIDE: usize = 2;

/// What became of a life.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    violation: Option<Violation>,
    trace: String,
    struck: BTreeSet<Kind>,
    sums: Sums,
}

fn failed(law: Law, text: String) -> Outcome {
    Outcome { violation: Some(Violation { law, text }), ..Outcome::default() }
}

/// Lives one plan to its end.
fn run(plan: &Plan) -> Outcome {
    let (sender, receiver) = channel();
    let owned = plan.clone();
    std::thread::spawn(move || {
        ottla::internals::seed_entropy(Some(owned.seed));
        let gauges = Gauges::default();
        let _recording = metrics::set_default_local_recorder(&gauges);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            // Without sockets, whose driver is asked each time that the clock goes on.
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
            runtime.unwrap().block_on(live(owned, gauges.clone()))
        }));
        let text = |panic: Box<dyn std::any::Any + Send>| {
            let text = panic.downcast_ref::<String>().cloned();
            text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
        };
        let _ = sender
            .send(outcome.unwrap_or_else(|panic| failed(Law::Parts, format!("a panic: {}", text(panic)))));
    });
    receiver.recv_timeout(REAL_LIMIT).unwrap_or_else(|_| failed(Law::Storms, HANGS.to_owned()))
}

async fn live(plan: Plan, gauges: Gauges) -> Outcome {
    let (orders, told): (Vec<_>, Vec<_>) = plan.keepers.iter().map(|_| unbounded_channel()).unzip();
    let world = World::new(plan, orders, gauges);
    let (mut keepers, mut beside) = (JoinSet::new(), JoinSet::new());
    for (number, orders) in told.into_iter().enumerate() {
        keepers.spawn(keep(world.clone(), number, orders));
    }
    for number in 0..world.plan.users.len() {
        beside.spawn(using(world.clone(), number));
    }
    if world.plan.crowd {
        beside.spawn(crowd(world.clone()));
    }
    beside.spawn(audit(world.clone()));
    let alive = world.clone();
    beside.spawn(async move {
        alive.live().await;
        std::future::pending().await
    });
    let notes = world.notes.clone();
    let life = async {
        tokio::select! {
            biased;
            () = sleep(world.plan.length) => {}
            Some(ended) = beside.join_next() => {
                world.notes.broken(Law::Parts, &format!("a task of the world ended: {ended:?}"));
            }
        }
        beside.abort_all();
        (0..world.plan.keepers.len()).for_each(|keeper| world.tell(keeper, Told::Last));
        let ended = timeout(ENDING, async { while keepers.join_next().await.is_some() {} }).await;
        if ended.is_err() {
            world.notes.broken(Law::Ending, "a keeper never ends");
        }
    };
    tokio::select! {
        biased;
        () = notes.breaks() => {}
        () = life => {}
    }
    world.note_struck();
    judge(&world);
    if world.brokers.counters().reauthentications > 0 && world.plan.reauth.is_some() {
        world.strikes(Kind::ShortSessions);
    }
    let (violation, trace) = world.notes.take();
    let counters = world.brokers.counters();
    let sums = Sums {
        created: counters.tokens_created,
        renewed: counters.tokens_renewed,
        logins: counters.logins,
        hours: world.plan.length.as_secs() / 3600,
    };
    let struck = world.state().struck.clone();
    Outcome { violation, trace, struck, sums }
}

/// The trace of a seed's life.
#[allow(dead_code, reason = "the soak compares no traces")]
pub(crate) fn trace_of(seed: u64) -> String {
    run(&Plan::of(seed)).trace
}

/// Runs the lives of these seeds, or those that `OTTLA_SIM` names.
pub(crate) fn run_many(test: &str, seeds: Range<u64>) {
    let wanted = std::env::var("OTTLA_SIM").ok();
    let seeds = wanted.as_deref().map_or(seeds, seeds_of);
    let (next, stop) = (AtomicU64::new(seeds.start), AtomicBool::new(false));
    let (tally, failures) = (Mutex::new(Tally::default()), Mutex::new(Vec::new()));
    let most = std::env::var("OTTLA_SIM_FAILURES").ok().and_then(|most| most.parse().ok()).unwrap_or(1);
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let outcome = run(&Plan::of(seed));
            if seeds.end - seeds.start == 1 {
                println!("{}{}", Plan::of(seed), outcome.trace);
            }
            tally.lock().unwrap().add(&outcome.struck, outcome.sums);
            if let Some(violation) = outcome.violation {
                let report = report(test, seed, &violation);
                println!("{report}");
                let mut failures = failures.lock().unwrap();
                failures.push(report);
                stop.store(failures.len() >= most, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| (0..SIDE_BY_SIDE).for_each(|_| drop(scope.spawn(work))));
    let (tally, failures) = (tally.into_inner().unwrap(), failures.into_inner().unwrap());
    println!("{tally:#?}");
    assert!(failures.is_empty(), "{} lives broke a law:\n{}", failures.len(), failures.join("\n"));
    let seldom = tally.seldom();
    assert!(wanted.is_some() || seldom.is_empty(), "struck too seldom to know anything: {seldom:?}");
}

/// `7`, or `0..100`.
fn seeds_of(text: &str) -> Range<u64> {
    let number = |text: &str| text.parse::<u64>().expect("OTTLA_SIM is a seed, or two with .. between");
    match text.split_once("..") {
        Some((first, end)) => number(first)..number(end),
        None => number(text)..number(text) + 1,
    }
}

fn report(test: &str, seed: u64, violation: &Violation) -> String {
    let (plan, shortest) = shrink(Plan::of(seed), violation);
    format!(
        "seed {seed}: law {:?}: {}\n    the shortest plan that breaks it ({}):\n{plan}    \
         OTTLA_SIM={seed} cargo test --features unstable-internals --test {test} -- --nocapture",
        violation.law, violation.text, shortest.text
    )
}

/// Takes events and users away for as long as the same law stays broken.
#[expect(clippy::disallowed_methods, reason = "shrinking is bounded in real time")]
fn shrink(mut plan: Plan, violation: &Violation) -> (Plan, Violation) {
    let (began, mut found) = (Instant::now(), violation.clone());
    // Each try would take as long again.
    let hangs = violation.text == HANGS;
    let mut index = 0;
    while index < plan.events.len() + plan.users.len() && began.elapsed() < SHRINKING && !hangs {
        let mut shorter = plan.clone();
        match index.checked_sub(plan.events.len()) {
            None => drop(shorter.events.remove(index)),
            Some(user) => drop(shorter.users.remove(user)),
        }
        match run(&shorter).violation.filter(|still| still.law == violation.law) {
            Some(still) => (plan, found) = (shorter, still),
            None => index += 1,
        }
    }
    (plan, found)
}
