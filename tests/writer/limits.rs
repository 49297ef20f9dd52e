//! Topics that take smaller batches than the writer makes.

use ottla::ids::TopicPartition;
use ottla::partition::Header;
use ottla::time::Timestamp;
use ottla::{Cluster, Codec, Decoder, Error, ErrorKind, NewRecord, OffsetRange, ReadOptions, WriteOptions};
use ottla_testkit::{Action, ApiKey, BrokerId, Fault};

use crate::support::within;
use crate::{LIMIT, Setup, TOPIC, builder, flush, write_numbers};

const PARTITIONS: i32 = 3;

/// Values of twenty random-looking digits, so that no codec makes them small.
fn value(number: usize) -> String {
    let mixed = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17) ^ 0x5bd1_e995;
    format!("{number:05} {:020}", mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9))
}

/// The offset, timestamp and value of each record of the first partition.
async fn read(client: &Cluster) -> Vec<(i64, i64, String)> {
    let range = OffsetRange::new(TopicPartition::new(TOPIC, 0), 0, 6_000);
    let (mut reader, mut decoder) = (client.read(vec![range], ReadOptions::new()), Decoder::new());
    let mut read = Vec::new();
    while let Some(chunk) = within(LIMIT, "a chunk", reader.next()).await.unwrap() {
        let each = chunk.for_each_record::<Error>(&mut decoder, |record| {
            let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
            read.push((record.offset, record.timestamp.as_millis(), value));
            Ok(())
        });
        each.unwrap();
    }
    read
}

#[tokio::test(start_paused = true)]
async fn batches_that_a_topic_refuses_for_their_size_are_written_in_parts() {
    for codec in [Codec::Uncompressed, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let setup = Setup::of(builder().max_message_bytes(2_000), 1).await;
        let writer = setup.client.write(WriteOptions::new().with_codec(codec));
        let topic = writer.topic(TOPIC).await.unwrap();
        let headers = [Header { key: "h", value: Some(b"1") }];
        let mut receipts = Vec::new();
        for number in 0..6_000 {
            let value = value(number);
            let record = NewRecord::value(&value).with_headers(&headers);
            let record = record.with_timestamp(Timestamp::from_millis(1_000_000 - number as i64));
            receipts.push(topic.send_with_receipt(record).await.unwrap());
        }
        flush(&writer).await.unwrap();
        let expected: Vec<_> = (0..6_000)
            .map(|number| (number, 1_000_000 - number, value(usize::try_from(number).unwrap())))
            .collect();
        assert!(read(&setup.client).await == expected, "{codec}");
        for (number, receipt) in receipts.into_iter().enumerate() {
            let place = within(LIMIT, "a receipt", receipt).await.unwrap();
            assert_eq!(place.offset, Some(number as i64), "{codec}");
        }
        assert_eq!(setup.client.statistics().requests_of("InitProducerId"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn parts_of_batches_survive_what_whole_ones_survive() {
    for seed in 0..5 {
        let setup = Setup::of(builder().max_message_bytes(700).seed(seed), PARTITIONS).await;
        let writer = setup.client.write(WriteOptions::new().with_batch_bytes(6_000));
        for action in [
            Action::CloseBefore,
            Action::CloseAfter,
            Action::Refuse(7),
            Action::RefusePartition { topic: TOPIC.to_owned(), partition: 2, code: 45 },
        ] {
            setup.brokers.faults().add(Fault::new(action).on_api(ApiKey::Produce).chance(0.06).times(8));
        }
        for round in 0..6_usize {
            write_numbers(&writer, round * 800..(round + 1) * 800, PARTITIONS).await;
            let to = BrokerId(1 + i32::try_from(round % 3).unwrap());
            setup.brokers.move_leader(TOPIC, 1, to).unwrap();
        }
        let flushed = flush(&writer).await;
        assert!(flushed.is_ok(), "seed {seed}: {flushed:?}");
        setup.assert_each_once(PARTITIONS, 4_800);
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_no_part_can_hold_fails_alone_and_is_named() {
    let setup = Setup::of(builder().max_message_bytes(2_000), 1).await;
    let writer = setup.client.write(WriteOptions::new());
    let topic = writer.topic(TOPIC).await.unwrap();
    let (large, mut receipts) = ("x".repeat(3_000), Vec::new());
    for number in 0..200_usize {
        let number = number.to_string();
        topic.send(NewRecord::value(&number)).await.unwrap();
        if number.ends_with("50") {
            receipts.push(topic.send_with_receipt(NewRecord::value(&large)).await.unwrap());
        }
    }
    let error = flush(&writer).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Broker(code) if code.code() == 10), "{error}");
    let told = error.to_string();
    assert!(told.contains("a record of 30") && told.contains("max.message.bytes"), "{told}");
    assert!(
        told.contains("MESSAGE_TOO_LARGE") && told.contains("t-0") && !error.possibly_written(),
        "{told}"
    );
    assert_eq!(receipts.len(), 2);
    for receipt in receipts {
        let error = within(LIMIT, "a receipt", receipt).await.unwrap_err();
        assert!(error.to_string().contains("a record of 30"), "{error}");
    }
    setup.assert_each_once(1, 200);
}
