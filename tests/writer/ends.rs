//! Ends of all kinds: of a writer, of its runtime, of a callback, of the patience. Whoever waits hears of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ottla::{ErrorKind, NewRecord, Receipt, WriteOptions, Writer};
use ottla_testkit::{Action, ApiKey, BrokerId, Fault};

use crate::support::within;
use crate::{LIMIT, Setup, TOPIC, flush, now, write_numbers};

fn produce(action: Action) -> Fault {
    Fault::new(action).on_api(ApiKey::Produce)
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_is_dropped_with_a_batch_under_way_says_that_it_may_be_written() {
    let setup = Setup::new(1).await;
    setup.brokers.faults().add(produce(Action::Delay(Duration::from_secs(5))));
    let writer = setup.client.write(WriteOptions::new());
    let receipt = writer.topic(TOPIC).await.unwrap().send_with_receipt(NewRecord::value("v")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(writer);
    let error = within(LIMIT, "the receipt", receipt).await.unwrap_err();
    assert_eq!((error.kind(), error.possibly_written()), (ErrorKind::Shutdown, true), "{error}");
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(setup.brokers.read(TOPIC, 0).unwrap().len(), 1, "it is in the log");
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_panics_holds_up_nobody() {
    let setup = Setup::new(3).await;
    let told = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&told);
    let options = WriteOptions::new().with_batch_bytes(1_000).with_batch_listener(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        panic!("this listener panics");
    });
    let writer = setup.client.write(options);
    let topic = writer.topic(TOPIC).await.unwrap();
    let receipt = topic.send_with_receipt(NewRecord::value("0").with_partition(0)).await.unwrap();
    write_numbers(&writer, 1..500, 3).await;
    flush(&writer).await.unwrap();
    within(LIMIT, "the receipt", receipt).await.unwrap();
    within(LIMIT, "the end", writer.close()).await.unwrap();
    setup.assert_each_once(3, 500);
    assert!(told.load(Ordering::Relaxed) > 3);
}

/// A runtime with a clock of its own.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn a_runtime_that_is_dropped_ends_its_writer_with_an_error_for_who_waits() {
    let (first, second) = (runtime(), runtime());
    let setup = second.block_on(Setup::new(1));
    setup.brokers.faults().add(produce(Action::Stall));
    let options = WriteOptions::new().with_memory(64 << 10).with_batch_bytes(64 << 10);
    let writer = setup.client.write(options.with_delivery_timeout(Duration::from_secs(2)));
    let topic = first.block_on(writer.topic(TOPIC)).unwrap();
    let large = vec![b'x'; 40 << 10];
    let receipt = second.block_on(topic.send_with_receipt(NewRecord::value(&large))).unwrap();
    let waiting = {
        let (topic, writer) = (topic.clone(), writer.clone());
        second.spawn(async move { (topic.send(NewRecord::value(&large)).await, writer.flush().await) })
    };
    std::thread::sleep(Duration::from_millis(200));
    first.shutdown_background();
    second.block_on(async {
        let limit = Duration::from_secs(10);
        let (sent, flushed) = within(limit, "who waits", waiting).await.unwrap();
        let told = [
            sent.unwrap_err(),
            flushed.unwrap_err(),
            within(limit, "the receipt", receipt).await.unwrap_err(),
            within(limit, "a send", topic.send(NewRecord::value("v"))).await.unwrap_err(),
            within(limit, "a flush", writer.flush()).await.unwrap_err(),
            within(limit, "the end", writer.close()).await.unwrap_err(),
            within(limit, "another topic", writer.topic("other")).await.unwrap_err(),
        ];
        for error in told {
            assert_eq!(error.kind(), ErrorKind::Shutdown, "{error}");
        }
    });
}

const DELIVERY: Duration = Duration::from_secs(10);

/// How often late batches are looked for, and what a clock rounds.
const TICK: Duration = Duration::from_millis(510);

