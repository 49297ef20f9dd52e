//! The offsets of partitions: earliest, latest, at a point in time.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::cluster::client::{Cluster, Repeat};
use crate::cluster::retry::Limit;
use crate::cluster::topology::Leader;
use crate::error::Error;
use crate::ids::{BrokerId, TopicPartition};
use crate::wire::codec::Request;
use crate::wire::codec::fetch::IsolationLevel;
use crate::wire::codec::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic, OffsetAt,
};
use crate::wire::error_code::ErrorCode;

impl Cluster {
    /// Finds an offset of each partition, by one request to each leader.
    ///
    /// With [`IsolationLevel::ReadCommitted`] the latest offset is the last stable one: records
    /// from there on belong to open transactions. At a point in time, a partition without a
    /// record that is as young has no offset and is left out of the answer.
    ///
    /// # Errors
    /// `Broker` for a partition that does not exist or may not be described; `Connect` or
    /// `Timeout` if a leader cannot be reached within the deadline.
    ///
    /// # Cancel safety
    /// A dropped call loses the answer only.
    pub async fn list_offsets(
        &self,
        partitions: &[TopicPartition],
        at: OffsetAt,
        isolation_level: IsolationLevel,
    ) -> Result<HashMap<TopicPartition, i64>, Error> {
        let mut topics: Vec<_> = partitions.iter().map(|partition| Arc::clone(&partition.topic)).collect();
        topics.sort_unstable();
        topics.dedup();
        let mut attempts = self.attempts(Repeat::Harmless);
        self.want_in(&mut attempts, &topics).await?;
        let mut missing = partitions.to_vec();
        let mut found = HashMap::with_capacity(partitions.len());
        loop {
            let (answers, error) = self.list_once(&missing, at, isolation_level, attempts.limit()).await;
            let answered: HashSet<_> = answers.iter().map(|(partition, _)| partition.clone()).collect();
            missing.retain(|wanted| !answered.contains(wanted));
            found.extend(answers.into_iter().filter_map(|(partition, offset)| Some((partition, offset?))));
            match error {
                None => return Ok(found),
                Some(error) => attempts.after(error).await?,
            }
        }
    }

    /// Finds an offset of each partition, as far as they are known and have one, and does not try again.
    pub(crate) async fn list_offsets_once(
        &self,
        partitions: &[TopicPartition],
        at: OffsetAt,
        isolation_level: IsolationLevel,
    ) -> Result<HashMap<TopicPartition, i64>, Error> {
        let limit = self.limit();
        let (answers, error) = self.list_once(partitions, at, isolation_level, limit).await;
        let found = answers.into_iter().filter_map(|(partition, offset)| Some((partition, offset?)));
        error.map_or_else(|| Ok(found.collect()), Err)
    }

    /// Asks every leader once, side by side. Gives what was answered, and an error if that is not
    /// all.
    async fn list_once(
        &self,
        partitions: &[TopicPartition],
        at: OffsetAt,
        isolation_level: IsolationLevel,
        limit: Limit,
    ) -> (Vec<(TopicPartition, Option<i64>)>, Option<Error>) {
        let (by_leader, mut error) = self.by_leader(partitions);
        let mut asked = JoinSet::new();
        for (broker, partitions) in by_leader {
            let request = ListOffsetsRequest { isolation_level, topics: by_topic(&partitions, at) };
            let cluster = self.clone();
            asked.spawn(async move { cluster.call_broker_within(broker, &request, limit).await });
        }
        let mut answers = Vec::with_capacity(partitions.len());
        while let Some(answer) = asked.join_next().await {
            match answer {
                Ok(Ok(response)) => error = take(response, &mut answers).or(error),
                Ok(Err(failed)) => error = Some(failed),
                Err(_) => error = Some(Error::shutdown()),
            }
        }
        if error.is_none() && answers.len() < partitions.len() {
            error = Some(Error::broker(ErrorCode::UNKNOWN_SERVER_ERROR).in_api(ListOffsetsRequest::API));
        }
        (answers, error)
    }

    /// Sorts partitions by their leader; those without one are an error.
    fn by_leader(&self, partitions: &[TopicPartition]) -> (BTreeMap<BrokerId, Led>, Option<Error>) {
        let mut by_leader = BTreeMap::<BrokerId, Led>::new();
        let mut error = None;
        self.topology(|topology| {
            for partition in partitions {
                match topology.leader(partition) {
                    Some(leader) => {
                        by_leader.entry(leader.broker).or_default().push((partition.clone(), leader))
                    }
                    None => {
                        let code = topology.why_leaderless(partition);
                        error = Some(Error::broker(code).at_partition(partition));
                    }
                }
            }
        });
        (by_leader, error)
    }
}

/// Partitions of one leader.
type Led = Vec<(TopicPartition, Leader)>;

fn by_topic(partitions: &Led, at: OffsetAt) -> Vec<ListOffsetsTopic> {
    let mut topics = BTreeMap::<&Arc<str>, Vec<ListOffsetsPartition>>::new();
    for (partition, leader) in partitions {
        topics.entry(&partition.topic).or_default().push(ListOffsetsPartition {
            partition: partition.partition,
            current_leader_epoch: leader.epoch,
            at,
        });
    }
    let topic =
        |(topic, partitions): (&Arc<str>, _)| ListOffsetsTopic { topic: Arc::clone(topic), partitions };
    topics.into_iter().map(topic).collect()
}

fn take(response: ListOffsetsResponse, answers: &mut Vec<(TopicPartition, Option<i64>)>) -> Option<Error> {
    let mut error = None;
    for topic in response.topics {
        for listed in topic.partitions {
            let partition = TopicPartition::new(Arc::clone(&topic.topic), listed.partition);
            match listed.error {
                ErrorCode::NONE => answers.push((partition, (listed.offset >= 0).then_some(listed.offset))),
                code => {
                    let refused = Error::broker(code).in_api(ListOffsetsRequest::API);
                    error = Some(refused.at_partition(&partition));
                }
            }
        }
    }
    error
}
