//! Applications that pause, and runtimes that go away.

use std::time::Duration;

use ottla::{ErrorKind, ReadOptions};
use ottla_testkit::{Action, ApiKey, BrokerId, Fault};

use super::{Seen, brokers, client, range, write};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_pause_of_the_application_is_no_lack_of_the_brokers_progress() {
    // Later ones are under way while what came before waits for the application.
    for answered in 1..6 {
        let brokers = brokers(1);
        (0..200).for_each(|_| write(&brokers, 0, 10));
        let client = client(&brokers).await;
        let options = ReadOptions::new().with_response_bytes(16 << 10).with_byte_budget(64 << 10);
        let mut reader = client.read(vec![range(0, 0, 2000)], options);
        let mut seen = Seen::default();
        brokers.faults().add(Fault::new(Action::Stall).on_api(ApiKey::Fetch).after(answered));
        seen.step(&mut reader).await.unwrap();
        tokio::time::sleep(61 * SECOND).await;
        brokers.faults().clear();
        seen.drain(&mut reader).await.unwrap();
        assert_eq!(seen.offsets[&0], (0..2000).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn brokers_may_be_away_for_as_long_as_the_application_pauses() {
    let brokers = brokers(1);
    write(&brokers, 0, 10);
    let client = client(&brokers).await;
    let mut reader = client.read(vec![range(0, 0, 20)], ReadOptions::new());
    let mut seen = Seen::default();
    seen.until(&mut reader, 10).await.unwrap();
    brokers.stop_broker(BrokerId(1)).unwrap();
    tokio::time::sleep(600 * SECOND).await;
    brokers.start_broker(BrokerId(1)).unwrap();
    write(&brokers, 0, 10);
    seen.drain(&mut reader).await.unwrap();
    assert_eq!(seen.offsets[&0], (0..20).collect::<Vec<_>>());
}

#[test]
fn a_reader_whose_runtime_is_gone_says_so() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let others = runtime();
    let (brokers, client) = others.block_on(async {
        let brokers = brokers(1);
        (0..200).for_each(|_| write(&brokers, 0, 10));
        let client = client(&brokers).await;
        (brokers, client)
    });
    let options = ReadOptions::new().with_response_bytes(16 << 10).with_byte_budget(64 << 10);
    let mut reader = client.read(vec![range(0, 0, 2000)], options);
    let mut seen = Seen::default();
    let first = runtime();
    // The brokers and the client's connections are on the other one.
    let serving = std::thread::spawn(move || others.block_on(async { tokio::time::sleep(3 * SECOND).await }));
    first.block_on(seen.step(&mut reader)).unwrap();
    drop(first);
    let error = runtime().block_on(seen.drain(&mut reader)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Shutdown);
    assert!(seen.values.len() < 2000);
    serving.join().unwrap();
    drop(brokers);
}
