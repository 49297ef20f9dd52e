//! `ottla write`.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use support::{Kafka, Ran, command, ended, ottla, ottla_with_input, run};

fn start() -> (Kafka, String) {
    let kafka = Kafka::start();
    kafka.cluster.create_topic("t", 3, 1).unwrap();
    let config = kafka.config("alice");
    (kafka, config)
}

/// What `read` prints of the topic, without its order.
fn lines(config: &str, format: &str) -> BTreeSet<String> {
    let read = ottla(["read", "--config", config, "--topic", "t", "--format", format]).succeeded();
    let lines: Vec<_> = read.lines().map(str::to_owned).collect();
    let set: BTreeSet<_> = lines.iter().cloned().collect();
    assert_eq!(set.len(), lines.len(), "nothing comes twice");
    set
}

#[test]
fn lines_become_records_once_each() {
    let (_kafka, config) = start();
    let input: String =
        (0..5000).map(|n| format!("line {n} é\n")).collect::<String>() + "the last without a line feed";
    let written = ottla_with_input(["write", "--config", &config, "--topic", "t"], input.as_bytes());
    assert_eq!((written.code, written.stderr.as_str()), (Some(0), ""), "{written:?}");
    assert_eq!(
        (&written.json()[0]["records"], &written.json()[0]["bytes"]),
        (&5001.into(), &(input.len() - 5000).into())
    );
    assert_eq!(lines(&config, "raw"), input.lines().map(str::to_owned).collect());
}

#[test]
fn keys_stand_before_their_separator() {
    let (_kafka, config) = start();
    let arguments = ["write", "--config", &config, "--topic", "t", "--key-separator", "::"];
    ottla_with_input(arguments, b"a::1\nb::2::3\n").succeeded();
    let read = ottla(["read", "--config", &config, "--topic", "t"]);
    let pairs: BTreeSet<_> =
        read.json().iter().map(|line| (line["key"].to_string(), line["value"].to_string())).collect();
    let pair = |key: &str, value: &str| (format!("{key:?}"), format!("{value:?}"));
    assert_eq!(pairs, BTreeSet::from([pair("a", "1"), pair("b", "2::3")]));
    let told = ottla_with_input(arguments, b"c::4\nnone\n").failed(1);
    assert!(told.contains("line 2 of standard input: there is no separator"), "{told}");
    assert_eq!(lines(&config, "raw").len(), 3, "what came before is written");
}

#[test]
fn what_read_prints_is_written_again_in_every_codec() {
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let (kafka, config) = start();
        let input = concat!(
            r#"{"timestamp":1700000000000,"key":"k","value":"é\n","headers":[{"key":"h","value":"v"},{"key":"n","value":null},{"key":"b","value_base64":"/w=="}]}"#,
            "\n",
            r#"{"timestamp":5,"key_base64":"gA==","value_base64":"/v8=","headers":[]}"#,
            "\n",
            r#"{"timestamp":6,"key":"gone","value":null,"headers":[]}"#,
            "\n",
        );
        let write =
            ["write", "--config", &config, "--topic", "t", "--format", "json", "--compression", codec];
        ottla_with_input(write, input.as_bytes()).succeeded();
        let bare = |line: &serde_json::Value| {
            let mut line = line.clone();
            line.as_object_mut()
                .unwrap()
                .retain(|key, _| !["topic", "partition", "offset"].contains(&key.as_str()));
            line.to_string()
        };
        let read = ottla(["read", "--config", &config, "--topic", "t"]);
        let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let expected: BTreeSet<_> = input.lines().map(|line| bare(&parsed(line))).collect();
        assert_eq!(read.json().iter().map(bare).collect::<BTreeSet<_>>(), expected, "{codec}");
        // And by a pipe into another topic, as people do.
        kafka.cluster.create_topic("copy", 1, 1).unwrap();
        let copy = ["write", "--config", &config, "--topic", "copy", "--format", "json"];
        assert_eq!(ottla_with_input(copy, read.stdout.as_bytes()).json()[0]["records"], 3);
    }
}

#[test]
fn a_line_that_is_no_record_is_named_and_not_shown() {
    let (_kafka, config) = start();
    let write = ["write", "--config", &config, "--topic", "t", "--format", "json"];
    let told = ottla_with_input(write, b"{\"value\":\"1\"}\n\n{\"value\":\"alice-secret\",}\n").failed(1);
    assert!(told.contains("line 2 of standard input: it is no JSON"), "{told}");
    assert_eq!(lines(&config, "raw"), BTreeSet::from(["1".to_owned()]));
}

#[test]
fn records_are_made_up_in_any_number_and_size() {
    let (kafka, config) = start();
    let by_file = std::fs::read_to_string(&config).unwrap() + "compression.type=lz4\nlinger.ms=1\n";
    let by_file = kafka.file("writer.properties", by_file);
    let written = ottla(["write", "--config", &by_file, "--topic", "t", "--count", "3000", "--size", "100"]);
    assert_eq!((written.stderr.as_str(), &written.json()[0]["bytes"]), ("", &300_000.into()), "{written:?}");
    let values = lines(&config, "raw");
    assert!(values.len() == 3000 && values.iter().all(|value| value.len() == 100));
    let none: Ran = ottla(["write", "--config", &config, "--topic", "t", "--count", "0", "--size", "1"]);
    assert_eq!(none.json()[0]["records"], 0);
}

#[test]
fn a_topic_that_does_not_exist_is_named_soon() {
    let (_kafka, config) = start();
    let told = run(command().args(["write", "--config", &config, "--topic", "nowhere"]), b"").failed(1);
    assert!(told.contains("topic nowhere"), "{told}");
}

#[expect(clippy::disallowed_methods, reason = "what is measured is time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// Standard input stays open: nobody ends it.
#[test]
fn a_topic_that_is_deleted_meanwhile_ends_it_by_its_timeout() {
    let (kafka, config) = start();
    let arguments = ["write", "--config", &config, "--topic", "t", "--timeout", "3s"];
    let mut child = command().args(arguments).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"one\n").unwrap();
    let is_written = || (0..3).any(|partition| !kafka.cluster.read("t", partition).unwrap().is_empty());
    while !is_written() {
        std::thread::sleep(Duration::from_millis(20));
    }
    kafka.cluster.delete_topic("t").unwrap();
    input.write_all(b"two\n").unwrap();
    let before = now();
    let ran = ended(child);
    // The timeout, and five seconds for what was taken.
    assert!(before.elapsed() < Duration::from_secs(20), "{:?}", before.elapsed());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("1 of 2 records are written"), "{ran:?}");
    assert!(ran.stderr.contains("not delivered in time") && ran.stderr.contains("UNKNOWN_TOPIC"), "{ran:?}");
    drop(input);
}
