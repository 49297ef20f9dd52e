//! What callers do with the futures of a client: run them in tasks of their own.

use std::sync::Arc;
use std::time::Duration;

use ottla::ids::TopicPartition;
use ottla::{Chunk, Cluster, Config, IsolationLevel, NewToken, NewTopic, OffsetAt, ReadOptions, Token};

fn spawnable(_: impl Send) {}

/// That it compiles is what it shows.
fn futures(cluster: &Cluster, config: Config, token: &Token, partition: TopicPartition) {
    let period = Some(Duration::from_secs(1));
    spawnable(Cluster::connect(config));
    spawnable(cluster.partitions("orders"));
    spawnable(cluster.list_offsets(&[partition], OffsetAt::Latest, IsolationLevel::ReadCommitted));
    spawnable(cluster.create_topics(vec![NewTopic::new("orders")]));
    spawnable(cluster.delete_topics(&[Arc::from("orders")]));
    spawnable(cluster.create_delegation_token(NewToken::new()));
    spawnable(cluster.renew_delegation_token(token, period));
    spawnable(cluster.expire_delegation_token(token, period));
    spawnable(cluster.describe_delegation_tokens(None));
    spawnable(cluster.read(Vec::new(), ReadOptions::new()).next());
    spawnable(None::<Chunk>);
}

#[test]
fn every_call_of_a_client_can_run_in_a_task_of_its_own() {
    let _: fn(&Cluster, Config, &Token, TopicPartition) = futures;
}
