//! Asks every target every fact, side by side, and reports as cargo's own tests do.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use super::DIFFERENCES;
use super::facts::{self, Fact};
use super::made::Scene;
use super::matrix::{self, Cell, Column};
use super::target::Target;

/// Facts that are asked at a time: most of them wait for something.
const SIDE_BY_SIDE: usize = 8;
/// No fact may take longer.
const LIMIT: Duration = Duration::from_secs(300);

/// A target and what it is asked.
type Asked<'a> = (&'a dyn Target, &'static Fact);
/// What each target answered.
type Columns = BTreeMap<String, Column>;

/// Runs what the command line asks for: words are parts of names, as with cargo's tests.
pub(crate) fn main(targets: &[&dyn Target]) {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let all = facts::all();
    let asked: Vec<Asked<'_>> = targets
        .iter()
        .flat_map(|target| all.iter().map(move |&fact| (*target, fact)))
        .filter(|(target, fact)| words.is_empty() || words.iter().any(|w| name(*target, fact).contains(w)))
        .collect();
    if std::env::args().any(|word| word == "--list") {
        asked.iter().for_each(|(target, fact)| println!("{}: test", name(*target, fact)));
        return;
    }
    println!("\nrunning {} tests", asked.len());
    let mut columns = answers(&asked, SIDE_BY_SIDE);
    // A broker that shares two cores with ten others may be late, which is no fact about it.
    let again: Vec<Asked<'_>> = asked.iter().copied().filter(|asked| late(&columns, asked)).collect();
    again.iter().for_each(|(target, fact)| println!("asked again by itself: {}", name(*target, fact)));
    for (target, column) in answers(&again, 1) {
        columns.entry(target).or_default().extend(column);
    }
    report(&all, &asked, &columns, words.is_empty());
}

/// Whether a real broker was asked in vain, or answered something else.
fn late(columns: &Columns, (target, fact): &Asked<'_>) -> bool {
    let cell = columns.get(&target.name()).and_then(|column| column.get(fact.says));
    !target.is_embedded() && matches!(cell, Some(Cell::Wrong(_)))
}

/// Asks so many facts at a time.
fn answers(asked: &[Asked<'_>], side_by_side: usize) -> Columns {
    let columns: Mutex<Columns> = Mutex::default();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (finished, watch) = mpsc::channel();
        for _ in 0..side_by_side {
            let (finished, columns, next) = (finished.clone(), &columns, &next);
            scope.spawn(move || {
                while let Some((target, fact)) = asked.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let cell = ask(*target, fact);
                    columns.lock().unwrap().entry(target.name()).or_default().insert(fact.says, cell);
                    let _ = finished.send(());
                }
            });
        }
        drop(finished);
        loop {
            match watch.recv_timeout(LIMIT) {
                Ok(()) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    println!("a fact took longer than {LIMIT:?}");
                    std::process::exit(101);
                }
            }
        }
    });
    columns.into_inner().unwrap()
}

fn name(target: &dyn Target, fact: &Fact) -> String {
    format!("{}: {}: {}", target.name(), fact.source, fact.says)
}

fn ask(target: &dyn Target, fact: &Fact) -> Cell {
    let expected = (fact.expect)(target.kafka());
    let answer = catch_unwind(AssertUnwindSafe(|| (fact.ask)(&Scene { target })));
    let Ok(answer) = answer else { return Cell::Wrong("the fact could not be asked".to_owned()) };
    if answer == expected {
        return Cell::Same;
    }
    let known = DIFFERENCES.iter().find(|it| it.fact == fact.says && it.embedded == answer);
    match known.filter(|_| target.is_embedded()) {
        Some(known) => Cell::Differs(format!("{answer}; real brokers: {expected}; {}", known.reason)),
        None => Cell::Wrong(format!("got      {answer:?}\n    expected {expected:?}")),
    }
}

fn report(all: &[&Fact], asked: &[Asked<'_>], columns: &Columns, whole: bool) {
    let (mut passed, mut failed) = (0, 0);
    for (target, fact) in asked {
        let cell = columns.get(&target.name()).and_then(|column| column.get(fact.says));
        match cell {
            Some(Cell::Wrong(why)) => {
                failed += 1;
                println!("test {} ... FAILED\n    {why}", name(*target, fact));
            }
            _ => {
                passed += 1;
                println!("test {} ... ok", name(*target, fact));
            }
        }
    }
    if whole {
        columns.iter().for_each(|(target, column)| matrix::keep(target, column));
        matrix::print(all, columns);
    }
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out"
    );
    if failed > 0 {
        std::process::exit(101);
    }
}
