//! Who leads a partition, as a test decides.

use super::Cluster;
use crate::{BrokerId, Error};

impl Cluster {
    /// Makes another broker the leader; nothing is lost.
    ///
    /// # Errors
    /// [`Error::UnknownPartition`], [`Error::UnknownBroker`].
    pub fn move_leader(&self, topic: &str, partition: i32, to: BrokerId) -> Result<(), Error> {
        self.lead(topic, partition, to, i64::MAX)
    }

    /// Makes a broker the leader that lacks the log's end from `offset` on: those records are lost,
    /// with the whole batch that spans the offset.
    ///
    /// # Errors
    /// [`Error::UnknownPartition`], [`Error::UnknownBroker`].
    pub fn unclean_leader(
        &self,
        topic: &str,
        partition: i32,
        to: BrokerId,
        offset: i64,
    ) -> Result<(), Error> {
        self.lead(topic, partition, to, offset)
    }

    fn lead(&self, topic: &str, partition: i32, to: BrokerId, end: i64) -> Result<(), Error> {
        self.stops.get(&to).ok_or(Error::UnknownBroker(to))?;
        self.change(topic, partition, |partition, _| {
            if !partition.replicas.contains(&to) {
                partition.replicas.push(to);
            }
            partition.log.truncate(end);
            partition.change_leader(Some(to));
            Ok(())
        })
    }

    /// Takes a running replica out of the replicas in sync: it lags behind. A Produce with acks -1 is
    /// refused with 19 when fewer are in sync than `min.insync.replicas`.
    ///
    /// # Errors
    /// [`Error::UnknownPartition`].
    pub fn leave_isr(&self, topic: &str, partition: i32, replica: BrokerId) -> Result<(), Error> {
        self.change(topic, partition, |partition, _| {
            partition.lagging.insert(replica);
            Ok(())
        })
    }

    /// Has a replica catch up again.
    ///
    /// # Errors
    /// [`Error::UnknownPartition`].
    pub fn join_isr(&self, topic: &str, partition: i32, replica: BrokerId) -> Result<(), Error> {
        self.change(topic, partition, |partition, _| {
            partition.lagging.remove(&replica);
            Ok(())
        })
    }
}
