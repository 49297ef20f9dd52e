//! The one topic that a command is about.

use std::sync::Arc;
use std::time::Duration;

use ottla::{Cluster, Error, ErrorKind};
use tokio::time::timeout_at;

use crate::failure::Failure;

/// A topic may have been made a moment ago, and be unknown to a broker yet.
const YOUNG: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(250);

/// `UNKNOWN_TOPIC_OR_PARTITION`
const UNKNOWN: i16 = 3;
/// `LEADER_NOT_AVAILABLE`
const LEADERLESS: i16 = 5;

/// The numbers of its partitions, in ascending order. A topic that is unknown is asked for again, for a moment that
/// no single answer outlives.
pub(crate) async fn partitions(cluster: &Cluster, topic: &str) -> Result<Vec<i32>, Failure> {
    let topic: Arc<str> = Arc::from(topic);
    let mut answer = cluster.describe_topics(std::slice::from_ref(&topic)).await;
    let until = crate::now() + YOUNG;
    loop {
        match answer {
            Ok(topics) => {
                let partitions = topics.iter().flat_map(|topic| &topic.partitions);
                return Ok(partitions.map(|partition| partition.partition).collect());
            }
            Err(error) if is_young(&error) && crate::now() + PAUSE < until => {
                tokio::time::sleep(PAUSE).await;
                let again = cluster.describe_topics(std::slice::from_ref(&topic));
                answer = timeout_at(until.into(), again).await.unwrap_or(Err(error));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether a topic that was made a moment ago may be the reason.
fn is_young(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Broker(code) if matches!(code.code(), UNKNOWN | LEADERLESS))
}
