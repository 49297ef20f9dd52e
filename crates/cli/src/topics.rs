//! `ottla topics ..`

use std::sync::Arc;

use ottla::{DescribedTopic, NewTopic};
use serde_json::json;

use crate::arguments::Access;
use crate::arguments::token::ListFormat;
use crate::arguments::topics::{CreateOptions, ListOptions, TopicsCommand};
use crate::failure::Failure;
use crate::{login, output};

pub(crate) async fn run(access: &Access, command: TopicsCommand) -> Result<(), Failure> {
    let cluster = login::cluster(access).await?;
    match command {
        TopicsCommand::List(options) => {
            let topics = cluster.list_topics().await?;
            print(&options, topics.iter().filter(|topic| options.internal || !topic.internal))
        }
        TopicsCommand::Create(options) => Ok(cluster.create_topics(vec![new_topic(options)]).await?),
        TopicsCommand::Delete { names } => {
            let names: Vec<Arc<str>> = names.into_iter().map(Arc::from).collect();
            Ok(cluster.delete_topics(&names).await?)
        }
    }
}

fn new_topic(options: CreateOptions) -> NewTopic {
    let mut topic = NewTopic::new(options.name);
    if let Some(partitions) = options.partitions {
        topic = topic.with_partitions(partitions);
    }
    if let Some(replicas) = options.replication_factor {
        topic = topic.with_replication_factor(replicas);
    }
    options.settings.into_iter().fold(topic, |topic, (key, value)| topic.with_config(key, value))
}

fn print<'a>(options: &ListOptions, topics: impl Iterator<Item = &'a DescribedTopic>) -> Result<(), Failure> {
    match options.format {
        ListFormat::Json => {
            for topic in topics {
                output::print_json(&in_json(topic))?;
            }
            Ok(())
        }
        ListFormat::Table => {
            let head = ["TOPIC", "PARTITIONS", "REPLICAS", "WITHOUT-LEADER", "BEHIND"];
            let mut rows = vec![head.map(str::to_owned).to_vec()];
            rows.extend(topics.map(row));
            output::print_table(&rows)
        }
    }
}

fn in_json(topic: &DescribedTopic) -> serde_json::Value {
    let partition = |it: &ottla::DescribedPartition| {
        json!({
            "partition": it.partition,
            "leader": it.leader.map(|broker| broker.0),
            "replicas": it.replicas,
            "in_sync": it.in_sync,
        })
    };
    let partitions: Vec<_> = topic.partitions.iter().map(partition).collect();
    json!({ "topic": &*topic.name, "internal": topic.internal, "partitions": partitions })
}

fn row(topic: &DescribedTopic) -> Vec<String> {
    let partitions = &topic.partitions;
    let replicas = partitions.iter().map(|partition| partition.replicas).max().unwrap_or(0);
    let leaderless = partitions.iter().filter(|partition| partition.leader.is_none()).count();
    let behind = partitions.iter().filter(|partition| partition.in_sync < partition.replicas).count();
    let numbers = [partitions.len(), replicas, leaderless, behind].map(|number| number.to_string());
    [vec![topic.name.to_string()], numbers.to_vec()].concat()
}
