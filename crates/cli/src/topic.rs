//! The one topic that a command is about.

use std::sync::Arc;
use std::time::Duration;

use ottla::Cluster;

use crate::failure::Failure;

/// A topic may have been made a moment ago, and be unknown to a broker yet.
const YOUNG: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(250);

/// The numbers of its partitions, in ascending order.
pub(crate) async fn partitions(cluster: &Cluster, topic: &str) -> Result<Vec<i32>, Failure> {
    let topic: Arc<str> = Arc::from(topic);
    let mut waited = Duration::ZERO;
    loop {
        match cluster.describe_topics(std::slice::from_ref(&topic)).await {
            Ok(topics) => {
                let partitions = topics.iter().flat_map(|topic| &topic.partitions);
                return Ok(partitions.map(|partition| partition.partition).collect());
            }
            Err(error) if error.is_retriable() && waited < YOUNG => {
                tokio::time::sleep(PAUSE).await;
                waited += PAUSE;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
