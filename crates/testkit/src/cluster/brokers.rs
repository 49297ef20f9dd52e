//! Brokers that stop, crash and start, as a test decides.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::Cluster;
use crate::{BrokerId, Error};

impl Cluster {
    /// Stops a broker: its connections are closed, new ones are closed at once, and others lead its
    /// partitions. Partitions without another replica have no leader.
    ///
    /// # Errors
    /// [`Error::UnknownBroker`].
    pub fn stop_broker(&self, broker: BrokerId) -> Result<(), Error> {
        let stop = self.stop_of(broker)?;
        self.shared.lock().0.set_running(broker, false);
        stop.send_replace(());
        self.shared.changed.notify_waiters();
        Ok(())
    }

    /// Kills a broker: its connections are closed, and new ones are closed at once, but the controller
    /// has not noticed. Metadata names it until [`fence_broker`](Self::fence_broker), as it does for
    /// `broker.session.timeout.ms` (9 s).
    ///
    /// # Errors
    /// [`Error::UnknownBroker`].
    pub fn crash_broker(&self, broker: BrokerId) -> Result<(), Error> {
        let stop = self.stop_of(broker)?;
        if let Some(node) = self.shared.lock().0.nodes.get_mut(&broker) {
            node.running = false;
        }
        stop.send_replace(());
        Ok(())
    }

    /// Has the controller notice that a broker was killed: others lead its partitions.
    ///
    /// # Errors
    /// [`Error::UnknownBroker`].
    pub fn fence_broker(&self, broker: BrokerId) -> Result<(), Error> {
        self.stop_broker(broker)
    }

    /// Stops a broker and starts it again after so long.
    ///
    /// # Errors
    /// [`Error::UnknownBroker`].
    ///
    /// # Cancel safety
    /// A broker whose restart is cancelled stays down.
    pub async fn restart_broker(&self, broker: BrokerId, down: Duration) -> Result<(), Error> {
        self.stop_broker(broker)?;
        sleep(down).await;
        self.start_broker(broker)
    }

    /// Starts a broker that was stopped or killed. It leads what has no leader; what it led before, if
    /// nobody had noticed that it was away, in a new epoch.
    ///
    /// # Errors
    /// [`Error::UnknownBroker`].
    pub fn start_broker(&self, broker: BrokerId) -> Result<(), Error> {
        self.stop_of(broker)?;
        {
            let (mut state, _) = self.shared.lock();
            // Who registers anew was away, whether or not that was noticed.
            if state.nodes.get(&broker).is_some_and(|node| !node.running) {
                state.set_running(broker, false);
            }
            state.set_running(broker, true);
        }
        self.shared.changed.notify_waiters();
        Ok(())
    }

    /// Closes every connection of a broker, which goes on running.
    ///
    /// # Errors
    /// [`Error::UnknownBroker`].
    pub fn close_connections(&self, broker: BrokerId) -> Result<(), Error> {
        self.stop_of(broker)?.send_replace(());
        Ok(())
    }

    pub(super) fn stop_of(&self, broker: BrokerId) -> Result<&watch::Sender<()>, Error> {
        self.stops.get(&broker).ok_or(Error::UnknownBroker(broker))
    }
}
