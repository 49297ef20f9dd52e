//! Answers that leave open whether a batch was written: late, lost, or an error after the append.

use std::collections::BTreeMap;
use std::time::Duration;

use ottla::{ErrorKind, NewRecord, WriteOptions, Writer};
use ottla_testkit::{Action, ApiKey, BrokerId, Fate, Fault};

use crate::support::within;
use crate::{LIMIT, Setup, TOPIC, flush, write_numbers};

const PARTITIONS: i32 = 3;

fn produce(action: Action) -> Fault {
    Fault::new(action).on_api(ApiKey::Produce)
}

fn options() -> WriteOptions {
    WriteOptions::new().with_batch_bytes(2_000)
}

/// How often each value was ever appended to the first partition and not truncated since.
fn appended(setup: &Setup) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for batch in setup.brokers.appended(TOPIC, 0) {
        for record in batch.records().unwrap() {
            if batch.fate(record.offset) == Fate::Kept {
                let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
                *counts.entry(value).or_default() += 1;
            }
        }
    }
    counts
}

/// Has the client look at the cluster anew.
async fn look_again(setup: &Setup, writer: &Writer, topic: &str) {
    setup.brokers.create_topic(topic, 1, 1).unwrap();
    writer.topic(topic).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_late_6_after_a_new_leader_took_ten_batches_doubles_nothing_and_receipts_are_true() {
    let setup = Setup::new(1).await;
    let writer = setup.client.write(WriteOptions::new());
    write_numbers(&writer, 0..1, 1).await;
    flush(&writer).await.unwrap();
    setup.brokers.move_leader(TOPIC, 0, BrokerId(1)).unwrap();
    look_again(&setup, &writer, "u").await;
    setup.brokers.faults().add(produce(Action::HoldProduce(Duration::from_secs(20))).times(1));
    let topic = writer.topic(TOPIC).await.unwrap();
    let mut receipts = vec![topic.send_with_receipt(NewRecord::value("1")).await.unwrap()];
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(setup.brokers.read(TOPIC, 0).unwrap().len(), 2, "it is written, and not acknowledged");
    setup.brokers.move_leader(TOPIC, 0, BrokerId(2)).unwrap();
    look_again(&setup, &writer, "v").await;
    for number in 2..12 {
        let value = number.to_string();
        receipts.push(topic.send_with_receipt(NewRecord::value(&value)).await.unwrap());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(setup.brokers.read(TOPIC, 0).unwrap().len(), 12, "the new leader has taken them");
    tokio::time::sleep(Duration::from_secs(30)).await;
    within(LIMIT, "the flush", writer.flush()).await.unwrap();
    setup.assert_each_once(1, 12);
    for (number, receipt) in (1..).zip(receipts) {
        let place = within(LIMIT, "a receipt", receipt).await.unwrap();
        assert_eq!(place.offset, Some(number));
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_after_the_append_doubles_nothing() {
    for code in [3, 6, 7, 20, 56] {
        for times in [1, 40] {
            let setup = Setup::new(PARTITIONS).await;
            let writer = setup.client.write(options());
            write_numbers(&writer, 0..300, PARTITIONS).await;
            setup.brokers.faults().add(produce(Action::RefuseAfter(code)).chance(0.3).times(times));
            for round in 1..8_usize {
                write_numbers(&writer, round * 300..(round + 1) * 300, PARTITIONS).await;
                let to = BrokerId(1 + i32::try_from(round % 3).unwrap());
                setup.brokers.move_leader(TOPIC, 0, to).unwrap();
            }
            flush(&writer).await.unwrap();
            setup.assert_each_once(PARTITIONS, 2_400);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_after_the_append_until_its_time_is_over_may_be_written_and_says_so() {
    for code in [3, 6, 56] {
        let setup = Setup::new(1).await;
        let writer = setup.client.write(options().with_delivery_timeout(Duration::from_secs(10)));
        write_numbers(&writer, 0..1, 1).await;
        flush(&writer).await.unwrap();
        setup.brokers.faults().add(produce(Action::RefuseAfter(code)));
        let topic = writer.topic(TOPIC).await.unwrap();
        let receipt = topic.send_with_receipt(NewRecord::value("1")).await.unwrap();
        let error = within(LIMIT, "the failure", writer.flush()).await.unwrap_err();
        assert_eq!((error.kind(), error.possibly_written()), (ErrorKind::Timeout, true), "{code}: {error}");
        assert!(within(LIMIT, "the receipt", receipt).await.unwrap_err().possibly_written(), "{code}");
        setup.brokers.faults().clear();
        write_numbers(&writer, 2..100, 1).await;
        flush(&writer).await.unwrap();
        setup.assert_each_once(1, 100);
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_a_network_swallows_lose_and_double_nothing() {
    for seed in 0..5 {
        let setup = Setup::of(crate::builder().seed(seed), PARTITIONS).await;
        let writer = setup.client.write(options());
        write_numbers(&writer, 0..300, PARTITIONS).await;
        setup.brokers.faults().add(produce(Action::StallAfter).chance(0.2).times(4));
        for round in 1..6_usize {
            write_numbers(&writer, round * 300..(round + 1) * 300, PARTITIONS).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
            let to = BrokerId(1 + i32::try_from(round % 3).unwrap());
            setup.brokers.move_leader(TOPIC, 1, to).unwrap();
        }
        flush(&writer).await.unwrap();
        setup.assert_each_once(PARTITIONS, 1_800);
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_lost_what_was_acknowledged_is_written_to_again_and_nothing_hangs() {
    for (lost, action) in [(50, None), (50, Some(Action::StallAfter)), (0, Some(Action::CloseAfter))] {
        let setup = Setup::new(1).await;
        setup.brokers.move_leader(TOPIC, 0, BrokerId(1)).unwrap();
        let writer = setup.client.write(options().with_linger(Duration::ZERO));
        let topic = writer.topic(TOPIC).await.unwrap();
        for number in 0..100 {
            topic.send(NewRecord::value(&number.to_string())).await.unwrap();
            flush(&writer).await.unwrap();
        }
        setup.brokers.faults().clear();
        if let Some(action) = &action {
            setup.brokers.faults().add(produce(action.clone()).times(1));
        }
        let mut receipts = Vec::new();
        for number in 100..105 {
            receipts.push((
                number,
                topic.send_with_receipt(NewRecord::value(&number.to_string())).await.unwrap(),
            ));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        setup.brokers.unclean_leader(TOPIC, 0, BrokerId(2), lost).unwrap();
        for number in 105..300 {
            receipts.push((
                number,
                topic.send_with_receipt(NewRecord::value(&number.to_string())).await.unwrap(),
            ));
        }
        let _ = within(LIMIT, "a flush", writer.flush()).await;
        let counts = appended(&setup);
        assert!(counts.values().all(|count| *count == 1), "{action:?}: {counts:?}");
        for (number, receipt) in receipts {
            let known = counts.contains_key(&number.to_string());
            match within(LIMIT, "a receipt", receipt).await {
                // What was acknowledged before the election may be lost by it.
                Ok(_) => assert!(known || number < 105, "{action:?}: {number}"),
                Err(error) => assert!(error.possibly_written(), "{action:?}: {number}: {error}"),
            }
        }
        assert!(counts.contains_key("299"), "{action:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_brings_nothing_is_asked_at_most_forty_times_a_minute() {
    let actions = [
        Action::Refuse(6),
        Action::Refuse(3),
        Action::RefuseAfter(7),
        Action::Refuse(19),
        Action::Refuse(45),
    ];
    for action in actions {
        let setup = Setup::new(1).await;
        let writer = setup.client.write(WriteOptions::new());
        write_numbers(&writer, 0..1, 1).await;
        flush(&writer).await.unwrap();
        setup.brokers.faults().add(produce(action.clone()));
        setup.brokers.clear_asked();
        write_numbers(&writer, 1..2, 1).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        let asked = setup.brokers.asked();
        let asked: Vec<_> = asked.iter().filter(|one| one.topic.as_deref() == Some(TOPIC)).collect();
        assert!((5..=40).contains(&asked.len()), "{action:?}: {}", asked.len());
        setup.brokers.faults().clear();
        flush(&writer).await.unwrap();
        setup.assert_each_once(1, 2);
    }
}
