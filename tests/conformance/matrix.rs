//! Facts by targets, as a table. Each run adds its columns to those that other runs left beside the
//! build, so that the runs of both versions of Kafka give one picture.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use super::facts::Fact;

/// What a target says to a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Same,
    Differs(String),
    Wrong(String),
}

impl Cell {
    fn short(&self) -> &str {
        match self {
            Self::Same => "same",
            Self::Differs(_) => "differs",
            Self::Wrong(_) => "WRONG",
        }
    }
}

pub(crate) type Column = BTreeMap<&'static str, Cell>;

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("conformance")
}

/// Keeps a column for the runs to come.
pub(crate) fn keep(target: &str, column: &Column) {
    fs::create_dir_all(directory()).unwrap();
    let lines: String = column.iter().map(|(fact, cell)| format!("{}\t{fact}\n", cell.short())).collect();
    fs::write(directory().join(target), lines).unwrap();
}

/// Prints all columns that are there, and beside each cell that differs the answers.
pub(crate) fn print(facts: &[&Fact], fresh: &BTreeMap<String, Column>) {
    let mut columns: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for entry in fs::read_dir(directory()).unwrap().flatten() {
        let text = fs::read_to_string(entry.path()).unwrap();
        let cells = text.lines().filter_map(|line| line.split_once('\t'));
        let cells = cells.map(|(cell, fact)| (fact.to_owned(), cell.to_owned())).collect();
        columns.insert(entry.file_name().to_string_lossy().into_owned(), cells);
    }
    let mut table = String::new();
    for name in columns.keys() {
        let _ = write!(table, "{name:14}");
    }
    table.push('\n');
    for fact in facts {
        for cells in columns.values() {
            let cell = cells.get(fact.says).map_or("-", String::as_str);
            let _ = write!(table, "{cell:14}");
        }
        let _ = writeln!(table, "{:4} {}", fact.source, fact.says);
    }
    for (target, column) in fresh {
        for (fact, cell) in column {
            if let Cell::Differs(why) = cell {
                let _ = writeln!(table, "{target} differs: {fact}\n    {why}");
            }
        }
    }
    println!("{table}{} facts", facts.len());
}
