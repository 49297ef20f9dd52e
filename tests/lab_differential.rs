//! Reading, against Java's consumer: 200 random topics, record by record; and logs that are cut off under readings.
// Once: the soak compares on every version.
// By itself: Java and this client read as fast as they can, each within a limit.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod differential;
mod support;

use std::time::Duration;

use ottla_lab::Profile;
use support::within;

/// The comparison of all topics takes a minute, beside other tests two.
const COMPARED_WITHIN: Duration = Duration::from_secs(180);

/// With the start of a cluster.
const PATIENCE: Duration = Duration::from_secs(400);

const SEED: u64 = 1;

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "a fact about time needs a clock")]
async fn random_ranges_of_random_topics_have_the_records_that_java_reads() {
    within(PATIENCE, "the test", async {
        let lab = tokio::task::spawn_blocking(|| support::lab::cluster(Profile::Default)).await.unwrap();
        let began = std::time::Instant::now();
        let figures = differential::compare(&lab, SEED, differential::TOPICS).await;
        let took = began.elapsed();
        let figures = figures.unwrap_or_else(|text| panic!("{text}"));
        println!("Kafka {}: {figures:?} in {took:?}", lab.version());
        assert!(took <= COMPARED_WITHIN, "{took:?}");
        let kinds = [figures.with_holes, figures.with_aborted, figures.with_deleted, figures.with_open];
        assert!(kinds.into_iter().all(|partitions| partitions >= 20), "{figures:?}");
        // Else there was little that had to be the same.
        assert!(figures.changed < figures.ranges / 2, "{figures:?}");
    })
    .await;
}

/// Its brokers end, and have the machine for themselves.
mod alone {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn readings_of_random_logs_that_are_cut_off_have_the_records_that_java_reads() {
        within(PATIENCE, "the test", async {
            let own = || ottla_lab::own_cluster(Profile::Default, 3);
            let own = tokio::task::spawn_blocking(own).await.unwrap().unwrap();
            let figures = differential::cut::compare(own, SEED).await;
            let figures = figures.unwrap_or_else(|text| panic!("{text}"));
            println!("{figures:?}");
            // Else little was cut off.
            assert!(figures.cut >= 40 && figures.cut > figures.partitions / 2, "{figures:?}");
        })
        .await;
    }
}
