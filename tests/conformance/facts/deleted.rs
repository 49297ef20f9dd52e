//! What brokers say of topics that were deleted, or made anew under their name.

use super::Fact;
use crate::conformance::made::{until, wait};
use crate::conformance::target::Kafka;
use crate::conformance::topic::{PLAIN, Topic};

pub(super) const FACTS: &[&[Fact]] = &[GONE];

const GONE: &[Fact] = &[
    Fact::new(
        "KIP-516",
        "a deleted topic is 3 by name and 100 by id",
        |kafka| if kafka == Kafka::V3_9 { "3 100 3 100 3" } else { "3 100 3 100 3 100" },
        |s| {
            let mut topic = Topic::made(s, "deleted", &[]);
            topic.produced(PLAIN, &[(None, "1")]);
            topic.delete();
            until(|| topic.fetch(0, -1, -1).error_code == 3);
            until(|| topic.fetch_by_id(0).error_code == 100);
            let mut codes = vec![topic.fetch(0, -1, -1).error_code, topic.fetch_by_id(0).error_code];
            let (by_name, by_id) = topic.metadata();
            codes.extend([by_name.error_code, by_id.error_code]);
            codes.push(topic.produce(PLAIN, &[(None, "1")], -1).error_code);
            if s.target.kafka() != Kafka::V3_9 {
                codes.push(topic.produce_by_id(PLAIN, &[(None, "1")]).error_code);
            }
            codes.iter().map(i16::to_string).collect::<Vec<_>>().join(" ")
        },
    ),
    Fact::new(
        "KIP-516",
        "a topic made anew has another id and an empty log, and the old id stays unknown",
        |_| "other id true, by name 0 end 0, by old id 100",
        |s| {
            let mut topic = Topic::made(s, "anew", &[]);
            topic.produced(PLAIN, &[(None, "1")]);
            topic.delete();
            until(|| topic.fetch(0, -1, -1).error_code == 3);
            let mut anew = Topic::named(s, &topic.name, &[]);
            let by_name = anew.fetch(0, -1, -1).error_code;
            let other = anew.created.topic_id != topic.created.topic_id;
            let old = topic.fetch_by_id(0).error_code;
            format!("other id {other}, by name {by_name} end {}, by old id {old}", anew.end())
        },
    ),
    Fact::new(
        "DelayedFetch",
        "a fetch by id that waits while its topic is deleted gets 3",
        |_| "3",
        |s| {
            let mut topic = Topic::made(s, "waits", &[]);
            let mut waiting = Topic::of(&topic);
            let answer = std::thread::spawn(move || waiting.fetch_by_id(25_000).error_code);
            wait(1_000);
            topic.delete();
            answer.join().unwrap().to_string()
        },
    ),
];
