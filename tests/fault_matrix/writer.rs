//! A writer, with a receipt for each record.

use std::collections::BTreeMap;
use std::sync::Arc;

use ottla::{Cluster, Error, NewRecord, Receipt, WriteOptions};

use super::kind::{PARTITIONS, Plan, TOPIC};
use crate::support::embedded::{config, user};

const ROUNDS: usize = 6;
const RECORDS: usize = 100;

pub(super) async fn play(plan: &Plan) -> Result<(), String> {
    let brokers = Arc::new(plan.builder().start_in_memory().unwrap());
    brokers.create_topic(TOPIC, PARTITIONS, 3).unwrap();
    let config = config(&brokers, user("alice"));
    let client = Cluster::connect(config).await.unwrap();
    plan.begin(&brokers);
    let mut outcomes = BTreeMap::new();
    let writer = client.write(WriteOptions::new().with_batch_bytes(1_000));
    for round in 0..ROUNDS {
        let mut receipts = Vec::new();
        for number in round * RECORDS..(round + 1) * RECORDS {
            receipts.push((number, send(&writer, number).await));
        }
        // Each receipt has the outcome of its own; that of all of them is known too.
        let _ = writer.flush().await;
        for (number, receipt) in receipts {
            let outcome = match receipt {
                Ok(receipt) => receipt.await.map(|_| ()),
                Err(error) => Err(error),
            };
            outcomes.insert(number, outcome);
        }
    }
    judge(plan, &brokers, &outcomes)
}

async fn send(writer: &ottla::Writer, number: usize) -> Result<Receipt, Error> {
    let topic = writer.topic(TOPIC).await?;
    let partition = i32::try_from(number).unwrap() % PARTITIONS;
    topic.send_with_receipt(NewRecord::value(&number.to_string()).with_partition(partition)).await
}

/// What was acknowledged is there once; what was not, once at most, and not at all if it is certain.
fn judge(
    plan: &Plan,
    brokers: &ottla_testkit::Cluster,
    outcomes: &BTreeMap<usize, Result<(), Error>>,
) -> Result<(), String> {
    let mut found: BTreeMap<usize, usize> = BTreeMap::new();
    for partition in 0..PARTITIONS {
        for record in brokers.read(TOPIC, partition).unwrap() {
            let text = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
            *found.entry(text.parse().unwrap()).or_default() += 1;
        }
    }
    // An answer that lies may acknowledge what was refused; then nobody can know.
    if plan.kind.lies() {
        return Ok(());
    }
    for (number, outcome) in outcomes {
        let times = found.get(number).copied().unwrap_or(0);
        let right = match outcome {
            Ok(()) => times == 1,
            Err(error) if error.possibly_written() => times <= 1,
            Err(_) => times == 0,
        };
        if !right {
            return Err(format!("record {number} is there {times} times, and its outcome was {outcome:?}"));
        }
    }
    Ok(())
}
