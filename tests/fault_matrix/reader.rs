//! A reader, logged in by a token, reads a topic whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use ottla::ids::TopicPartition;
use ottla::{Credentials, Decoder, Error, OffsetRange, ReadOptions, ScramMechanism, Token, TokenSource};
use ottla_testkit::Record;

use super::kind::{PARTITIONS, Plan, TOPIC};
use crate::support::embedded::{config, user};

const RECORDS: i64 = 240;
/// So that there is more than one batch in each partition.
const BATCH: i64 = 40;

/// Each record says where it belongs.
fn value(partition: i32, offset: i64) -> String {
    format!("{partition}:{offset}:{}", "x".repeat(usize::try_from(offset % 50).unwrap()))
}

/// The values that came, by partition, with the offset that came with each.
type Seen = BTreeMap<i32, Vec<(i64, String)>>;

pub(super) async fn play(plan: &Plan) -> Result<(), String> {
    let brokers = Arc::new(plan.builder().start_in_memory().unwrap());
    brokers.create_topic(TOPIC, PARTITIONS, 3).unwrap();
    for partition in 0..PARTITIONS {
        for first in (0..RECORDS).step_by(usize::try_from(BATCH).unwrap()) {
            let batch: Vec<_> =
                (first..first + BATCH).map(|offset| Record::value(value(partition, offset))).collect();
            brokers.write(TOPIC, partition, &batch).unwrap();
        }
    }
    let token = token(&brokers).await;
    plan.begin(&brokers);
    let credentials =
        Credentials::Token { mechanism: ScramMechanism::Sha256, source: TokenSource::fixed(token) };
    let mut seen = Seen::new();
    let outcome = read(config(&brokers, credentials), &mut seen).await;
    judge(plan, &seen, outcome)
}

async fn token(brokers: &ottla_testkit::Cluster) -> Token {
    let owner = ottla::Cluster::connect(config(brokers, user("alice"))).await.unwrap();
    owner.create_delegation_token(ottla::NewToken::new()).await.unwrap()
}

async fn read(config: ottla::Config, seen: &mut Seen) -> Result<(), Error> {
    let client = ottla::Cluster::connect(config).await?;
    let ranges = (0..PARTITIONS)
        .map(|partition| OffsetRange::new(TopicPartition::new(TOPIC, partition), 0, RECORDS))
        .collect();
    // Little by little, so that faults hit in the middle.
    let options = ReadOptions::new().with_byte_budget(64 << 10).with_response_bytes(16 << 10);
    let mut reader = client.read(ranges, options);
    let mut decoder = Decoder::new();
    while let Some(chunk) = reader.next().await? {
        let records = seen.entry(chunk.topic_partition().partition).or_default();
        chunk.for_each_record(&mut decoder, |record| {
            let value = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
            records.push((record.offset, value));
            Ok::<_, Error>(())
        })?;
    }
    Ok(())
}

fn judge(plan: &Plan, seen: &Seen, outcome: Result<(), Error>) -> Result<(), String> {
    for (partition, records) in seen {
        for (place, (offset, text)) in records.iter().enumerate() {
            if plan.kind.lies() {
                // The record's own words are under its checksum.
                let genuine = text.split(':').take(2).filter_map(|n| n.parse::<i64>().ok()).count() == 2;
                if !genuine {
                    return Err(format!("{text:?} was never written"));
                }
            } else if *offset != i64::try_from(place).unwrap() || *text != value(*partition, *offset) {
                return Err(format!("partition {partition}: {offset} {text:?} is record {place}"));
            }
        }
    }
    let count: usize = seen.values().map(Vec::len).sum();
    let all = usize::try_from(RECORDS * i64::from(PARTITIONS)).unwrap();
    match outcome {
        Ok(()) if count == all || plan.kind.lies() => Ok(()),
        Ok(()) => Err(format!("{count} of {all} records, and no error")),
        Err(error) if must_succeed(plan) => Err(format!("{count} of {all} records, then {error:?}")),
        Err(_) => Ok(()),
    }
}

/// Faults that pass by themselves, within the time that a client has, are no excuse.
fn must_succeed(plan: &Plan) -> bool {
    use super::kind::Kind;
    matches!(
        plan.kind,
        Kind::CloseBefore
            | Kind::CloseAfter
            | Kind::Throttle
            | Kind::LeaderMoved
            | Kind::BrokerRestarted
            | Kind::ConnectionsClosed
    )
}