/// Stops all brokers, or starts them.
pub(crate) fn set_running(setup: &Setup, runs: bool) {
    for broker in (1..=3).map(BrokerId) {
        match runs {
            true => setup.brokers.start_broker(broker).unwrap(),
            false => setup.brokers.stop_broker(broker).unwrap(),
        }
    }
}

/// A writer that took 500 batches of one partition, while all brokers are away, and the receipt of the first.
async fn writer_with_much_to_do(setup: &Setup) -> (Writer, Receipt) {
    let options = WriteOptions::new().with_batch_bytes(1 << 10).with_delivery_timeout(DELIVERY);
    let writer = setup.client.write(options);
    write_numbers(&writer, 0..1, 1).await;
    flush(&writer).await.unwrap();
    set_running(setup, false);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let topic = writer.topic(TOPIC).await.unwrap();
    let record = NewRecord::value(&[b'x'; 900]);
    let first = topic.send_with_receipt(record).await.unwrap();
    for _ in 1..500 {
        topic.send(record).await.unwrap();
    }
    (writer, first)
}

#[tokio::test(start_paused = true)]
async fn a_close_takes_no_longer_than_the_delivery_timeout_however_many_batches_there_are() {
    let setup = Setup::new(1).await;
    let (writer, _) = writer_with_much_to_do(&setup).await;
    let before = now();
    let error = within(LIMIT, "the end", writer.close()).await.unwrap_err();
    assert_eq!((error.kind(), error.possibly_written()), (ErrorKind::Timeout, false), "{error}");
    let took = before.elapsed();
    assert!(took >= DELIVERY && took <= DELIVERY + TICK, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_answered_at_the_delivery_timeout_is_not_waited_for() {
    let setup = Setup::new(1).await;
    let (writer, first) = writer_with_much_to_do(&setup).await;
    let before = now();
    setup.brokers.faults().add(produce(Action::StallAfter).times(1));
    tokio::time::sleep(Duration::from_secs(8)).await;
    set_running(&setup, true);
    let error = within(LIMIT, "the receipt", first).await.unwrap_err();
    assert_eq!((error.kind(), error.possibly_written()), (ErrorKind::Timeout, true), "{error}");
    assert!(before.elapsed() <= DELIVERY + TICK, "{:?}", before.elapsed());
    within(LIMIT, "the end", writer.close()).await.unwrap_err();
    assert!(before.elapsed() <= DELIVERY + TICK, "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_was_told_to_be_late_is_told_once_and_doubles_nothing() {
    let setup = Setup::new(1).await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);
    let options = WriteOptions::new().with_delivery_timeout(Duration::from_secs(2));
    let writer = setup.client.write(options.with_batch_listener(move |batch| {
        listener.lock().unwrap().push((batch.records, batch.base_offset.is_ok()));
    }));
    write_numbers(&writer, 0..1, 1).await;
    flush(&writer).await.unwrap();
    // Answered when nobody waits any more, and not before.
    setup.brokers.faults().add(produce(Action::Delay(Duration::from_secs(10))).times(1));
    write_numbers(&writer, 1..2, 1).await;
    let error = flush(&writer).await.unwrap_err();
    assert_eq!((error.kind(), error.possibly_written()), (ErrorKind::Timeout, true), "{error}");
    tokio::time::sleep(Duration::from_secs(20)).await;
    write_numbers(&writer, 2..3, 1).await;
    flush(&writer).await.unwrap();
    setup.assert_each_once(1, 3);
    assert_eq!(*told.lock().unwrap(), [(1, true), (1, false), (1, true)]);
}

#[tokio::test(start_paused = true)]
async fn what_lingers_is_tried_before_its_time_is_over() {
    let setup = Setup::new(1).await;
    let options = WriteOptions::new().with_linger(Duration::from_secs(60));
    let writer = setup.client.write(options.with_delivery_timeout(Duration::from_secs(10)));
    let topic = writer.topic(TOPIC).await.unwrap();
    let receipt = topic.send_with_receipt(NewRecord::value("v")).await.unwrap();
    let place = within(Duration::from_secs(6), "the receipt", receipt).await.unwrap();
    assert_eq!(place.offset, Some(0));
}
