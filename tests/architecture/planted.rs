//! Each bug of `tests/planted/` still fits the sources, and the tests that are to catch it exist.
//! `tests/planted/run`, which takes minutes, shows that they do catch it.

use super::*;

/// Texts by path.
type Tree = BTreeMap<String, String>;

#[test]
fn every_planted_bug_fits_the_sources_and_names_a_test() {
    let read = |directory: &'static str| {
        let sources = source::read(&source::root().join(directory)).into_iter();
        sources.map(move |(file, text)| (format!("{directory}/{}", file.display()), text))
    };
    let tree: Tree = read("src").chain(read("tests")).chain(read("crates")).collect();
    let table = std::fs::read_to_string(source::root().join("tests/planted/README.md")).unwrap_or_default();
    let mut bugs = 0;
    let mut found = Vec::new();
    for entry in std::fs::read_dir(source::root().join("tests/planted")).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "patch") {
            bugs += 1;
            let patch = std::fs::read_to_string(&path).unwrap_or_default();
            let wrong = misfits(&patch, &tree).into_iter().chain(untested(&patch, &tree));
            found.extend(wrong.map(|why| format!("{}: {why}", path.display())));
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            if !table.contains(&format!("| `{name}` |")) {
                found.push(format!("{}: README.md beside it does not name it", path.display()));
            }
        }
    }
    found.extend(unknown_tests(&table, &tree));
    assert!(bugs >= 10, "{bugs} planted bugs");
    assert_none(found);
}

/// The hunks of a patch that do not stand exactly once in the file that they change.
fn misfits(patch: &str, tree: &Tree) -> Vec<String> {
    let Some(file) = patch.lines().find_map(|line| line.strip_prefix("+++ b/")) else {
        return vec!["it changes no file".to_owned()];
    };
    let Some(text) = tree.get(file) else { return vec![format!("there is no {file}")] };
    let mut found = Vec::new();
    for (n, hunk) in patch.split("\n@@ ").skip(1).enumerate() {
        let lines = hunk.lines().skip(1).filter(|line| !line.starts_with('+'));
        let before: String = lines.map(|line| format!("{}\n", line.get(1..).unwrap_or_default())).collect();
        let times = text.matches(&before).count();
        if times != 1 {
            found.push(format!("hunk {} stands in {file} {times} times", n + 1));
        }
    }
    found
}

/// Why no test can catch a bug: `--lib a::b` needs tests in that module, `--test x` the file `tests/x.rs`.
fn untested(patch: &str, tree: &Tree) -> Option<String> {
    let Some(by) = patch.lines().find_map(|line| line.strip_prefix("Caught by: ")) else {
        return Some("it does not say by what it is caught".to_owned());
    };
    let words: Vec<&str> = by.split_whitespace().collect();
    let is_there = match words[..] {
        ["--test", test] | ["--test", test, _] => tree.contains_key(&format!("tests/{test}.rs")),
        ["--lib", module] => {
            let path = format!("src/{}", module.replace("::", "/"));
            let (file, directory) = (format!("{path}.rs"), format!("{path}/"));
            let mut module = tree.iter().filter(|(at, _)| **at == file || at.starts_with(&directory));
            module.any(|(_, text)| text.contains("#[test]"))
        }
        _ => return Some(format!("{by:?} is neither `--lib MODULE` nor `--test FILE [NAME]`")),
    };
    (!is_there).then(|| format!("no test is {by}"))
}

/// The tests of bugs without a patch that are not where the table says: the last two names of a row are the module, or
/// the file of tests, and the test.
fn unknown_tests(table: &str, tree: &Tree) -> Vec<String> {
    let (_, table) = table.split_once("\n## Without a patch\n").unwrap_or_default();
    let rows = table.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    let mut found = Vec::new();
    let mut count = 0;
    for row in rows {
        count += 1;
        let names: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
        let [.., module, test] = names[..] else {
            found.push(format!("{row:?} does not name a module and a test"));
            continue;
        };
        let (place, function) = (module.replace("::", "/"), format!("fn {test}()"));
        let mut there = tree.iter().filter(|(path, _)| path.contains(&format!("/{place}")));
        if !there.any(|(_, text)| text.contains(&function)) {
            found.push(format!("README.md beside the patches names {test}, which is not in {module}"));
        }
    }
    if count == 0 {
        found.push("README.md beside the patches names no test of a bug without one".to_owned());
    }
    found
}

#[test]
fn a_test_of_a_bug_without_a_patch_that_is_not_there_is_named() {
    let table =
        "\n## Without a patch\n\n| what | test |\n| --- | --- |\n| it is slow | `a::sum`: `sums_fast` |\n";
    let with = |path: &str, text: &str| Tree::from([(path.to_owned(), text.to_owned())]);
    assert_eq!(unknown_tests(table, &with("src/a/sum/tests.rs", "async fn sums_fast() {")), [""; 0]);
    assert_eq!(unknown_tests(table, &with("src/a/sum.rs", "fn sums_fast_enough() {")).len(), 1);
    assert_eq!(unknown_tests(table, &with("src/b.rs", "fn sums_fast() {")).len(), 1);
    assert_eq!(unknown_tests("", &Tree::new()).len(), 1);
}

#[test]
fn a_bug_that_does_not_fit_or_is_not_tested_is_named() {
    let patch = "Bad.\n\nCaught by: --lib sum\n\n--- a/src/sum.rs\n+++ b/src/sum.rs\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n";
    let with = |text: &str| Tree::from([("src/sum.rs".to_owned(), text.to_owned())]);
    assert_eq!(misfits(patch, &with("one\ntwo\n#[test]")), [""; 0]);
    assert_eq!(untested(patch, &with("one\ntwo\n#[test]")), None);
    assert_eq!(misfits(patch, &with("one\nfour\n")), ["hunk 1 stands in src/sum.rs 0 times"]);
    assert_eq!(misfits(patch, &Tree::new()), ["there is no src/sum.rs"]);
    assert_eq!(untested(patch, &with("one\ntwo\n")).as_deref(), Some("no test is --lib sum"));
    assert_eq!(misfits("Caught by: x", &Tree::new()), ["it changes no file"]);
    assert!(untested("Caught by: x", &Tree::new()).is_some() && untested("", &Tree::new()).is_some());
}
