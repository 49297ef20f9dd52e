//! Batches that brokers refuse because of some of their records, and who is told of which.

use std::time::Duration;

use ottla::{ErrorKind, NewRecord, WriteOptions};
use ottla_testkit::{Action, ApiKey, Fault};

use crate::support::within;
use crate::{LIMIT, Setup, TOPIC, flush, write_numbers};

#[tokio::test(start_paused = true)]
async fn records_that_a_broker_refuses_are_named_and_the_others_say_why_they_are_not_written() {
    let setup = Setup::new(1).await;
    setup.brokers.set_compacted(TOPIC, true).unwrap();
    let writer = setup.client.write(WriteOptions::new());
    let topic = writer.topic(TOPIC).await.unwrap();
    let mut receipts = Vec::new();
    for key in [Some("a"), None, Some("c")] {
        let record = NewRecord::value("v");
        let record = key.map_or(record, |key| record.with_key(key));
        receipts.push(topic.send_with_receipt(record).await.unwrap());
    }
    let error = flush(&writer).await.unwrap_err();
    let mut told = Vec::new();
    for receipt in receipts {
        let error = within(LIMIT, "a receipt", receipt).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Broker(code) if code.code() == 87), "{error}");
        assert!(!error.possibly_written() && error.topic_partition().is_some(), "{error}");
        told.push(error.to_string());
    }
    let reason = "Compacted topic cannot accept message without key";
    assert!(told.iter().chain([&error.to_string()]).all(|text| text.contains(reason)), "{told:?}");
    assert!(told[1].contains("refused this record"), "{told:?}");
    assert!(
        [&told[0], &told[2]].iter().all(|text| text.contains("other records of the same batch")),
        "{told:?}"
    );
    assert!(!error.possibly_written() && setup.brokers.read(TOPIC, 0).unwrap().is_empty());
    // What comes later is not held up.
    topic.send(NewRecord::value("v").with_key("d")).await.unwrap();
    flush(&writer).await.unwrap();
    assert_eq!(setup.brokers.read(TOPIC, 0).unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn each_task_hears_of_its_own_records_only() {
    let setup = Setup::new(2).await;
    let first = setup.client.write(WriteOptions::new());
    write_numbers(&first, 0..2, 2).await;
    flush(&first).await.unwrap();
    let code = 29;
    let refused = Action::RefusePartition { topic: TOPIC.to_owned(), partition: 1, code };
    setup.brokers.faults().add(Fault::new(refused).on_api(ApiKey::Produce));
    let (lucky, unlucky, gone) = (first.clone(), first.clone(), first.clone());
    for (writer, partition) in [(&lucky, 0), (&unlucky, 1), (&gone, 1)] {
        let record = NewRecord::value("v").with_partition(partition);
        writer.send(TOPIC, record).await.unwrap();
    }
    drop(gone);
    flush(&lucky).await.unwrap();
    let is_29 = |error: ottla::Error| matches!(error.kind(), ErrorKind::Broker(it) if it.code() == code);
    assert!(is_29(flush(&unlucky).await.unwrap_err()));
    flush(&unlucky).await.unwrap();
    // Nobody else can tell what became of a clone's records.
    assert!(is_29(flush(&first).await.unwrap_err()));
    flush(&first).await.unwrap();
    within(Duration::from_secs(1), "the end", lucky.close()).await.unwrap();
}
