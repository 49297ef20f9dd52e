//! Our readers of `.properties` and of JAAS lines against Java's own: thousands of generated texts in
//! one JVM.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::fmt::Write as _;

use base64ct::{Base64, Encoding};
use ottla::internals::{JavaText, read_jaas, read_properties, written_jaas, written_properties};
use ottla_lab::Profile;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use support::lab;

/// What a reader made of a text: nothing if it refused it, else the login module of a JAAS line,
/// and keys and values in the order of Java's strings.
type Reading = Option<(String, Vec<(String, String)>)>;

/// Texts of one kind, each with what it is to be read as, if that is known beforehand.
struct Case {
    kind: &'static str,
    text: String,
    written: Reading,
}

/// Texts of a pattern that is made of others.
fn texts(count: usize, pattern: &str) -> Vec<String> {
    many(count, proptest::string::string_regex(pattern).unwrap())
}

fn many<T: std::fmt::Debug>(count: usize, strategy: impl Strategy<Value = T>) -> Vec<T> {
    // The same in every run.
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// Has Java read all texts, in one JVM.
fn by_java(cases: &[Case]) -> Vec<Reading> {
    let mut lines = String::new();
    for Case { kind, text, .. } in cases {
        writeln!(lines, "{kind} {}", Base64::encode_string(text.as_bytes())).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("texts");
    std::fs::write(&file, lines).unwrap();
    let answers =
        lab::cluster(Profile::Default).java_answer("Parse", &[&file.display().to_string()]).unwrap();
    let answers: Vec<_> = answers.lines().zip(cases).map(|(line, case)| reading(case.kind, line)).collect();
    assert_eq!(answers.len(), cases.len());
    answers
}

fn reading(kind: &str, line: &str) -> Reading {
    let mut words = line.split(' ');
    match words.next() {
        Some("ok") => {}
        Some("error") => return None,
        other => panic!("Java answered {other:?}"),
    }
    let mut words = words.map(|word| {
        let bytes = Base64::decode_vec(word.strip_suffix('.').unwrap()).unwrap();
        let units: Vec<_> =
            bytes.chunks(2).map(|pair| u16::from_be_bytes(pair.try_into().unwrap())).collect();
        String::from_utf16_lossy(&units)
    });
    let module = if kind == "jaas" { words.next().unwrap() } else { String::new() };
    let mut entries = Vec::new();
    while let Some(key) = words.next() {
        entries.push((key, words.next().unwrap()));
    }
    Some((module, entries))
}

fn sorted(mut entries: Vec<(String, String)>) -> Vec<(String, String)> {
    // The last of several counts, and Java orders by UTF-16.
    entries.reverse();
    entries.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
    entries.dedup_by(|later, first| later.0 == first.0);
    entries
}

fn shown(case: &Case) -> String {
    format!("{} {:?}", case.kind, case.text)
}

#[test]
fn properties_are_read_as_java_reads_them() {
    let dense = many(12_000, r"([ak:=#! \t\f\\]|\\u00[46][0-9a-f]|\\[trnfq]|\r?\n|é|😀){0,30}");
    let strange = many(4_000, "(?s).{0,40}");
    let kept = many(4_000, proptest::collection::vec((".{0,8}", "(?s).{0,20}"), 0..4));
    let read = |text: String| Case { kind: "properties", text, written: None };
    let mut cases: Vec<Case> = dense.into_iter().chain(strange).map(read).collect();
    cases.extend(kept.into_iter().map(|entries| Case {
        kind: "properties",
        text: written_properties(&entries),
        written: Some((String::new(), sorted(entries))),
    }));
    let mut refused_here_alone = 0;
    for (case, java) in cases.iter().zip(by_java(&cases)) {
        match read_properties(&case.text) {
            JavaText::Read(entries) => {
                let ours = Some((String::new(), sorted(entries)));
                assert_eq!(ours, java, "{}", shown(case));
                assert!(case.written.is_none() || case.written == ours, "{}", shown(case));
            }
            // Half of a pair is a string in Java, and nothing that could be sent to a broker.
            JavaText::Stricter => refused_here_alone += 1,
            JavaText::Refused => assert_eq!(None, java, "{}", shown(case)),
        }
    }
    assert!(refused_here_alone < cases.len() / 100, "{refused_here_alone} of {}", cases.len());
}

#[test]
fn jaas_lines_are_read_as_kafka_reads_them() {
    let word =
        r#"([a-c][a-c0-9.\-]{0,3}|"([a-c=;, '/]|\\["\\nrtx01]|\\[0-3][0-7]{0,2}|é){0,6}"|'[a-c"]{0,4}')"#;
    let module = "(a\\.B|Module|c_d\\$e)";
    let good = texts(12_000, &format!("{module} (required|OPTIONAL|requisite)( [a-d]={word}){{0,4}} ?;"));
    let dense = texts(
        8_000,
        &format!("{module}( |\\n)(required|needed)?([ak=;\"'/*\\\\0-9. \\n-]|{word}){{0,12}};?"),
    );
    let kept = many(4_000, proptest::collection::vec(("[a-z]{1,6}", "(?s).{0,24}"), 0..4));
    let read = |text: String| Case { kind: "jaas", text, written: None };
    let mut cases: Vec<Case> = good.into_iter().chain(dense).map(read).collect();
    cases.extend(kept.into_iter().map(|options| {
        let (text, options) = (written_jaas("a.B", &options), sorted(options));
        Case { kind: "jaas", text, written: Some(("a.B".to_owned(), options)) }
    }));
    let (mut read, mut refused_here_alone) = (0, 0);
    for (case, java) in cases.iter().zip(by_java(&cases)) {
        match read_jaas(&case.text) {
            Ok((module, options)) => {
                let ours = Some((module, sorted(options)));
                assert_eq!(ours, java, "{}", shown(case));
                assert!(case.written.is_none() || case.written == ours, "{}", shown(case));
                read += 1;
            }
            Err(()) if java.is_some() => refused_here_alone += 1,
            Err(()) => {}
        }
    }
    // What is written here is always read; Java lets some mistakes pass.
    println!("{read} lines read, {refused_here_alone} refused here and not by Java");
    assert!(
        read > 12_000 && refused_here_alone < 2_000,
        "{read} read, {refused_here_alone} refused here alone"
    );
}
