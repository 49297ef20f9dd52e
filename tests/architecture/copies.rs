//! A broker that is written with the client's own code agrees with its mistakes. So the testkit
//! knows nothing of ottla, and no part of it is a copy.

use std::collections::BTreeMap;

use super::*;

/// So many lines may be the same one after the other: those of a trait that both implement, or of a
/// message that both write.
const SAME_LINES: usize = 5;

#[test]
fn the_testkit_copies_no_code_of_the_client() {
    let testkit = lines_of("crates/testkit/src");
    let clients = ["src", "crates/kerberos/src"].map(lines_of).concat();
    assert_none(copies(&testkit, &clients));
}

#[test]
fn the_testkit_does_not_know_the_client() {
    let root = source::root().join("crates/testkit");
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap_or_default();
    assert!(manifest.contains("[dependencies]"), "the testkit's manifest cannot be read");
    let depends = manifest.lines().filter(|line| line.starts_with("ottla ") || line.starts_with("ottla."));
    let mut found: Vec<String> = depends.map(|line| format!("Cargo.toml: {line}")).collect();
    for (file, text) in source::read(&root.join("src")) {
        let named = code(&text).filter(|(_, line)| line.contains("ottla::"));
        found.extend(named.map(|(number, line)| format!("{}:{number}: {line}", file.display())));
    }
    assert_none(found);
}

/// Lines of code, and where they stand.
type Lines = Vec<(String, String)>;

fn lines_of(directory: &str) -> Vec<Lines> {
    let sources = source::read(&source::root().join(directory));
    let sources = sources.into_iter().filter(|(file, _)| !source::is_test_file(file));
    let place = |file: &Path, number| format!("{directory}/{}:{number}", file.display());
    sources.map(|(file, text)| code(&text).map(|(n, line)| (line, place(&file, n))).collect()).collect()
}

/// What a source says, before its tests: no comments, imports, attributes and lines without a word.
fn code(text: &str) -> impl Iterator<Item = (usize, String)> {
    let lines = text.lines().zip(1..).take_while(|(line, _)| line.trim() != "#[cfg(test)]");
    let code = lines.map(|(line, number)| {
        let line = line.split("//").next().unwrap_or_default();
        (number, line.split_whitespace().collect::<Vec<_>>().join(" "))
    });
    code.filter(|(_, line)| {
        let item = line.trim_start_matches("pub(crate) ").trim_start_matches("pub ");
        let is_frame = ["use ", "mod ", "#"].iter().any(|start| item.starts_with(start));
        !is_frame && line.contains(char::is_alphanumeric)
    })
}

/// Every run of more than [`SAME_LINES`] lines that two sources share.
fn copies(ours: &[Lines], theirs: &[Lines]) -> Vec<String> {
    let mut places: BTreeMap<&str, Vec<(&Lines, usize)>> = BTreeMap::new();
    for lines in theirs {
        for (at, (line, _)) in lines.iter().enumerate() {
            places.entry(line).or_default().push((lines, at));
        }
    }
    let mut found = Vec::new();
    for lines in ours {
        for (at, (line, place)) in lines.iter().enumerate() {
            for &(other, from) in places.get(line.as_str()).into_iter().flatten() {
                let continues = at > 0 && from > 0 && lines[at - 1].0 == other[from - 1].0;
                let same = lines[at..].iter().zip(&other[from..]).take_while(|(a, b)| a.0 == b.0).count();
                if !continues && same > SAME_LINES {
                    found.push(format!("{place} and {}: {same} lines are the same", other[from].1));
                }
            }
        }
    }
    found
}

#[test]
fn a_copy_is_seen_whatever_its_comments_and_spaces() {
    let lines = |text: &str| code(text).map(|(n, line)| (line, n.to_string())).collect::<Lines>();
    let original = "use x;\nfn a() {\n  one(1);\n  two(2);\n  three(3);\n  four(4);\n  five(5);\n}\n";
    let copy = "/// Does it.\nfn b() {}\nfn a() {\n    one(1); // once\n\n    two(2);\n    three(3);\n    four(4);\n    five(5);\n}";
    assert_eq!(copies(&[lines(copy)], &[lines(original)]), ["3 and 2: 6 lines are the same"]);
    let shorter = copy.replace("five(5)", "six(6)");
    assert_eq!(copies(&[lines(&shorter)], &[lines(original)]), [""; 0]);
}
