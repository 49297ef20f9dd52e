//! What brokers say to clients that exceed a quota, or may not do what they ask for.

use std::time::Duration;

use super::Fact;
use crate::conformance::made::until;
use crate::conformance::topic::{PLAIN, Topic};
use crate::support::raw::{Raw, now};

pub(super) const FACTS: &[&[Fact]] = &[THROTTLED, DENIED];

/// Whether an answer told of a throttle, and whether the connection was served only afterwards.
fn throttled(millis: i32, raw: &mut Raw) -> String {
    let throttle = Duration::from_millis(u64::try_from(millis).unwrap());
    let since = now();
    assert!(raw.is_served());
    let muted = since.elapsed() + Duration::from_millis(500) > throttle;
    format!("throttled {}, muted {muted}", millis > 0)
}

const THROTTLED: &[Fact] = &[
    Fact::new(
        "KIP-219",
        "a fetch over its quota is answered without topics, and the connection is muted",
        |_| "empty true, throttled true, muted true",
        |s| {
            let mut topic = Topic::made(s, "quota", &[]);
            let client = topic.name.clone();
            for _ in 0..4 {
                topic.produced(PLAIN, &[(None, "x".repeat(40_000).as_str())]);
            }
            topic.place.bound(&client, "consumer_byte_rate", 5_000);
            let mut raw = topic.another_connection().with_client_id(&client);
            let mut told = topic.fetch_by(&mut raw, 0);
            // The broker learns of the quota by and by.
            until(|| {
                if told.responses.is_empty() {
                    return true;
                }
                told = topic.fetch_by(&mut raw, 0);
                told.responses.is_empty()
            });
            format!("empty {}, {}", told.responses.is_empty(), throttled(told.throttle_time_ms, &mut raw))
        },
    ),
    Fact::new(
        "KIP-219",
        "a produce over its quota is written, and the connection is muted",
        |_| "code 0, written true, throttled true, muted true",
        |s| {
            let mut topic = Topic::made(s, "produce-quota", &[]);
            let client = topic.name.clone();
            topic.place.bound(&client, "producer_byte_rate", 5_000);
            let mut raw = topic.another_connection().with_client_id(&client);
            let (large, mut asked) = ("x".repeat(40_000), 0);
            let mut told = None;
            // The broker learns of the quota by and by.
            until(|| {
                asked += 1;
                let next = topic.produce_by(&mut raw, &[(None, large.as_str())]);
                let is_throttled = next.throttle_time_ms > 0;
                told = Some(next);
                is_throttled
            });
            let told = told.unwrap();
            let code = told.responses[0].partition_responses[0].error_code;
            let written = topic.end() == asked;
            format!("code {code}, written {written}, {}", throttled(told.throttle_time_ms, &mut raw))
        },
    ),
];

const DENIED: &[Fact] = &[Fact::new(
    "KIP-44",
    "who may not describe a topic is told neither its partitions nor its id, and every request for it is 29",
    |_| "metadata 29 partitions 0 id false, produce 29@-1, fetch 29, end 29@-1, epoch 29",
    |s| {
        let topic = Topic::made(s, "denied", &[]);
        topic.place.deny(&topic.name);
        let mut asked = Topic { raw: topic.place.user("alice"), ..Topic::of(&topic) };
        let (metadata, _) = asked.metadata();
        let produced = asked.produced(PLAIN, &[(None, "1")]);
        let fetched = asked.fetch(0, -1, -1).error_code;
        let (code, end) = asked.told_end();
        format!(
            "metadata {} partitions {} id {}, produce {produced}, fetch {fetched}, end {code}@{end}, epoch {}",
            metadata.error_code,
            metadata.partitions.len(),
            metadata.topic_id == topic.created.topic_id,
            asked.end_of_epoch(0, -1).0
        )
    },
)];
