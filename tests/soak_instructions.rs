//! What a token costs whoever reads, in instructions for each record, and what the plan of a reading costs, in
//! instructions for each partition. Valgrind counts them, in runs of this program itself.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::process::Command;
use std::time::Duration;

use ottla::{Cluster, Config, Credentials, Security};
use ottla_testkit::{Protocol, Record};
use support::embedded::{bootstrap, executor, keeper, pipes, read_all};
use support::within;

/// Says what the run that is counted reads or plans: `token 1000`, `nobody 1000`, `prompt 1000`, `poll 1000`.
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

/// Plans are made many times, each of new ranges.
const TURNS: u64 = 10;

#[test]
fn what_is_counted_plans_every_partition() {
    let run = std::env::var(RUN).unwrap_or_else(|_| "poll 100".to_owned());
    let (how, partitions) = run.split_once(' ').unwrap();
    for _ in 0..TURNS {
        let requests = ottla::internals::plan_turn(partitions.parse().unwrap(), how == "prompt");
        assert!(requests == 1 || how == "prompt" && requests > 1, "{requests}");
    }
}

fn instructions(test: &str, who: &str, records: u64) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--test-threads=1"])
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
    let run = |who, records| instructions("a18_what_is_counted_reads_every_record", who, records);
    let cost = |who| (run(who, MANY) - run(who, FEW)) / (MANY - FEW);
    let (with, without) = (cost("token"), cost("nobody"));
    println!("instructions for each record: {with} with a token, {without} without");
    // One look for a newer token takes a dozen.
    assert!(with <= without + 5, "{with} instead of {without}");
}

/// Ten milliseconds have some twenty million instructions on a slow processor.
const MOST_FOR_A_PARTITION: u64 = 2_000;

#[test]
fn ten_thousand_partitions_are_planned_in_the_instructions_of_ten_milliseconds() {
    for how in ["poll", "prompt"] {
        let run = |partitions| instructions("what_is_counted_plans_every_partition", how, partitions) / TURNS;
        let [few, some, many] = [100, 1_000, 10_000].map(run);
        let (first, last) = ((some - few) / 900, (many - some) / 9_000);
        println!(
            "{how}: {first} instructions for each of a thousand partitions, {last} for each of ten thousand"
        );
        assert!(last <= MOST_FOR_A_PARTITION, "{how}: {last}");
        // A square would make it ten times as many.
        assert!(last <= 2 * first, "{how}: {first}, then {last}");
    }
}
