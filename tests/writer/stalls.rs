//! What a writer says when nothing is written.

use std::time::Duration;

use ottla::{NewRecord, WriteOptions, Writer};
use ottla_testkit::{Action, ApiKey, Fault};
use tracing::Level;

use crate::ends::set_running;
use crate::log::Log;
use crate::{Setup, TOPIC, flush, write_numbers};

const HOUR: Duration = Duration::from_secs(3_600);

/// What was said about a stall at one level, in its order.
fn said(log: &Log, level: Level) -> Vec<String> {
    let about = ["nothing could be written", "records are written again"];
    log.at(level).into_iter().filter(|line| about.iter().any(|words| line.contains(words))).collect()
}

/// Writes full batches, which go at once.
async fn write_batches(writer: &Writer) {
    let topic = writer.topic(TOPIC).await.unwrap();
    for _ in 0..5 {
        topic.send(NewRecord::value(&[b'x'; 900])).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_writer_warns_of_a_true_stall_alone_ever_more_seldom_and_says_when_it_goes_on() {
    let log = Log::install();
    let setup = Setup::new(1).await;
    let writer = setup.client.write(WriteOptions::new().with_batch_bytes(1 << 10));

    // One batch is acknowledged, the next is under way, at every moment.
    setup.brokers.faults().add(Fault::new(Action::Delay(Duration::from_millis(300))).on_api(ApiKey::Produce));
    for number in 0..300 {
        write_numbers(&writer, number..number + 1, 1).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    flush(&writer).await.unwrap();
    // Batches that are full after an hour without any.
    tokio::time::sleep(HOUR).await;
    write_batches(&writer).await;
    flush(&writer).await.unwrap();
    setup.brokers.faults().clear();
    assert!(said(&log, Level::WARN).is_empty(), "{:#?}", said(&log, Level::WARN));

    set_running(&setup, false);
    write_batches(&writer).await;
    tokio::time::sleep(Duration::from_secs(25)).await;
    let warned = said(&log, Level::WARN);
    assert_eq!(warned.len(), 3, "after 5, 10 and 20 s: {warned:#?}");
    assert!(warned[0].contains("seconds=5 ") && warned[2].contains("seconds=20 "), "{warned:#?}");
    assert!(said(&log, Level::INFO).is_empty());
    set_running(&setup, true);
    flush(&writer).await.unwrap();
    let told = said(&log, Level::INFO);
    assert!(told.len() == 1 && told[0].contains("written again"), "{told:#?}");

    // What was given up waits no longer.
    set_running(&setup, false);
    write_batches(&writer).await;
    flush(&writer).await.unwrap_err();
    let before = said(&log, Level::WARN);
    assert_eq!(before.len(), 3 + 5, "after 5, 10, 20, 40 and 80 s: {before:#?}");
    set_running(&setup, true);
    tokio::time::sleep(HOUR).await;
    write_batches(&writer).await;
    flush(&writer).await.unwrap();
    assert_eq!(said(&log, Level::WARN), before);
}
