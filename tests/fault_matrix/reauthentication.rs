//! A client whose sessions last ten seconds, over two minutes.

use std::sync::Arc;
use std::time::Duration;

use ottla::ids::TopicPartition;
use ottla::{Cluster, Credentials, IsolationLevel, NewToken, OffsetAt, ScramMechanism, TokenSource};

use super::kind::{PARTITIONS, Plan, TOPIC};
use crate::support::embedded::{config, user};

const SESSION: Duration = Duration::from_secs(10);
const DEADLINE: Duration = Duration::from_secs(20);
const SLACK: Duration = Duration::from_secs(45);
const CALLS: u32 = 120;

#[expect(clippy::disallowed_methods, reason = "a fact about time needs a clock")]
fn now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

pub(super) async fn play(plan: &Plan) -> Result<(), String> {
    let brokers = Arc::new(plan.builder().max_reauth(SESSION).start_in_memory().unwrap());
    brokers.create_topic(TOPIC, PARTITIONS, 3).unwrap();
    let owner = Cluster::connect(config(&brokers, user("alice"))).await.unwrap();
    let token = owner.create_delegation_token(NewToken::new()).await.unwrap();
    drop(owner);
    let credentials =
        Credentials::Token { mechanism: ScramMechanism::Sha256, source: TokenSource::fixed(token) };
    let client = Cluster::connect(config(&brokers, credentials).with_deadline(DEADLINE)).await.unwrap();
    plan.begin(&brokers);
    let mut errors = 0;
    for _ in 0..CALLS {
        tokio::time::sleep(Duration::from_secs(1)).await;
        errors += u32::from(call(&client).await?.is_err());
    }
    brokers.faults().clear();
    // A broker may have asked for five minutes of silence.
    tokio::time::sleep(Duration::from_secs(400)).await;
    for _ in 0..30 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        call(&client).await?.map_err(|error| format!("the faults are over, and still: {error:?}"))?;
    }
    let counters = brokers.counters();
    if counters.reauthentications == 0 {
        return Err(format!("nobody logged in again: {errors} errors, {counters:?}"));
    }
    Ok(())
}

/// One request to every leader.
async fn call(client: &Cluster) -> Result<Result<(), ottla::Error>, String> {
    let partitions: Vec<_> = (0..PARTITIONS).map(|partition| TopicPartition::new(TOPIC, partition)).collect();
    let began = now();
    let outcome = client.list_offsets(&partitions, OffsetAt::Latest, IsolationLevel::ReadCommitted).await;
    let took = began.elapsed();
    if took > DEADLINE + SLACK { Err(format!("a call took {took:?}")) } else { Ok(outcome.map(|_| ())) }
}
