//! What brokers say of logs: batches that come again, holes, ends, epochs.

use std::fmt::Write as _;

use bytes::Bytes;
use kafka_protocol::messages::InitProducerIdRequest;

use super::Fact;
use crate::conformance::made::{until, wait};
use crate::conformance::topic::{PLAIN, Topic, Writer};

pub(super) const FACTS: &[&[Fact]] = &[WRITTEN, READ, CLEANED];

/// A producer's id that nobody else has.
fn idempotent(topic: &mut Topic) -> Writer {
    let request = InitProducerIdRequest::default().with_transactional_id(None);
    let mut told = topic.raw.call(4, &request).unwrap();
    // A controller that has just begun to hand out ids says 14.
    until(|| {
        if told.error_code == 14 {
            told = topic.raw.call(4, &request).unwrap();
        }
        told.error_code != 14
    });
    assert_eq!(told.error_code, 0);
    Writer { id: told.producer_id.0, epoch: 0, sequence: 0 }
}

const WRITTEN: &[Fact] = &[
    Fact::new(
        "KIP-467",
        "a compacted topic names each record without a key and takes none of the batch",
        |_| "87@-1 1: Compacted topic cannot accept message without key in topic partition T-0 2: Compacted topic cannot accept message without key in topic partition T-0 text true end 0",
        |s| {
            let mut topic = Topic::made(s, "keyless", &[("cleanup.policy", "compact")]);
            let told = topic.produce(PLAIN, &[(Some("a"), "1"), (None, "2"), (None, "3")], -1);
            let mut text = format!("{}@{}", told.error_code, told.base_offset);
            for record in &told.record_errors {
                let reason = record.batch_index_error_message.as_deref().unwrap_or_default();
                let reason = reason.replace(&topic.name, "T");
                // 3.9 ends the sentence.
                let _ = write!(text, " {}: {}", record.batch_index, reason.trim_end_matches('.'));
            }
            format!("{text} text {} end {}", told.error_message.is_some(), topic.end())
        },
    ),
    Fact::new(
        "KIP-98",
        "a batch that comes again has its first offset, a gap in the sequence is 45",
        |_| "0@0 0@2 0@0 45@-1 0@2 end 3",
        |s| {
            let mut topic = Topic::made(s, "again", &[]);
            let writer = idempotent(&mut topic);
            let at = |sequence| Writer { sequence, ..writer };
            let two = [(None, "1"), (None, "2")];
            let told = [
                topic.produced(at(0), &two),
                topic.produced(at(2), &two[..1]),
                topic.produced(at(0), &two),
                topic.produced(at(7), &two),
                topic.produced(at(2), &two[..1]),
            ];
            format!("{} end {}", told.join(" "), topic.end())
        },
    ),
    Fact::new(
        "KIP-360",
        "a producer that the partition does not know may begin anywhere, a new epoch at 0 only",
        |_| "0@0 45@-1 0@1 47@-1",
        |s| {
            let mut topic = Topic::made(s, "begins", &[]);
            let writer = idempotent(&mut topic);
            let one = [(None, "1")];
            let told = [
                topic.produced(Writer { sequence: 7, ..writer }, &one),
                topic.produced(Writer { sequence: 8, epoch: 1, ..writer }, &one),
                topic.produced(Writer { sequence: 0, epoch: 1, ..writer }, &one),
                topic.produced(Writer { sequence: 8, ..writer }, &one),
            ];
            told.join(" ")
        },
    ),
    Fact::new(
        "DelayedProduce",
        "min.insync.replicas counts up to the number of replicas",
        |_| "0@0",
        |s| {
            let mut topic = Topic::made(s, "insync", &[("min.insync.replicas", "3")]);
            topic.produced(PLAIN, &[(None, "1")])
        },
    ),
    Fact::new(
        "LogValidator",
        "a wrong checksum is 2, two batches are 87",
        |_| "2@-1 87@-1 end 0",
        |s| {
            let mut topic = Topic::made(s, "damaged", &[]);
            let good = PLAIN.batch(&[(None, "1")]);
            let mut damaged = good.to_vec();
            *damaged.last_mut().unwrap() ^= 1;
            let twice = Bytes::from([&good[..], &good[..]].concat());
            let told = [damaged.into(), twice].map(|records| {
                let told = topic.produce_bytes(records, -1);
                format!("{}@{}", told.error_code, told.base_offset)
            });
            format!("{} end {}", told.join(" "), topic.end())
        },
    ),
];

