//! What happens while the binary runs: its token is replaced, somebody presses Ctrl-C.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use ottla_testkit::{Action, ApiKey, BrokerId, Fault, Record};
use support::{Kafka, LIMIT, command, ended, interrupt, ottla};

#[expect(clippy::disallowed_methods, reason = "tests")]
fn wait_until(what: &str, is: impl Fn() -> bool) {
    let patience = Instant::now() + LIMIT;
    while !is() {
        assert!(Instant::now() < patience, "{what} never happens");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_reader_goes_on_with_the_token_that_takes_the_place_of_its_own() {
    let kafka = Kafka::start();
    kafka.topic("t", 1);
    let file = kafka.token("job.token");
    let first = kafka.cluster.tokens().remove(0).id;
    let read = ["read", "--token-file", &file, "--topic", "t", "--format", "raw", "--to", "never"];
    let mut child = command().args(read).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    assert!(next().starts_with("value-") && next().starts_with("value-"));
    let before = kafka.cluster.counters().reauthentications;
    fs::rename(kafka.token("next.token"), &file).unwrap();
    wait_until("a login with the new token on live connections", || {
        kafka.cluster.counters().reauthentications > before
    });
    let config = kafka.config("alice");
    ottla(["token", "expire", "--id", &first, "--config", &config]).succeeded();
    for broker in [1, 2] {
        kafka.cluster.close_connections(BrokerId(broker)).unwrap();
    }
    for partition in 0..2 {
        kafka.cluster.write("t", partition, &[Record::value("later")]).unwrap();
        assert_eq!(next(), "later");
    }
    interrupt(&child);
    let ran = ended(child);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(130), "ottla: interrupted\n"));
}

/// Begins to write so many lines, with more to come.
fn write_lines(kafka: &Kafka, count: usize) -> (Child, impl Write + use<>) {
    kafka.cluster.create_topic("t", 3, 1).unwrap();
    let write = ["write", "--config", &kafka.config("alice"), "--topic", "t"];
    let mut child = command().args(write).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for number in 0..count {
        writeln!(stdin, "line {number}").unwrap();
    }
    (child, stdin)
}

#[test]
fn ctrl_c_during_a_write_says_how_many_records_are_written() {
    let kafka = Kafka::start();
    let (child, _more) = write_lines(&kafka, 500);
    let written = || (0..3).map(|partition| kafka.cluster.offsets("t", partition).unwrap().end).sum::<i64>();
    wait_until("the writing", || written() == 500);
    interrupt(&child);
    let ran = ended(child);
    assert_eq!((ran.code, &ran.json()[0]["records"]), (Some(130), &500.into()), "{ran:?}");
    assert_eq!(ran.stderr, "ottla: 500 of 500 records are written: interrupted\n");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "tests")]
fn ctrl_c_ends_a_write_that_no_broker_answers() {
    let kafka = Kafka::start();
    kafka.cluster.faults().add(Fault::new(Action::Stall).on_api(ApiKey::Produce));
    let (child, _more) = write_lines(&kafka, 500);
    wait_until("the request", || kafka.cluster.counters().requests(ApiKey::Produce) > 0);
    let pressed = Instant::now();
    interrupt(&child);
    let ran = ended(child);
    assert!(pressed.elapsed() < Duration::from_secs(60), "{:?}", pressed.elapsed());
    assert_eq!((ran.code, &ran.json()[0]["records"]), (Some(130), &0.into()), "{ran:?}");
    assert!(ran.stderr.contains("0 of 500 records are written, and more may be: interrupted"), "{ran:?}");
}

#[test]
fn a_reading_without_an_end_tells_of_partitions_that_it_does_not_read() {
    let kafka = Kafka::start();
    kafka.topic("t", 1);
    let config = kafka.config("alice");
    let read = ["read", "--config", &config, "--topic", "t", "--format", "count", "--to", "never"];
    let mut child = command().args(read).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
    wait_until("the reading", || kafka.cluster.counters().requests(ApiKey::Fetch) > 0);
    kafka.cluster.grow_topic("t", 3).unwrap();
    let line = told.next().unwrap().unwrap();
    assert_eq!(line, "ottla: t-2 came after the reading began and is not read: start it again");
    interrupt(&child);
    assert_eq!(ended(child).code, Some(130));
}

#[test]
fn a_range_that_ends_beyond_what_there_is_says_what_it_waits_for() {
    let kafka = Kafka::start();
    kafka.topic("t", 1);
    let config = kafka.config("alice");
    let to =
        ["read", "--config", &config, "--topic", "t", "--partition", "0", "--format", "count", "--to", "9"];
    let mut child = command().args(to).spawn().unwrap();
    let line = BufReader::new(child.stderr.take().unwrap()).lines().next().unwrap().unwrap();
    let expected = "ottla: the range ends beyond the end of the log: waiting for more records";
    assert!(line.starts_with(expected) && line.contains("until 9") && line.contains("end 1"), "{line}");
    interrupt(&child);
    assert_eq!(ended(child).code, Some(130));
}

#[test]
fn a_reading_without_an_end_tells_of_a_loss_when_it_finds_it() {
    let kafka = Kafka::start();
    kafka.topic("t", 100);
    kafka.cluster.delete_records_before("t", 0, 40).unwrap();
    let config = kafka.config("alice");
    let read = ["read", "--config", &config, "--topic", "t", "--partition", "0", "--format", "count"];
    let options = ["--from", "0", "--to", "never", "--skip-lost"];
    let mut child = command().args(read).args(options).spawn().unwrap();
    let line = BufReader::new(child.stderr.take().unwrap()).lines().next().unwrap().unwrap();
    let expected =
        "ottla: records are lost, partition t-0, from 0, until 40, reason the log begins after them";
    assert_eq!(line, expected);
    interrupt(&child);
    assert_eq!(ended(child).code, Some(130));
}
