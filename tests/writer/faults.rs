//! Faults of brokers and connections while records are written: none is lost, none comes twice.

use std::time::Duration;

use ottla::{ErrorKind, NewRecord, WriteOptions};
use ottla_testkit::{Action, ApiKey, BrokerId, Fault};

use crate::support::within;
use crate::{LIMIT, Setup, TOPIC, flush, write_numbers};

const PARTITIONS: i32 = 5;

fn options() -> WriteOptions {
    WriteOptions::new().with_batch_bytes(2_000)
}

/// Writes while each of these faults strikes, and looks for every record.
async fn survive(faults: impl IntoIterator<Item = Fault>) {
    let setup = Setup::new(PARTITIONS).await;
    let writer = setup.client.write(options());
    write_numbers(&writer, 0..1_000, PARTITIONS).await;
    faults.into_iter().for_each(|fault| setup.brokers.faults().add(fault));
    write_numbers(&writer, 1_000..6_000, PARTITIONS).await;
    flush(&writer).await.unwrap();
    setup.assert_each_once(PARTITIONS, 6_000);
}

fn produce(action: Action) -> Fault {
    Fault::new(action).on_api(ApiKey::Produce)
}

#[tokio::test(start_paused = true)]
async fn connections_that_close_before_or_after_a_batch_was_taken() {
    for action in [Action::CloseBefore, Action::CloseAfter, Action::Truncate(9)] {
        survive([produce(action.clone()).times(1)]).await;
        survive([produce(action).chance(0.2).times(40)]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_stall_or_answers_that_are_late() {
    survive([produce(Action::Stall).times(2)]).await;
    survive([produce(Action::Delay(Duration::from_secs(20))).times(5)]).await;
    survive([produce(Action::Throttle(Duration::from_secs(3))).times(5)]).await;
}

#[tokio::test(start_paused = true)]
async fn every_code_that_may_pass() {
    for code in [2, 3, 5, 6, 7, 8, 13, 19, 20, 45, 46, 47, 49, 56, 59, 74, 75] {
        if code == 46 {
            continue;
        }
        survive([produce(Action::Refuse(code)).times(1)]).await;
        survive([produce(Action::Refuse(code)).chance(0.3).times(15)]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_partition_that_is_refused_holds_up_only_itself() {
    let setup = Setup::new(PARTITIONS).await;
    let writer = setup.client.write(options());
    let refused = Action::RefusePartition { topic: TOPIC.to_owned(), partition: 2, code: 19 };
    setup.brokers.faults().add(produce(refused));
    write_numbers(&writer, 0..1_000, PARTITIONS).await;
    let flushing = tokio::time::timeout(Duration::from_secs(20), writer.flush()).await;
    assert!(flushing.is_err());
    for (partition, values) in setup.values(PARTITIONS) {
        assert_eq!(values.len(), if partition == 2 { 0 } else { 200 });
    }
    setup.brokers.faults().clear();
    flush(&writer).await.unwrap();
    setup.assert_each_once(PARTITIONS, 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_producer_id_is_asked_for_again_while_the_coordinator_loads() {
    let setup = Setup::new(1).await;
    for code in [14, 15, 16] {
        setup.brokers.faults().add(Fault::new(Action::Refuse(code)).on_api(ApiKey::InitProducerId).times(2));
    }
    let writer = setup.client.write(options());
    write_numbers(&writer, 0..100, 1).await;
    flush(&writer).await.unwrap();
    setup.assert_each_once(1, 100);
    assert_eq!(setup.client.statistics().requests_of("InitProducerId"), 7);
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_may_get_no_producer_id_ends() {
    let setup = Setup::new(1).await;
    setup.brokers.faults().add(Fault::new(Action::Refuse(31)).on_api(ApiKey::InitProducerId));
    let writer = setup.client.write(options());
    write_numbers(&writer, 0..1, 1).await;
    let error = flush(&writer).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Broker(code) if code.code() == 31), "{error}");
    let again = writer.send(TOPIC, NewRecord::value("v")).await.unwrap_err();
    assert_eq!(again.kind(), error.kind());
}

#[tokio::test(start_paused = true)]
async fn leaders_that_move_all_the_time() {
    let setup = Setup::new(PARTITIONS).await;
    let writer = setup.client.write(options());
    for round in 0..30_usize {
        write_numbers(&writer, round * 500..(round + 1) * 500, PARTITIONS).await;
        for partition in 0..PARTITIONS {
            let to = BrokerId(1 + i32::try_from(round % 3).unwrap());
            setup.brokers.move_leader(TOPIC, partition, to).unwrap();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    flush(&writer).await.unwrap();
    setup.assert_each_once(PARTITIONS, 15_000);
}

#[tokio::test(start_paused = true)]
async fn brokers_that_stop_and_come_back() {
    let setup = Setup::new(PARTITIONS).await;
    let writer = setup.client.write(options());
    for round in 0..12_usize {
        let broker = BrokerId(1 + i32::try_from(round % 3).unwrap());
        write_numbers(&writer, round * 500..(round + 1) * 500, PARTITIONS).await;
        setup.brokers.stop_broker(broker).unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        setup.brokers.start_broker(broker).unwrap();
    }
    flush(&writer).await.unwrap();
    setup.assert_each_once(PARTITIONS, 6_000);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_refused_for_good_fails_alone() {
    let setup = Setup::new(1).await;
    let writer = setup.client.write(options());
    write_numbers(&writer, 0..100, 1).await;
    flush(&writer).await.unwrap();
    let topic = writer.topic(TOPIC).await.unwrap();
    let large = vec![b'x'; 2 << 20];
    let mut receipts = Vec::new();
    for number in 100..200_usize {
        if number % 10 == 0 {
            receipts.push(topic.send_with_receipt(NewRecord::value(&large)).await.unwrap());
        }
        topic.send(NewRecord::value(&number.to_string())).await.unwrap();
    }
    let error = flush(&writer).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Broker(code) if code.code() == 10), "{error}");
    assert!(!error.possibly_written() && error.topic_partition().is_some());
    for receipt in receipts {
        let error = within(LIMIT, "a receipt", receipt).await.unwrap_err();
        assert!(!error.possibly_written(), "{error}");
    }
    setup.assert_each_once(1, 200);
    flush(&writer).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_delivered_fails_in_time_and_says_whether_it_may_be_there() {
    for (action, possibly) in [(Action::Refuse(19), false), (Action::CloseAfter, true)] {
        let setup = Setup::new(1).await;
        let writer = setup.client.write(options().with_delivery_timeout(Duration::from_secs(10)));
        write_numbers(&writer, 0..1, 1).await;
        flush(&writer).await.unwrap();
        setup.brokers.faults().add(produce(action.clone()));
        write_numbers(&writer, 1..500, 1).await;
        let error = within(Duration::from_secs(60), "the failure", writer.flush()).await.unwrap_err();
        assert_eq!((error.kind(), error.possibly_written()), (ErrorKind::Timeout, possibly), "{action:?}");
        setup.brokers.faults().clear();
        // What comes later begins a new epoch, and is not held up.
        write_numbers(&writer, 500..600, 1).await;
        flush(&writer).await.unwrap();
        let values = &setup.values(1)[&0];
        assert_eq!(values[values.len() - 100..].first().map(String::as_str), Some("500"), "{action:?}");
        let mut distinct = values.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), values.len(), "{action:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_answer_is_asked_for_again_until_the_time_is_over() {
    let setup = Setup::new(1).await;
    let writer = setup.client.write(options().with_delivery_timeout(Duration::from_secs(10)));
    write_numbers(&writer, 0..1, 1).await;
    flush(&writer).await.unwrap();
    // Where the number of the partition stands in an answer of version 13: length, correlation id, tags, count of
    // topics, id, count of partitions.
    let other = Action::Overwrite { at: 4 + 4 + 1 + 1 + 16 + 1, bytes: vec![0, 0, 0, 9] };
    setup.brokers.faults().add(produce(other.clone()).times(1));
    write_numbers(&writer, 1..2, 1).await;
    flush(&writer).await.unwrap();
    setup.brokers.faults().add(produce(other));
    write_numbers(&writer, 2..3, 1).await;
    let error = flush(&writer).await.unwrap_err();
    assert_eq!((error.kind(), error.possibly_written()), (ErrorKind::Timeout, true), "{error}");
    assert!(error.to_string().contains("a partition that was not written to, partition t-9"), "{error}");
    setup.brokers.faults().clear();
    write_numbers(&writer, 3..4, 1).await;
    flush(&writer).await.unwrap();
    setup.assert_each_once(1, 4);
}
