//! Every scenario of tests/SCENARIOS.md has a test.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::source;

/// The scenarios that the document has, as its headings name them: `## A3`.
fn listed() -> BTreeSet<String> {
    let text = std::fs::read_to_string(source::root().join("tests/SCENARIOS.md")).unwrap();
    let heads = text.lines().filter_map(|line| line.strip_prefix("## A"));
    heads.map(|head| head.split_whitespace().next().unwrap().to_owned()).collect()
}

/// The scenarios that tests are named for: `fn a03_…`.
fn tested(directory: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tested(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let names = text.lines().filter_map(|line| line.split_once("fn a").map(|(_, name)| name));
            let numbers = names.filter_map(|name| name.split_once('_').map(|(number, _)| number));
            let numbers = numbers.filter(|number| number.len() == 2);
            found.extend(numbers.filter_map(|number| number.parse::<u8>().ok()).map(|n| n.to_string()));
        }
    }
}

#[test]
fn every_scenario_that_is_listed_has_a_test() {
    let mut found = BTreeSet::new();
    tested(&source::root().join("tests"), &mut found);
    let listed = listed();
    let missing: Vec<_> = listed.difference(&found).collect();
    assert!(missing.is_empty() && listed.len() >= 15, "without a test: {missing:?}");
}
