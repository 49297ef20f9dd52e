//! What changes while records are written: the token, the topic, the leaders, and the end.

use std::collections::BTreeSet;
use std::time::Duration;

use ottla::{Cluster, ErrorKind, NewRecord, NewToken, TokenSource, WriteOptions, Writer};
use ottla_testkit::BrokerId;

use crate::support::embedded::{self, config, executor, user};
use crate::support::within;
use crate::{LIMIT, Setup, TOPIC, flush, write_numbers};

const PARTITIONS: i32 = 4;

#[tokio::test(start_paused = true)]
async fn tokens_are_replaced_again_and_again_under_a_writer() {
    let brokers = embedded::builder().max_reauth(Duration::from_secs(5)).start_in_memory().unwrap();
    brokers.create_topic(TOPIC, PARTITIONS, 3).unwrap();
    let alice = Cluster::connect(config(&brokers, user("alice"))).await.unwrap();
    let mut token = alice.create_delegation_token(NewToken::new()).await.unwrap();
    let (tokens, source) = TokenSource::watched(token.clone());
    let client = executor(&brokers, source).await.unwrap();
    let writer = client.write(WriteOptions::new().with_batch_bytes(2_000));
    for round in 0..12_usize {
        for step in 0..10 {
            let from = round * 1_000 + step * 100;
            write_numbers(&writer, from..from + 100, PARTITIONS).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        let next = alice.create_delegation_token(NewToken::new()).await.unwrap();
        assert!(tokens.replace(next.clone()));
        write_numbers(&writer, round * 1_000 + 1_000..round * 1_000 + 1_000, PARTITIONS).await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        alice.expire_delegation_token(&token, None).await.unwrap();
        token = next;
    }
    flush(&writer).await.unwrap();
    let setup = Setup { brokers, client };
    setup.assert_each_once(PARTITIONS, 12_000);
    let counters = setup.brokers.counters();
    assert_eq!(counters.failed_logins, 0);
    assert!(setup.client.statistics().reauthentications >= 12, "{counters:?}");
}

/// Writes keys, and gives the partitions they came to.
async fn places(writer: &Writer) -> Vec<i32> {
    let topic = writer.topic(TOPIC).await.unwrap();
    let mut places = Vec::new();
    for number in 0..200 {
        let key = format!("key {number}");
        let receipt = topic.send_with_receipt(NewRecord::value("v").with_key(&key)).await.unwrap();
        places.push(within(LIMIT, "a receipt", receipt).await.unwrap().topic_partition.partition);
    }
    places
}

#[tokio::test(start_paused = true)]
async fn partitions_that_are_added_are_written_to_and_keys_stay_together() {
    let setup = Setup::new(3).await;
    let writer = setup.client.write(WriteOptions::new());
    let before = places(&writer).await;
    assert_eq!(before.iter().collect::<BTreeSet<_>>().len(), 3);
    setup.brokers.grow_topic(TOPIC, 7).unwrap();
    assert_eq!(places(&writer).await, before, "nobody has told the writer");
    let fifth = NewRecord::value("v").with_partition(5);
    assert_eq!(writer.send(TOPIC, fifth).await.unwrap_err().kind(), ErrorKind::Misuse);
    // The default of metadata.max.age.ms.
    tokio::time::sleep(Duration::from_secs(301)).await;
    write_numbers(&writer, 0..1, 1).await;
    flush(&writer).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after = places(&writer).await;
    assert_eq!(after.iter().collect::<BTreeSet<_>>().len(), 7);
    assert_eq!(places(&writer).await, after);
    writer.send(TOPIC, fifth).await.unwrap();
    flush(&writer).await.unwrap();
    // A writer that comes now puts them where this one does.
    assert_eq!(places(&setup.client.write(WriteOptions::new())).await, after);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_an_answer_names_is_taken_without_asking() {
    let setup = Setup::new(1).await;
    let writer = setup.client.write(WriteOptions::new());
    write_numbers(&writer, 0..100, 1).await;
    flush(&writer).await.unwrap();
    let before = setup.client.statistics().requests_of("Metadata");
    for round in 1..=6 {
        setup.brokers.move_leader(TOPIC, 0, BrokerId(1 + round % 3)).unwrap();
        let from = usize::try_from(round).unwrap() * 100;
        write_numbers(&writer, from..from + 100, 1).await;
        flush(&writer).await.unwrap();
    }
    setup.assert_each_once(1, 700);
    assert_eq!(setup.client.statistics().requests_of("Metadata"), before);
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_is_closed_has_written_what_it_took_and_takes_no_more() {
    let setup = Setup::new(PARTITIONS).await;
    let options = WriteOptions::new().with_memory(64 << 10).with_batch_bytes(16 << 10);
    let writer = setup.client.write(options.with_linger(Duration::from_secs(60)));
    write_numbers(&writer, 0..3_000, PARTITIONS).await;
    let (clone, topic) = (writer.clone(), writer.topic(TOPIC).await.unwrap());
    // A call that is dropped has ended the taking all the same, and another one waits for the rest.
    assert!(tokio::time::timeout(Duration::ZERO, writer.close()).await.is_err());
    let refused = topic.send(NewRecord::value("v")).await.unwrap_err();
    assert_eq!((refused.kind(), refused.possibly_written()), (ErrorKind::Shutdown, false));
    within(LIMIT, "the end", clone.close()).await.unwrap();
    setup.assert_each_once(PARTITIONS, 3_000);
    setup.brokers.create_topic("u", 1, 1).unwrap();
    assert_eq!(writer.topic("u").await.unwrap_err().kind(), ErrorKind::Shutdown);
    flush(&writer).await.unwrap();
    within(LIMIT, "a second end", writer.close()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_memory_hears_that_the_writer_was_closed() {
    let setup = Setup::new(1).await;
    let action = ottla_testkit::Action::Stall;
    setup
        .brokers
        .faults()
        .add(ottla_testkit::Fault::new(action).on_api(ottla_testkit::ApiKey::Produce).times(1));
    let writer = setup.client.write(WriteOptions::new().with_memory(64 << 10).with_batch_bytes(64 << 10));
    let topic = writer.topic(TOPIC).await.unwrap();
    let large = vec![b'x'; 40 << 10];
    topic.send(NewRecord::value(&large)).await.unwrap();
    let waiting = tokio::spawn(async move { topic.send(NewRecord::value(&large)).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!waiting.is_finished());
    within(LIMIT, "the end", writer.close()).await.unwrap();
    let error = within(LIMIT, "the sender", waiting).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Shutdown);
    assert_eq!(setup.brokers.read(TOPIC, 0).unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_memory_first_has_it_first() {
    let setup = Setup::new(1).await;
    let action = ottla_testkit::Action::Stall;
    let stall = ottla_testkit::Fault::new(action).on_api(ottla_testkit::ApiKey::Produce).times(1);
    setup.brokers.faults().add(stall);
    let writer = setup.client.write(WriteOptions::new().with_memory(64 << 10).with_batch_bytes(64 << 10));
    let topic = writer.topic(TOPIC).await.unwrap();
    let padding = "x".repeat(40 << 10);
    let mut senders = tokio::task::JoinSet::new();
    for number in 0..20 {
        let (topic, value) = (topic.clone(), format!("{number} {padding}"));
        senders.spawn(async move { topic.send(NewRecord::value(&value)).await });
        tokio::task::yield_now().await;
    }
    while let Some(sent) = within(LIMIT, "a sender", senders.join_next()).await {
        sent.unwrap().unwrap();
    }
    flush(&writer).await.unwrap();
    let number = |record: &ottla_testkit::LoggedRecord| {
        let text = String::from_utf8_lossy(record.value.as_deref().unwrap()).into_owned();
        text.split(' ').next().unwrap().parse().unwrap()
    };
    let order: Vec<i32> = setup.brokers.read(TOPIC, 0).unwrap().iter().map(number).collect();
    assert_eq!(order, (0..20).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_topic_that_is_made_anew_goes_there_once_and_by_its_new_id() {
    for version in [ottla_testkit::KafkaVersion::V3_9, ottla_testkit::KafkaVersion::V4_3] {
        let setup = Setup::of(crate::builder().kafka(version), 1).await;
        let writer = setup.client.write(WriteOptions::new());
        write_numbers(&writer, 100..200, 1).await;
        flush(&writer).await.unwrap();
        // One batch may be in the old log, and others wait.
        let lost = ottla_testkit::Action::StallAfter;
        let fault = ottla_testkit::Fault::new(lost).on_api(ottla_testkit::ApiKey::Produce).times(1);
        setup.brokers.faults().add(fault);
        write_numbers(&writer, 0..1, 1).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        setup.brokers.delete_topic(TOPIC).unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        setup.brokers.create_topic(TOPIC, 1, 3).unwrap();
        setup.brokers.clear_asked();
        write_numbers(&writer, 1..50, 1).await;
        flush(&writer).await.unwrap();
        setup.assert_each_once(1, 50);
        let produced = setup.brokers.asked();
        let produced: Vec<_> =
            produced.iter().filter(|one| one.api == ottla_testkit::ApiKey::Produce).collect();
        let by_id = version == ottla_testkit::KafkaVersion::V4_3;
        assert!(
            !produced.is_empty() && produced.iter().all(|one| (one.version >= 13) == by_id),
            "{produced:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn keys_go_over_the_partitions_that_a_topic_has_after_it_was_made_anew_with_fewer() {
    for version in [ottla_testkit::KafkaVersion::V3_9, ottla_testkit::KafkaVersion::V4_3] {
        let setup = Setup::of(crate::builder().kafka(version), 5).await;
        let writer = setup.client.write(WriteOptions::new());
        places(&writer).await;
        setup.brokers.delete_topic(TOPIC).unwrap();
        let (topic, began, mut receipts) = (writer.topic(TOPIC).await.unwrap(), crate::now(), Vec::new());
        for number in 0..100 {
            let key = format!("key {number}");
            receipts.push(topic.send_with_receipt(NewRecord::value("v").with_key(&key)).await.unwrap());
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        setup.brokers.create_topic(TOPIC, 3, 3).unwrap();
        let (mut written, mut gone) = (0, 0);
        for receipt in receipts {
            match within(LIMIT, "a receipt", receipt).await {
                Ok(told) => {
                    assert!(told.topic_partition.partition < 3);
                    written += 1;
                }
                Err(error) => {
                    let partition = error.topic_partition().unwrap().partition;
                    assert!(
                        partition >= 3 && error.to_string().contains("made anew with 3 partitions"),
                        "{error}"
                    );
                    assert!(!error.possibly_written(), "{error}");
                    gone += 1;
                }
            }
        }
        assert!(written > 30 && gone > 20, "{written} {gone}");
        assert!(began.elapsed() < Duration::from_secs(10), "nobody waits for what cannot come");
        flush(&writer).await.unwrap_err();
        let fourth = NewRecord::value("v").with_partition(4);
        assert_eq!(writer.send(TOPIC, fourth).await.unwrap_err().kind(), ErrorKind::Misuse);
        let after = places(&writer).await;
        assert_eq!(after.iter().collect::<BTreeSet<_>>().len(), 3);
        assert_eq!(after, places(&setup.client.write(WriteOptions::new())).await);
        // Without keys it is the same.
        for _ in 0..200 {
            let receipt = topic.send_with_receipt(NewRecord::value("v")).await.unwrap();
            assert!(within(LIMIT, "a receipt", receipt).await.unwrap().topic_partition.partition < 3);
        }
        setup.brokers.grow_topic(TOPIC, 5).unwrap();
        tokio::time::sleep(Duration::from_secs(301)).await;
        write_numbers(&writer, 0..1, 1).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        writer.send(TOPIC, fourth).await.unwrap();
        flush(&writer).await.unwrap();
        assert_eq!(setup.brokers.read(TOPIC, 4).unwrap().len(), 1);
    }
}

/// Has the client ask whichever broker it dials next for a topic that it does not know: that is a new picture.
async fn look_elsewhere(setup: &Setup, unknown: &str) {
    (1..=3).for_each(|broker| setup.brokers.close_connections(BrokerId(broker)).unwrap());
    // Longer than a life that counts as a failed dial.
    tokio::time::sleep(Duration::from_secs(2)).await;
    setup.client.partitions(unknown).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_lags_does_not_bring_back_a_topic_that_was_made_anew() {
    for version in [ottla_testkit::KafkaVersion::V3_9, ottla_testkit::KafkaVersion::V4_3] {
        let setup = Setup::of(crate::builder().kafka(version), 2).await;
        let others: Vec<String> = (0..200).map(|number| format!("other-{number}")).collect();
        others.iter().for_each(|other| setup.brokers.create_topic(other, 1, 3).unwrap());
        let mut others = others.iter();
        let writer = setup.client.write(WriteOptions::new());
        write_numbers(&writer, 100..102, 2).await;
        flush(&writer).await.unwrap();
        setup.brokers.freeze_metadata(BrokerId(2)).unwrap();
        setup.brokers.delete_topic(TOPIC).unwrap();
        setup.brokers.create_topic(TOPIC, PARTITIONS, 3).unwrap();
        for partition in 0..PARTITIONS {
            let leader = BrokerId(1 + 2 * (partition % 2));
            setup.brokers.move_leader(TOPIC, partition, leader).unwrap();
        }
        let third = NewRecord::value("first").with_partition(3);
        while writer.send(TOPIC, third).await.is_err() {
            look_elsewhere(&setup, others.next().expect("the new topic is never found")).await;
            // While there is something to write the writer looks on.
            writer.send(TOPIC, NewRecord::value("x").with_partition(0)).await.unwrap();
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
        // What was sent meanwhile may have failed.
        let _ = flush(&writer).await;
        setup.brokers.clear_asked();
        let lags = |one: &ottla_testkit::Asked| {
            one.api == ottla_testkit::ApiKey::Metadata && one.broker == BrokerId(2)
        };
        while !setup.brokers.asked().iter().any(lags) {
            look_elsewhere(&setup, others.next().expect("nobody asks the broker that lags")).await;
        }
        for _ in 0..10 {
            for partition in 0..PARTITIONS {
                writer.send(TOPIC, NewRecord::value("after").with_partition(partition)).await.unwrap();
            }
            flush(&writer).await.unwrap();
        }
        let after = |values: &Vec<String>| values.iter().filter(|value| *value == "after").count();
        assert_eq!(setup.values(PARTITIONS).values().map(after).collect::<Vec<_>>(), [10; 4]);
    }
}
