//! Partitions that a topic gets while it is read without an end: nobody reads them.

use std::sync::Arc;
use std::time::Duration;

use ottla::Cluster;
use ottla::ids::TopicPartition;

use crate::failure::say;

/// How soon the topic is looked at, and how often at least from then on.
const FIRST_LOOK: Duration = Duration::from_secs(2);
const LAST_LOOK: Duration = Duration::from_secs(60);

/// Tells of every partition that the topic gets, once.
pub(super) async fn tell(cluster: Cluster, topic: Arc<str>, mut known: Vec<i32>) {
    let mut pause = FIRST_LOOK;
    loop {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_LOOK);
        // A topic that cannot be told of now may be told of at the next look.
        let described = cluster.describe_topics(std::slice::from_ref(&topic)).await.unwrap_or_default();
        let partitions = described.iter().flat_map(|topic| &topic.partitions);
        let new: Vec<i32> =
            partitions.map(|p| p.partition).filter(|number| !known.contains(number)).collect();
        if !new.is_empty() {
            let names: Vec<String> = new
                .iter()
                .map(|number| TopicPartition::new(Arc::clone(&topic), *number).to_string())
                .collect();
            say(&format!(
                "{} came after the reading began and is not read: start it again",
                names.join(", ")
            ));
            known.extend(new);
        }
    }
}
