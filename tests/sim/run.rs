//! Runs worlds: each on a clock of its own, in a thread of its own, so that one that hangs is seen.

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::calling::call;
use super::kind::Kind;
use super::laws::{Law, Violation};
use super::reading::{ReadingEnd, read};
use super::schedule::{DELIVERY, Plan, TROUBLE};
use super::sessions;
use super::shrink::shrink;
use super::storms;
use super::tally::Tally;
use super::world::World;
use super::writing::{LISTENER, Tolds, write};

/// By then everything has ended, by the world's clock.
const VIRTUAL_LIMIT: Duration = Duration::from_secs(TROUBLE.as_secs() + 600);
/// A loop that does not wait never lets the virtual clock go on.
const REAL_LIMIT: Duration = Duration::from_secs(20);
/// Worlds that run at a time.
const SIDE_BY_SIDE: usize = 2;

/// What became of a world.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) violation: Option<Violation>,
    pub(crate) trace: String,
    struck: BTreeMap<Kind, u64>,
    endings: Vec<ReadingEnd>,
    written: (u64, u64),
}

enum Done {
    Read(ReadingEnd),
    Wrote(Tolds),
    Called,
}

/// Lives one plan to its end.
pub(crate) fn run(plan: &Plan) -> Outcome {
    let (sender, receiver) = mpsc::channel();
    let owned = plan.clone();
    std::thread::spawn(move || {
        ottla::internals::seed_entropy(Some(owned.seed));
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
            runtime.unwrap().block_on(live(owned))
        }));
        let _ = sender.send(outcome.unwrap_or_else(|panic| failed(Law::Parts, panic_text(&panic))));
    });
    receiver.recv_timeout(REAL_LIMIT).unwrap_or_else(|_| {
        failed(Law::Ending, "the world's time does not pass: something asks without a pause".into())
    })
}

fn failed(law: Law, text: String) -> Outcome {
    Outcome {
        violation: Some(Violation { law, text }),
        trace: String::new(),
        struck: BTreeMap::new(),
        endings: Vec::new(),
        written: (0, 0),
    }
}

fn panic_text(panic: &Box<dyn std::any::Any + Send>) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    format!("a panic: {}", text.unwrap_or_default())
}

async fn live(plan: Plan) -> Outcome {
    let world = World::new(plan);
    let mut tasks = JoinSet::new();
    for (number, reading) in world.plan.readings.iter().cloned().enumerate() {
        let world = world.clone();
        tasks.spawn(async move { Done::Read(read(world, reading, number).await) });
    }
    for (number, writing) in world.plan.writings.iter().cloned().enumerate() {
        let world = world.clone();
        tasks.spawn(async move { Done::Wrote(write(world, writing, number).await) });
    }
    for calling in world.plan.callings.iter().cloned() {
        let world = world.clone();
        tasks.spawn(async move {
            call(world, calling).await;
            Done::Called
        });
    }
    let mut beside = JoinSet::new();
    beside.spawn(storms::watch(world.clone()));
    let alive = world.clone();
    beside.spawn(async move { alive.live().await });
    let (mut endings, mut writers) = (Vec::new(), Vec::new());
    let all = async {
        while let Some(done) = tasks.join_next().await {
            match done {
                Ok(Done::Read(ending)) => endings.push(ending),
                Ok(Done::Wrote(told)) => writers.push(told),
                Ok(Done::Called) => {}
                Err(error) => world.notes.broken(Law::Parts, format!("a task of the application: {error}")),
            }
        }
    };
    let ended = tokio::select! {
        biased;
        () = world.notes.breaks() => true,
        ended = timeout(VIRTUAL_LIMIT, all) => ended.is_ok(),
    };
    if !ended {
        let text = format!("{} of the application's tasks never end", tasks.len());
        world.notes.broken(Law::Ending, text);
    }
    if !world.notes.is_broken() && !writers.is_empty() {
        sleep(DELIVERY).await;
    }
    storms::judge(&world);
    sessions::judge(&world);
    if std::env::var_os("OTTLA_SIM_ASKED").is_some() {
        world.brokers.asked().iter().for_each(|asked| world.notes.trace(&format!("{asked:?}")));
    }
    let written = writers.iter().map(Tolds::judge);
    let written = written.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let (violation, trace) = world.notes.take();
    Outcome { violation, trace, struck: world.struck(), endings, written }
}

/// The trace of a seed's world.
#[allow(dead_code, reason = "the soak compares no traces")]
pub(crate) fn trace_of(seed: u64) -> String {
    run(&Plan::of(seed)).trace
}

/// Runs the worlds of these seeds, or those that `OTTLA_SIM` names.
pub(crate) fn run_many(test: &str, seeds: Range<u64>) {
    let wanted = std::env::var("OTTLA_SIM").ok();
    let seeds = wanted.as_deref().map_or(seeds, seeds_of);
    quieten();
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
            tally.lock().unwrap().add(&outcome.struck, &outcome.endings, outcome.written);
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
    assert!(failures.is_empty(), "{} worlds broke a law:\n{}", failures.len(), failures.join("\n"));
    let seldom = tally.seldom();
    assert!(wanted.is_some() || seldom.is_empty(), "struck too seldom to know anything: {seldom:?}");
}

/// Panics of the application's listeners are part of the play.
fn quieten() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let payload = info.payload();
        let text = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref().copied());
        if text != Some(LISTENER) {
            usual(info);
        }
    }));
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
    let whole = Plan::of(seed);
    // Who only asks whether something is found does not wait for the shortest schedule.
    let (plan, shortest) = match std::env::var_os("OTTLA_SIM_WHOLE") {
        Some(_) => (whole, violation.clone()),
        None => shrink(whole, violation),
    };
    format!(
        "seed {seed}: law {:?}: {}\n    the shortest schedule that breaks it ({}):\n{plan}    \
         OTTLA_SIM={seed} cargo test --features unstable-internals --test {test} -- --nocapture",
        violation.law, violation.text, shortest.text
    )
}