const READ: &[Fact] = &[
    Fact::new(
        "Fetch",
        "an offset beyond the end is 1, and no offset is told",
        |_| "1 high -1 start -1",
        |s| {
            let mut topic = Topic::made(s, "beyond", &[]);
            topic.produced(PLAIN, &[(None, "1")]);
            let told = topic.fetch(5, -1, -1);
            format!("{} high {} start {}", told.error_code, told.high_watermark, told.log_start_offset)
        },
    ),
    Fact::new(
        "KIP-595",
        "a last fetched epoch parts where it ended, and one newer than all is out of range",
        |_| "0 parts -1@-1, 0 parts 0@2, 1 parts -1@-1",
        |s| {
            let mut topic = Topic::made(s, "parts", &[]);
            topic.produced(PLAIN, &[(None, "1"), (None, "2")]);
            let told = [(2, 0), (5, 0), (2, 7)].map(|(offset, epoch)| {
                let told = topic.fetch(offset, -1, epoch);
                let parts = &told.diverging_epoch;
                format!("{} parts {}@{}", told.error_code, parts.epoch, parts.end_offset)
            });
            told.join(", ")
        },
    ),
    Fact::new(
        "KIP-320",
        "an epoch that the broker does not know yet is 75",
        |_| "75 75",
        |s| {
            let mut topic = Topic::made(s, "unknown", &[]);
            format!("{} {}", topic.fetch(0, 3, -1).error_code, topic.end_of_epoch(0, 3).0)
        },
    ),
    Fact::new(
        "KIP-951",
        "after an election the old leader says 6 and names the new one, which knows where the old epoch ended",
        |_| "6 leader 2 named true, old epoch 74, ends 0@2, parts -1@-1, beyond 0@2",
        |s| {
            let mut topic = Topic::made(s, "moves", &[]);
            topic.produced(PLAIN, &[(None, "1"), (None, "2")]);
            topic.place.move_leader(&topic.name, 2);
            until(|| topic.fetch(0, -1, -1).error_code == 6);
            let told = topic.fetch_whole_by_id();
            let (partition, nodes) = (&told.responses[0].partitions[0], &told.node_endpoints);
            let (leader, epoch) =
                (partition.current_leader.leader_id.0, partition.current_leader.leader_epoch);
            let named = nodes.iter().any(|node| node.node_id.0 == leader);
            let mut moved = topic.on_broker(2);
            until(|| moved.fetch(0, epoch, -1).error_code == 0);
            let old = moved.fetch(0, 0, -1).error_code;
            let (_, ended, at) = moved.end_of_epoch(0, epoch);
            let [end, beyond] = [2, 5].map(|offset| {
                let told = moved.fetch(offset, epoch, 0).diverging_epoch;
                format!("{}@{}", told.epoch, told.end_offset)
            });
            let code = partition.error_code;
            format!(
                "{code} leader {leader} named {named}, old epoch {old}, ends {ended}@{at}, parts {end}, beyond {beyond}"
            )
        },
    ),
    Fact::new(
        "KIP-101",
        "the current epoch ends at the log's end, and a newer one nowhere",
        |_| "0 0@2 0 -1@-1",
        |s| {
            let mut topic = Topic::made(s, "ends", &[]);
            topic.produced(PLAIN, &[(None, "1"), (None, "2")]);
            let told = [0, 4].map(|epoch| {
                let (code, epoch, end) = topic.end_of_epoch(epoch, -1);
                format!("{code} {epoch}@{end}")
            });
            told.join(" ")
        },
    ),
];

const CLEANED: &[Fact] = &[Fact::new(
    "KIP-98",
    "compaction leaves gaps, the header of a producer's last batch, and the active segment",
    |_| "0-1:0 6-7:2 8-8:1, again 0@0, next 0@9",
    |s| {
        let settings = [
            ("cleanup.policy", "compact"),
            ("segment.ms", "1"),
            ("min.cleanable.dirty.ratio", "0.01"),
            ("min.compaction.lag.ms", "0"),
        ];
        let mut topic = Topic::made(s, "cleaned", &settings);
        let writer = idempotent(&mut topic);
        let two = [(Some("a"), "1"), (Some("b"), "2")];
        for writer in [writer, PLAIN, PLAIN, PLAIN] {
            topic.produced(writer, &two);
            wait(30);
        }
        topic.produced(PLAIN, &[(Some("z"), "3")]);
        topic.place.clean(&topic.name);
        let done = crate::support::raw::now() + std::time::Duration::from_secs(90);
        while topic.layout().split(' ').count() > 3 && crate::support::raw::now() < done {
            wait(200);
        }
        let layout = topic.layout();
        let again = topic.produced(writer, &two);
        format!(
            "{layout}, again {again}, next {}",
            topic.produced(Writer { sequence: 2, ..writer }, &two[..1])
        )
    },
)];
