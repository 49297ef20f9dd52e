//! Reading, against Java's consumer: 2,000 random topics on the newest version of Kafka and 200 on each other, record by
//! record. Seeds that are done stand in `target/tmp/differential-VERSION`, so that a run that was ended goes on where it
//! was; when all are done, the next run begins anew.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod differential;
mod support;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use ottla_lab::{Cluster, Profile};
use support::within;
use tokio::task::spawn_blocking;

/// Of each seed.
const PATIENCE: Duration = Duration::from_secs(600);

const FIRST_SEED: u64 = 100;

/// How many seeds, each with as many topics as [`differential::TOPICS`].
fn seeds(version: &str) -> u64 {
    if Some(&version) == ottla_lab::versions().first() { 10 } else { 1 }
}

async fn compare(lab: &Cluster) {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("differential-{}", lab.version()));
    let done = fs::read_to_string(&file).unwrap_or_default();
    let all = FIRST_SEED..FIRST_SEED + seeds(lab.version());
    for seed in all.filter(|seed| !done.lines().any(|line| line == seed.to_string())) {
        let compared = differential::compare(lab, seed, differential::TOPICS);
        let figures = within(PATIENCE, "a seed", compared).await;
        let figures = figures.unwrap_or_else(|text| panic!("Kafka {}: {text}", lab.version()));
        println!("Kafka {}, seed {seed}: {figures:?}", lab.version());
        let mut file = fs::File::options().create(true).append(true).open(&file).unwrap();
        writeln!(file, "{seed}").unwrap();
    }
    fs::remove_file(&file).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn random_ranges_of_random_topics_have_the_records_that_java_reads_on_every_version() {
    for version in ottla_lab::versions() {
        let lab = spawn_blocking(move || ottla_lab::cluster_of_version(Profile::Default, version));
        compare(&lab.await.unwrap().unwrap()).await;
    }
}

/// Their brokers end, and have the machine for themselves.
mod alone {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn readings_of_random_logs_that_are_cut_off_have_the_records_that_java_reads_on_every_version() {
        for (seed, version) in (FIRST_SEED..).zip(ottla_lab::versions()) {
            let own = move || ottla_lab::own_cluster_of_version(Profile::Default, version, 3);
            let own = spawn_blocking(own).await.unwrap().unwrap();
            let figures = within(PATIENCE, "a seed", differential::cut::compare(own, seed)).await;
            let figures = figures.unwrap_or_else(|text| panic!("Kafka {version}, seed {seed}: {text}"));
            println!("Kafka {version}, seed {seed}: {figures:?}");
            assert!(figures.cut >= 40, "{figures:?}");
        }
    }
}
