//! What a token costs whoever reads, in instructions for each record. Valgrind counts them, in
//! runs of this program itself.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::process::Command;
use std::time::Duration;

use ottla::{Cluster, Config, Credentials, Security};
use ottla_testkit::{Protocol, Record};
use support::embedded::{bootstrap, executor, keeper, pipes, read_all};
use support::within;

/// Says what the run that is counted reads: `token 1000`, `nobody 1000`.
const RUN: &str = "OTTLA_INSTRUCTIONS_OF";
const FEW: u64 = 50_000;
const MANY: u64 = 250_000;
const BATCH: u64 = 1_000;

/// Reads so many records, by somebody with a token or without any login.
async fn read(by_token: bool, records: u64) {
    let brokers = support::embedded::builder().brokers(1).listener(Protocol::Plaintext);
    let brokers = brokers.start_in_memory().unwrap();
    brokers.create_topic("t", 1, 1).unwrap();
    let batch: Vec<Record> = (0..BATCH).map(|_| Record::value("0123456789")).collect();
    for _ in 0..records / BATCH {
        brokers.write("t", 0, &batch).unwrap();
    }
    // Both have a keeper, and a token.
    let keeper = keeper(&brokers).start().await.unwrap();
    let client = if by_token {
        executor(&brokers, keeper.source()).await.unwrap()
    } else {
        let config =
            Config::new(bootstrap(&brokers, Protocol::Plaintext), Security::Plaintext, Credentials::None);
        Cluster::connect(config.with_connector(pipes(&brokers))).await.unwrap()
    };
    assert_eq!(read_all(&client, "t").await.unwrap().len() as u64, records);
}

/// Each record is compared as well, which costs the same for everybody.
#[tokio::test]
async fn a18_what_is_counted_reads_every_record() {
    let run = std::env::var(RUN).unwrap_or_else(|_| format!("token {BATCH}"));
    let (who, records) = run.split_once(' ').unwrap();
    within(Duration::from_secs(3600), "the run", read(who == "token", records.parse().unwrap())).await;
}

fn instructions(who: &str, records: u64) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "a18_what_is_counted_reads_every_record", "--test-threads=1"])
        .env(RUN, format!("{who} {records}"))
        .output()
        .unwrap_or_else(|error| panic!("valgrind (apt-get install valgrind): {error}"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stdout));
    let line =
        text.lines().find_map(|line| line.split_once("Collected :")).unwrap_or_else(|| panic!("{text}"));
    line.1.trim().parse().unwrap()
}

#[test]
fn a18_a_record_costs_as_many_instructions_with_a_token_as_without() {
    let cost = |who| (instructions(who, MANY) - instructions(who, FEW)) / (MANY - FEW);
    let (with, without) = (cost("token"), cost("nobody"));
    println!("instructions for each record: {with} with a token, {without} without");
    // One look for a newer token takes a dozen.
    assert!(with <= without + 5, "{with} instead of {without}");
}
