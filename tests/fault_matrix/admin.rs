//! Everything that administers, over and over.

use std::sync::Arc;
use std::time::Duration;

use ottla::ids::TopicPartition;
use ottla::{Cluster, Config, Error, IsolationLevel, NewToken, NewTopic, OffsetAt};

use super::kind::{PARTITIONS, Plan, TOPIC};
use crate::support::embedded::{config, user};

/// What one operation may take, with all its retries.
const DEADLINE: Duration = Duration::from_secs(60);
/// Beyond it, one answer may be on its way, and a login.
const SLACK: Duration = Duration::from_secs(45);
const ROUNDS: u32 = 4;

#[expect(clippy::disallowed_methods, reason = "a fact about time needs a clock")]
fn now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

pub(super) async fn play(plan: &Plan) -> Result<(), String> {
    let brokers = Arc::new(plan.builder().start_in_memory().unwrap());
    brokers.create_topic(TOPIC, PARTITIONS, 3).unwrap();
    let config = config(&brokers, user("alice")).with_deadline(DEADLINE);
    plan.begin(&brokers);
    let mut counts = Counts::default();
    let client = loop {
        match connect(config.clone()).await? {
            Ok(client) => break client,
            Err(error) => counts.note(plan, &error)?,
        }
    };
    for round in 0..ROUNDS {
        for error in all(&client, round, &mut counts).await? {
            counts.note(plan, &error)?;
        }
    }
    brokers.faults().clear();
    // Disturbances end by themselves; a broker may have asked for five minutes of silence.
    tokio::time::sleep(Duration::from_secs(400)).await;
    let left = all(&client, ROUNDS, &mut counts).await?;
    if !left.is_empty() {
        return Err(format!("the faults are over, and still: {left:?}"));
    }
    let made = brokers.counters().tokens_created;
    // An answer that lies may say that something was done, or not.
    if !plan.kind.lies() && (made < counts.made || made > counts.made + counts.unsure) {
        return Err(format!("{made} tokens were made for {counts:?}"));
    }
    Ok(())
}

async fn connect(config: Config) -> Result<Result<Cluster, Error>, String> {
    in_time("connect", Cluster::connect(config)).await
}

/// What was done, and what may have been done.
#[derive(Debug, Default)]
struct Counts {
    made: u64,
    unsure: u64,
    errors: u32,
}

impl Counts {
    fn note(&mut self, plan: &Plan, error: &Error) -> Result<(), String> {
        self.errors += 1;
        if self.errors > 200 {
            return Err(format!("it does not get better (seed {}): {error:?}", plan.seed));
        }
        Ok(())
    }
}

async fn in_time<T>(what: &str, call: impl Future<Output = T>) -> Result<T, String> {
    let began = now();
    let done = call.await;
    let took = began.elapsed();
    if took > DEADLINE + SLACK { Err(format!("{what} took {took:?}")) } else { Ok(done) }
}

/// Each operation once; gives what went wrong.
async fn all(client: &Cluster, round: u32, counts: &mut Counts) -> Result<Vec<Error>, String> {
    let mut errors = Vec::new();
    let topic = format!("made-in-{round}");
    let new = NewTopic::new(topic.as_str()).with_partitions(2);
    errors.extend(in_time("create_topics", client.create_topics(vec![new])).await?.err());
    errors.extend(in_time("partitions", client.partitions(TOPIC)).await?.err());
    let partitions: Vec<_> = (0..PARTITIONS).map(|partition| TopicPartition::new(TOPIC, partition)).collect();
    let offsets = client.list_offsets(&partitions, OffsetAt::Latest, IsolationLevel::ReadCommitted);
    errors.extend(in_time("list_offsets", offsets).await?.err());
    match in_time("create", client.create_delegation_token(NewToken::new())).await? {
        Ok(token) => {
            counts.made += 1;
            errors.extend(in_time("renew", client.renew_delegation_token(&token, None)).await?.err());
            errors.extend(in_time("describe", client.describe_delegation_tokens(None)).await?.err());
            errors.extend(in_time("expire", client.expire_delegation_token(&token, None)).await?.err());
        }
        Err(error) => {
            counts.unsure += u64::from(error.possibly_written());
            errors.push(error);
        }
    }
    errors.extend(in_time("delete_topics", client.delete_topics(&[topic.into()])).await?.err());
    Ok(errors)
}
