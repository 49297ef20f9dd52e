//! What an API sees besides its request.

use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::TopicName;
use uuid::Uuid;

use crate::BrokerId;
use crate::clock::{Now, millis};
use crate::fault::Action;
use crate::serve::Session;
use crate::state::{Note, Partition, Quota, State};

/// A request on its way through an API.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) session: &'a mut Session,
    pub(crate) now: Now,
    pub(crate) broker: BrokerId,
    pub(crate) version: i16,
    pub(crate) client_id: &'a str,
    /// For how long the client is throttled: by a fault, or by a quota.
    pub(crate) throttled: Duration,
    /// The part of it that is due to the number of requests.
    pub(crate) throttled_by_requests: Duration,
    pub(crate) fault: Option<&'a Action>,
    /// When the request was first answered with "later".
    pub(crate) waiting_since: Option<Now>,
    /// What the request asked of partitions, for [`Cluster::asked`](crate::Cluster::asked).
    pub(crate) notes: Vec<Note>,
}

impl Call<'_> {
    /// The throttle time to report.
    pub(crate) fn throttle(&self) -> i32 {
        i32::try_from(millis(self.throttled)).unwrap_or(i32::MAX)
    }

    /// Counts what a request brought or took, and throttles the client if that is too much. The time by
    /// which it exceeds this quota.
    pub(crate) fn charge(&mut self, quota: Quota, amount: usize) -> Duration {
        #[expect(clippy::cast_precision_loss, reason = "a rate need not be exact")]
        let counted = (amount as f64, self.now.millis);
        let exceeds = self.state.quotas.record(quota, self.broker, self.client_id, counted);
        if quota == Quota::ConsumerByteRate && exceeds > Duration::ZERO {
            self.state.quotas.take_back(self.broker, self.client_id, counted);
        }
        self.throttled = self.throttled.max(exceeds);
        exceeds
    }

    /// The error code that a fault demands for the whole request, before it is carried out.
    pub(crate) fn refusal_before(&self) -> Option<i16> {
        match self.fault {
            Some(Action::Refuse(code)) => Some(*code),
            _ => None,
        }
    }

    /// The error code that a fault demands for the whole request, after it was carried out.
    pub(crate) fn refusal_after(&self) -> Option<i16> {
        match self.fault {
            Some(Action::RefuseAfter(code)) => Some(*code),
            _ => None,
        }
    }

    /// The error code that a fault demands for a request that changes nothing.
    pub(crate) fn refusal(&self) -> Option<i16> {
        self.refusal_before().or_else(|| self.refusal_after())
    }

    /// The error code that a fault demands for a partition to which nothing is written.
    pub(crate) fn partition_refusal(&self, name: &str, index: i32) -> Option<i16> {
        self.partition_refusal_before(name, index).or_else(|| self.partition_refusal_after(name, index))
    }

    /// The error code that a fault demands for a partition before it is written to.
    pub(crate) fn partition_refusal_before(&self, name: &str, index: i32) -> Option<i16> {
        match self.fault {
            Some(Action::RefusePartition { topic, partition, code })
                if topic == name && *partition == index =>
            {
                Some(*code)
            }
            _ => self.refusal_before(),
        }
    }

    /// The error code that a fault demands for a partition after it was written to.
    pub(crate) fn partition_refusal_after(&self, name: &str, index: i32) -> Option<i16> {
        match self.fault {
            Some(Action::RefusePartitionAfter { topic, partition, code })
                if topic == name && *partition == index =>
            {
                Some(*code)
            }
            _ => self.refusal_after(),
        }
    }

    /// Whether a fault takes the partition out of an answer, or by -1 the topic.
    pub(crate) fn leaves_out(&self, name: &str, index: i32) -> bool {
        matches!(self.fault, Some(Action::LeaveOut { topic, partition }) if topic == name && *partition == index)
    }

    /// The epoch by which a fault has a partition answer a Fetch, and where it ends.
    pub(crate) fn diverging(&self, name: &str, index: i32) -> Option<(i32, i64)> {
        match self.fault {
            Some(Action::Diverge { topic, partition, epoch, end_offset })
                if topic == name && *partition == index =>
            {
                Some((*epoch, *end_offset))
            }
            _ => None,
        }
    }

    /// Notes what was asked of a partition, and what came of it.
    pub(crate) fn note(&mut self, topic: &str, partition: Option<i32>, offset: i64, told: (i16, usize)) {
        let (code, bytes) = told;
        self.notes.push(Note { topic: topic.to_owned(), partition, offset, code, bytes });
    }

    /// Whether a topic may be seen: else 29.
    pub(crate) fn may_describe(&self, topic: &str) -> Result<(), i16> {
        let hidden = self.state.access.is_hidden(topic);
        if hidden { Err(ResponseError::TopicAuthorizationFailed.code()) } else { Ok(()) }
    }

    /// A partition that this broker leads, or the error code: of a fault, 3, 6, 74 or 75. An epoch of
    /// -1 is not compared.
    pub(crate) fn led(&mut self, topic: &str, index: i32, epoch: i32) -> Result<&mut Partition, i16> {
        if let Some(code) = self.partition_refusal(topic, index) {
            return Err(code);
        }
        self.leads(topic, index, epoch)
    }

    /// As [`Call::led`], whatever a fault demands. A broker that lags behind compares with what it
    /// knows; one that only believes that it leads, or has not heard of its last election, answers 6 too.
    pub(crate) fn leads(&mut self, topic: &str, index: i32, epoch: i32) -> Result<&mut Partition, i16> {
        let unknown = ResponseError::UnknownTopicOrPartition.code();
        let seen = self.state.seen_by(self.broker);
        let known = seen.topics.by_name(topic).and_then(|topic| topic.partition(index)).ok_or(unknown)?;
        if epoch >= 0 && epoch < known.epoch {
            return Err(ResponseError::FencedLeaderEpoch.code());
        }
        if epoch > known.epoch {
            return Err(ResponseError::UnknownLeaderEpoch.code());
        }
        let (believes, known_epoch) = (known.leader == Some(self.broker), known.epoch);
        let topic = self.state.topics.by_name_mut(topic);
        let partition = topic.and_then(|topic| topic.partition_mut(index)).ok_or(unknown)?;
        if !believes || partition.leader != Some(self.broker) || partition.epoch != known_epoch {
            return Err(ResponseError::NotLeaderOrFollower.code());
        }
        Ok(partition)
    }

    /// The topic's name, by name or by id; 100 for an id that no topic has. A request that waited while
    /// its topic was deleted gets 3: its id was looked up before.
    pub(crate) fn topic_name(&self, name: &TopicName, id: Uuid) -> Result<String, i16> {
        if id.is_nil() {
            return Ok(name.to_string());
        }
        let unknown = match self.waiting_since {
            None => ResponseError::UnknownTopicId,
            Some(_) => ResponseError::UnknownTopicOrPartition,
        };
        let seen = self.state.seen_by(self.broker);
        let known = seen.topics.name_of(id).filter(|_| self.state.topics.name_of(id).is_some());
        known.map(str::to_owned).ok_or(unknown.code())
    }

    /// The leader and its epoch, for answers that say where a partition has gone; -1 if unknown.
    pub(crate) fn leader_of(&self, topic: &str, index: i32) -> (i32, i32) {
        let seen = self.state.seen_by(self.broker);
        let partition = seen.topics.by_name(topic).and_then(|topic| topic.partition(index));
        partition.map_or((-1, -1), |p| (p.leader.map_or(-1, |leader| leader.0), p.epoch))
    }

    /// The address of a broker on the listener of this connection.
    pub(crate) fn address(&self, broker: BrokerId) -> (String, i32) {
        let address = self.state.address(broker, self.session.protocol);
        address.map_or((String::new(), -1), |(host, port)| (host, port.into()))
    }
}
