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
        let mut found = Offsets::with_capacity(partitions.len());
        loop {
            let (answered, error) = self.list_once(&missing, at, isolation_level, attempts.limit()).await;
            found.extend(answered);
            missing.retain(|wanted| !found.contains_key(wanted));
            match error {
                None => return Ok(existing(found)),
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
        match self.list_once(partitions, at, isolation_level, limit).await {
            (found, None) => Ok(existing(found)),
            (_, Some(error)) => Err(error),
        }
    }

    /// Asks every leader once, side by side. Gives what was answered, and an error if that is not
    /// all.
    async fn list_once(
        &self,
        partitions: &[TopicPartition],
        at: OffsetAt,
        isolation_level: IsolationLevel,
        limit: Limit,
    ) -> (Offsets, Option<Error>) {
        let (by_leader, mut error) = self.by_leader(partitions);
        let mut asked = JoinSet::new();
        for (broker, led) in by_leader {
            let request = ListOffsetsRequest { isolation_level, topics: by_topic(&led, at) };
            let cluster = self.clone();
            asked.spawn(async move {
                let response = cluster.call_broker_within(broker, &request, limit).await?;
                answers(&led, at, response)
            });
        }
        let mut found = Offsets::with_capacity(partitions.len());
        while let Some(answered) = asked.join_next().await {
            match answered {
                Ok(Ok((offsets, refused))) => {
                    found.extend(offsets);
                    error = refused.or(error);
                }
                Ok(Err(failed)) => error = Some(failed),
                Err(_) => error = Some(Error::shutdown()),
            }
        }
        (found, error)
    }

    /// Sorts partitions by their leader; those without one are an error.
    fn by_leader(&self, partitions: &[TopicPartition]) -> (BTreeMap<BrokerId, Led>, Option<Error>) {
        let mut by_leader = BTreeMap::<BrokerId, Led>::new();
        let mut error = None;
        // Brokers refuse a partition that is named twice.
        let partitions: HashSet<_> = partitions.iter().collect();
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

/// The offsets of partitions; at a point in time some have none.
type Offsets = HashMap<TopicPartition, Option<i64>>;

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

/// What a leader tells of the partitions that it was asked about, and the last of its refusals. Of an answer that is
/// not about these, each of them once, nothing counts: no checksum covers it, and what it says of one may be true of
/// another.
fn answers(
    led: &Led,
    at: OffsetAt,
    response: ListOffsetsResponse,
) -> Result<(Offsets, Option<Error>), Error> {
    let other = || Error::other_than_asked(ListOffsetsRequest::API);
    let mut listed = HashMap::with_capacity(led.len());
    for topic in response.topics {
        for told in topic.partitions {
            let partition = TopicPartition::new(Arc::clone(&topic.topic), told.partition);
            if listed.insert(partition, told).is_some() {
                return Err(other());
            }
        }
    }
    if listed.len() != led.len() {
        return Err(other());
    }
    let (mut found, mut error) = (Offsets::with_capacity(led.len()), None);
    for (partition, _) in led {
        let told = listed.remove(partition).ok_or_else(other)?;
        match told.error {
            ErrorCode::NONE => {
                let offset = (told.offset >= 0).then_some(told.offset);
                // Every log has a beginning and an end.
                if offset.is_none() && !matches!(at, OffsetAt::Time(_)) {
                    return Err(other().at_partition(partition));
                }
                found.insert(partition.clone(), offset);
            }
            code => error = Some(Error::broker(code).in_api(ListOffsetsRequest::API).at_partition(partition)),
        }
    }
    Ok((found, error))
}

/// Those that have an offset.
fn existing(found: Offsets) -> HashMap<TopicPartition, i64> {
    found.into_iter().filter_map(|(partition, offset)| Some((partition, offset?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::time::Timestamp;
    use crate::wire::codec::list_offsets::{ListedOffset, ListedTopic};

    fn led(partitions: &[i32]) -> Led {
        let leader = Leader { broker: BrokerId(1), epoch: None };
        partitions.iter().map(|partition| (TopicPartition::new("t", *partition), leader)).collect()
    }

    fn response(topic: &str, listed: &[(i32, i64)]) -> ListOffsetsResponse {
        let listed = listed.iter().map(|(partition, offset)| ListedOffset {
            partition: *partition,
            error: ErrorCode::NONE,
            offset: *offset,
            timestamp: Timestamp::from_millis(-1),
            leader_epoch: None,
        });
        ListOffsetsResponse {
            topics: vec![ListedTopic { topic: topic.into(), partitions: listed.collect() }],
        }
    }

    #[test]
    fn an_answer_about_other_partitions_than_those_asked_for_counts_for_nothing() {
        let asked = led(&[0, 1]);
        let latest = |response| answers(&asked, OffsetAt::Latest, response);
        let (found, error) = latest(response("t", &[(1, 7), (0, 0)])).unwrap();
        assert!(error.is_none());
        let place = |partition| TopicPartition::new("t", partition);
        assert_eq!(existing(found), HashMap::from([(place(0), 0), (place(1), 7)]));
        for wrong in [&[(0, 1), (2, 2)][..], &[(0, 1), (0, 1)], &[(0, 1)], &[], &[(0, 1), (1, 2), (2, 3)]] {
            let error = latest(response("t", wrong)).unwrap_err();
            assert!(error.kind() == ErrorKind::Protocol && error.is_retriable(), "{wrong:?}");
        }
        latest(response("u", &[(0, 1), (1, 2)])).unwrap_err();
    }

    #[test]
    fn only_at_a_point_in_time_a_partition_has_no_offset() {
        let (asked, none) = (led(&[0]), response("t", &[(0, -1)]));
        for always in [OffsetAt::Earliest, OffsetAt::Latest] {
            let error = answers(&asked, always, none.clone()).unwrap_err();
            assert_eq!(error.topic_partition(), Some(&asked[0].0));
        }
        let (found, error) = answers(&asked, OffsetAt::Time(Timestamp::from_millis(5)), none).unwrap();
        assert!(error.is_none() && existing(found.clone()).is_empty() && found.len() == 1);
    }

    #[test]
    fn a_refusal_leaves_what_is_told_of_other_partitions() {
        let mut response = response("t", &[(0, 5), (1, -1)]);
        response.topics[0].partitions[1].error = ErrorCode::NOT_LEADER_OR_FOLLOWER;
        let (found, error) = answers(&led(&[0, 1]), OffsetAt::Latest, response).unwrap();
        assert_eq!(existing(found), HashMap::from([(TopicPartition::new("t", 0), 5)]));
        assert_eq!(error.unwrap().topic_partition(), Some(&TopicPartition::new("t", 1)));
    }
}
