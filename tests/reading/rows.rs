//! Failures in a row: which of them belong together, and which are of another kind or long over.

use std::time::Duration;

use ottla::{ErrorKind, ReadOptions};
use ottla_testkit::{Action, ApiKey, BrokerId, Fault};

use super::{Seen, TOPIC, brokers, client, is_quiet, now, range, read, write};

const SECOND: Duration = Duration::from_secs(1);

/// An answer whose bytes make no sense.
fn damaged() -> Action {
    Action::Overwrite { at: 8, bytes: vec![0x7f; 8] }
}

#[tokio::test(start_paused = true)]
async fn one_damaged_answer_after_an_outage_does_not_end_a_reading() {
    for api in [ApiKey::Fetch, ApiKey::Metadata] {
        let brokers = brokers(1);
        write(&brokers, 0, 10);
        let mut reader = client(&brokers).await.read(vec![range(0, 0, 20)], ReadOptions::new());
        let mut seen = Seen::default();
        seen.until(&mut reader, 10).await.unwrap();
        brokers.stop_broker(BrokerId(1)).unwrap();
        assert!(is_quiet(&mut reader, 20 * SECOND).await);
        write(&brokers, 0, 10);
        let fault = brokers.faults().add_numbered(Fault::new(damaged()).on_api(api).times(1));
        brokers.start_broker(BrokerId(1)).unwrap();
        seen.drain(&mut reader).await.unwrap();
        assert_eq!(seen.offsets[&0], (0..20).collect::<Vec<_>>());
        assert_eq!(brokers.faults().hits(fault), 1, "{api:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_is_damaged_three_times_in_a_row_ends_a_reading() {
    let brokers = brokers(1);
    write(&brokers, 0, 10);
    let client = client(&brokers).await;
    let fault = brokers.faults().add_numbered(Fault::new(damaged()).on_api(ApiKey::Fetch));
    let error = read(&client, vec![range(0, 0, 10)], ReadOptions::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    assert_eq!(brokers.faults().hits(fault), 3);
}

#[tokio::test(start_paused = true)]
async fn an_old_outage_does_not_slow_what_is_polled_beside_a_quiet_partition() {
    let brokers = ottla_testkit::Cluster::builder().start_in_memory().unwrap();
    brokers.create_topic(TOPIC, 2, 1).unwrap();
    let ranges = vec![range(0, 0, i64::MAX), range(1, 0, i64::MAX)];
    let mut reader = client(&brokers).await.read(ranges, ReadOptions::new());
    assert!(is_quiet(&mut reader, 5 * SECOND).await);
    brokers.stop_broker(BrokerId(1)).unwrap();
    assert!(is_quiet(&mut reader, 50 * SECOND).await);
    write(&brokers, 0, 1);
    brokers.start_broker(BrokerId(1)).unwrap();
    // Polls bring something before a broker has held them for long.
    let mut seen = Seen::default();
    for records in 1..600 {
        seen.until(&mut reader, records).await.unwrap();
        tokio::time::sleep(SECOND / 5).await;
        write(&brokers, 0, 1);
    }
    brokers.close_connections(BrokerId(1)).unwrap();
    let began = now();
    write(&brokers, 0, 1);
    seen.until(&mut reader, 601).await.unwrap();
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
}
