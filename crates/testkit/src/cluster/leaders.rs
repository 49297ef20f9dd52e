//! Who leads a partition, as a test decides.

use super::Cluster;
use super::logs::find;
use crate::{BrokerId, Error};

impl Cluster {
    /// Who leads a partition; `None` if nobody does, or there is no such partition.
    #[must_use]
    pub fn leader(&self, topic: &str, partition: i32) -> Option<BrokerId> {
        let (mut state, _) = self.shared.lock();
        find(&mut state, topic, partition).ok()?.leader
    }

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

    /// Takes a partition's leader away until [`elect`](Self::elect) or
    /// [`move_leader`](Self::move_leader): metadata says 5 and no leader, in an epoch of its own, and
    /// brokers answer 6.
    ///
    /// # Errors
    /// [`Error::UnknownPartition`].
    pub fn without_leader(&self, topic: &str, partition: i32) -> Result<(), Error> {
        self.change(topic, partition, |partition, _| {
            partition.change_leader(None);
            partition.without_leader = true;
            Ok(())
        })
    }

    /// Makes the first replica in sync that runs the leader, in a new epoch, and says which it is.
    ///
    /// # Errors
    /// [`Error::UnknownPartition`]; [`Error::NoReplica`] if none in sync runs.
    pub fn elect(&self, topic: &str, partition: i32) -> Result<BrokerId, Error> {
        let running = self.shared.lock().0.running();
        self.change(topic, partition, |found, _| {
            let none = || Error::NoReplica { topic: topic.to_owned(), partition };
            let leader = found.in_sync(&running).next().copied().ok_or_else(none)?;
            found.change_leader(Some(leader));
            Ok(leader)
        })
    }

    /// Has a broker learn nothing more of topics, leaders and brokers: its metadata stays as it is now,
    /// and it compares leader epochs with that (75 for one that it does not know yet). It serves the
    /// partitions that it leads still.
    ///
    /// # Errors
    /// [`Error::UnknownBroker`].
    pub fn freeze_metadata(&self, broker: BrokerId) -> Result<(), Error> {
        self.stop_of(broker)?;
        self.shared.lock().0.freeze(broker);
        Ok(())
    }

    /// Has a broker catch up with what it missed since [`freeze_metadata`](Self::freeze_metadata).
    ///
    /// # Errors
    /// [`Error::UnknownBroker`].
    pub fn thaw_metadata(&self, broker: BrokerId) -> Result<(), Error> {
        self.stop_of(broker)?;
        self.shared.lock().0.frozen.remove(&broker);
        self.shared.changed.notify_waiters();
        Ok(())
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
