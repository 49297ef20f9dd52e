//! Faults: what a broker does wrong on purpose.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::messages::ApiKey;

use crate::BrokerId;
use crate::random::Random;

/// What goes wrong with one request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// The request is carried out and answered so much later.
    Delay(Duration),
    /// The request is never carried out nor answered; the connection stays open and is not read.
    Stall,
    /// The request is carried out, its answer is not sent, the next request is served: what no broker
    /// does, for answers come in the order of the requests. What a network does is
    /// [`StallAfter`](Self::StallAfter) and [`CloseAfter`](Self::CloseAfter).
    Drop,
    /// The request is carried out and never answered; the connection stays open and is not read. So
    /// it looks when the network swallows an answer and everything after it.
    StallAfter,
    /// The connection is closed before the request is carried out.
    CloseBefore,
    /// The request is carried out, and the connection is closed in place of an answer.
    CloseAfter,
    /// Only so many bytes of the answer are sent, its length among them; then the connection is
    /// closed.
    Truncate(usize),
    /// One byte of the answer, after length and correlation id, is changed. The seed chooses which.
    CorruptByte,
    /// The answer carries another correlation id.
    WrongCorrelationId,
    /// The answer's length prefix claims this.
    ClaimLength(i32),
    /// Bytes of the answer are overwritten, counted from its length prefix on: hostile counts.
    Overwrite {
        /// Where the first byte goes.
        at: usize,
        /// What to write.
        bytes: Vec<u8>,
    },
    /// The request is refused with this error code; where codes are per partition, in all of them.
    Refuse(i16),
    /// The request is carried out and then refused with this error code. Of requests that change
    /// nothing it is the same as [`Refuse`](Self::Refuse). In Produce it hits the partitions that were
    /// written to: brokers say 3, 6, 7 and 56 after the append too, those before 3.7 also 20, with the base
    /// offset.
    RefuseAfter(i16),
    /// One partition of a Produce is written to and then refused with this error code; in other
    /// requests it is the same as [`RefusePartition`](Self::RefusePartition).
    RefusePartitionAfter {
        /// The topic's name.
        topic: String,
        /// The partition.
        partition: i32,
        /// The error code.
        code: i16,
    },
    /// A Produce with acks -1 is written, and waits so long for its followers: Kafka's DelayedProduce.
    /// Then every partition is answered by what the broker knows by then: 3 if the topic is gone, 6 if
    /// the leader has changed, else the result; 7 if the request's own timeout came first. With fewer
    /// replicas in sync than `min.insync.replicas` nothing is committed (KIP-966), so it waits for them
    /// or for that timeout. Each code comes with the offset of the append. Other requests are not hit.
    HoldProduce(Duration),
    /// One partition of the request is refused with this error code.
    RefusePartition {
        /// The topic's name.
        topic: String,
        /// The partition.
        partition: i32,
        /// The error code.
        code: i16,
    },
    /// The answer to a Fetch lacks one partition that it was asked for, and comes at once; so does the answer to
    /// Metadata. Other requests are not hit.
    LeaveOut {
        /// The topic's name.
        topic: String,
        /// The partition; -1 is the whole topic, of Metadata alone.
        partition: i32,
    },
    /// A Fetch of one partition is answered at once by an epoch and where it ends in place of records, as
    /// if the log were another one than the one that was read (KIP-595). Of requests before version 12,
    /// which have no room for it, the partition is answered empty.
    Diverge {
        /// The topic's name.
        topic: String,
        /// The partition.
        partition: i32,
        /// The epoch.
        epoch: i32,
        /// Where it ends.
        end_offset: i64,
    },
    /// The answer says that the client was throttled for so long.
    Throttle(Duration),
}

/// An [`Action`], and the requests that it hits. Of several faults that match, the oldest one hits.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    action: Action,
    broker: Option<BrokerId>,
    api: Option<ApiKey>,
    connection: Option<u64>,
    skip: u64,
    times: u64,
    chance: f64,
}

impl Fault {
    /// A fault that hits every request, until it is narrowed.
    #[must_use]
    pub fn new(action: Action) -> Self {
        Self { action, broker: None, api: None, connection: None, skip: 0, times: u64::MAX, chance: 1.0 }
    }

    /// Only requests to this broker.
    #[must_use]
    pub fn on_broker(mut self, broker: BrokerId) -> Self {
        self.broker = Some(broker);
        self
    }

    /// Only requests of this API.
    #[must_use]
    pub fn on_api(mut self, api: ApiKey) -> Self {
        self.api = Some(api);
        self
    }

    /// Only requests on this connection: they are numbered from 1 in the order of their opening,
    /// over all brokers.
    #[must_use]
    pub fn on_connection(mut self, number: u64) -> Self {
        self.connection = Some(number);
        self
    }

    /// Lets the first matching requests pass.
    #[must_use]
    pub fn after(mut self, requests: u64) -> Self {
        self.skip = requests;
        self
    }

    /// Hits so many requests, then never again. Default: no end.
    #[must_use]
    pub fn times(mut self, requests: u64) -> Self {
        self.times = requests;
        self
    }

    /// Hits a matching request with this probability, from 0 to 1; the cluster's seed decides.
    #[must_use]
    pub fn chance(mut self, probability: f64) -> Self {
        self.chance = probability;
        self
    }

    fn hits(&mut self, broker: BrokerId, api: ApiKey, connection: u64, random: &mut Random) -> bool {
        let matches = self.broker.is_none_or(|b| b == broker)
            && self.api.is_none_or(|a| a == api)
            && self.connection.is_none_or(|c| c == connection);
        if !matches || self.times == 0 {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        if self.chance < 1.0 && !random.chance(self.chance) {
            return false;
        }
        self.times = self.times.saturating_sub(1);
        true
    }
}

/// The faults of a cluster.
#[derive(Debug, Default)]
pub(crate) struct FaultList {
    faults: Vec<(u64, Fault)>,
    /// How many were added.
    added: u64,
    /// Requests that each one hit.
    hits: BTreeMap<u64, u64>,
}

impl FaultList {
    pub(crate) fn add(&mut self, fault: Fault) -> u64 {
        self.added += 1;
        self.faults.push((self.added, fault));
        self.added
    }

    pub(crate) fn remove(&mut self, number: u64) {
        self.faults.retain(|(of, _)| *of != number);
    }

    pub(crate) fn hits(&self, number: u64) -> u64 {
        self.hits.get(&number).copied().unwrap_or(0)
    }

    pub(crate) fn clear(&mut self) {
        self.faults.clear();
    }

    pub(crate) fn pick(
        &mut self,
        broker: BrokerId,
        api: ApiKey,
        connection: u64,
        random: &mut Random,
    ) -> Option<Action> {
        let hit = self.faults.iter_mut().find_map(|(number, fault)| {
            fault.hits(broker, api, connection, random).then(|| (*number, fault.action.clone()))
        });
        self.faults.retain(|(_, fault)| fault.times > 0);
        let (number, action) = hit?;
        *self.hits.entry(number).or_default() += 1;
        Some(action)
    }
}
