//! A running cluster, as a test holds it.

mod appended;
mod brokers;
mod leaders;
mod logs;
mod tokens;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use appended::{Appended, Fate};
pub use logs::{LogOffsets, LoggedRecord};

use crate::serve::{Door, Shared};
use crate::{
    Asked, BrokerId, ClusterBuilder, Connector, Counters, Error, Fault, Protocol, Quota, Reach,
    TopicOperation, WireFault,
};

/// A Kafka cluster inside this process. Dropping it ends its brokers and closes their connections.
#[derive(Debug)]
pub struct Cluster {
    pub(crate) shared: Arc<Shared>,
    pub(crate) stops: BTreeMap<BrokerId, watch::Sender<()>>,
    pub(crate) doors: Arc<BTreeMap<(String, u16), Door>>,
    pub(crate) accepting: Vec<JoinHandle<()>>,
    #[cfg(feature = "tls")]
    pub(crate) authority: crate::tls::Authority,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for task in &self.accepting {
            task.abort();
        }
    }
}

impl Cluster {
    /// Sets up a cluster.
    #[must_use]
    pub fn builder() -> ClusterBuilder {
        ClusterBuilder::default()
    }

    pub(crate) fn accept(&mut self, sockets: BTreeMap<(BrokerId, Protocol), TcpListener>) {
        for (place, socket) in sockets {
            let door = self.doors.values().find(|door| (door.broker, door.protocol) == place);
            if let Some(door) = door {
                self.accepting.push(tokio::spawn(door.clone().accept(socket)));
            }
        }
    }

    /// `host:port` of a listener on every broker, separated by commas.
    ///
    /// # Errors
    /// [`Error::NoListener`].
    pub fn bootstrap(&self, protocol: Protocol) -> Result<String, Error> {
        let brokers: Vec<BrokerId> = self.shared.lock().0.nodes.keys().copied().collect();
        let addresses: Result<Vec<String>, Error> = brokers
            .into_iter()
            .map(|broker| self.address(broker, protocol).map(|(host, port)| format!("{host}:{port}")))
            .collect();
        Ok(addresses?.join(","))
    }

    /// Host and port of a listener of one broker.
    ///
    /// # Errors
    /// [`Error::NoListener`].
    pub fn address(&self, broker: BrokerId, protocol: Protocol) -> Result<(String, u16), Error> {
        self.shared.lock().0.address(broker, protocol).ok_or(Error::NoListener(protocol))
    }

    /// Opens pipes to the brokers of a cluster in memory.
    #[must_use]
    pub fn connector(&self) -> Connector {
        Connector { doors: Arc::clone(&self.doors) }
    }

    /// Says what becomes of connections to an address in memory from now on; see
    /// [`Connector::addresses`].
    pub fn set_reach(&self, address: IpAddr, reach: Reach) {
        self.shared.lock().0.network.set_reach(address, reach);
    }

    /// Bounds what a client id may do a second on each broker, or every client id that has no bound of
    /// its own; none takes the bound away. A client that exceeds it is told for how long it is
    /// throttled, and nothing that it sends on the connection is read until then (KIP-219).
    pub fn set_quota(&self, quota: Quota, client_id: Option<&str>, per_second: Option<f64>) {
        self.shared.lock().0.quotas.set(quota, client_id, per_second);
    }

    /// Denies everybody an operation on a topic, or allows it again. Who may neither read nor write may not
    /// describe it either.
    pub fn set_denied(&self, topic: &str, operation: TopicOperation, denied: bool) {
        self.shared.lock().0.access.set_denied(topic, operation, denied);
        self.shared.changed.notify_waiters();
    }

    /// The certificate that clients of SSL and SASL_SSL are to trust, in PEM.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        self.authority.pem()
    }

    /// Makes a certificate with which a client of the SSL listener is `User:name`.
    ///
    /// # Errors
    /// [`Error::Tls`].
    #[cfg(feature = "tls")]
    pub fn client_identity(&self, name: &str) -> Result<crate::Identity, Error> {
        self.authority.client(name)
    }

    /// The faults of the cluster's brokers.
    #[must_use]
    pub fn faults(&self) -> Faults<'_> {
        Faults { shared: &self.shared }
    }

    /// Gives a broker the newest keys of its service, and takes the old ones away: tickets for those are
    /// refused from then on. See [`Kdc::rotate`](crate::kdc::Kdc::rotate).
    ///
    /// # Errors
    /// [`Error::UnknownBroker`] if there is none, or it takes no Kerberos logins.
    #[cfg(feature = "kerberos")]
    pub fn reload_keytab(&self, broker: BrokerId) -> Result<(), Error> {
        let (mut state, _) = self.shared.lock();
        state.acceptors.get_mut(&broker).ok_or(Error::UnknownBroker(broker))?.reload()
    }

    /// What the brokers have counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared.lock().0.counters.clone()
    }

    /// The requests that the brokers have answered, the oldest first: one entry per partition of those
    /// that ask of partitions. The newest 65,536 are remembered, and
    /// [`forgotten_requests`](Self::forgotten_requests) counts the others.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.lock().0.asked.entries().cloned().collect()
    }

    /// How many entries [`asked`](Self::asked) no longer has.
    #[must_use]
    pub fn forgotten_requests(&self) -> u64 {
        self.shared.lock().0.asked.forgotten()
    }

    /// Forgets the requests so far, so that [`asked`](Self::asked) begins anew.
    pub fn clear_asked(&self) {
        self.shared.lock().0.asked.clear();
    }

    /// Sets the brokers' wall clock, forward or back. Tokens end by it; sessions that were begun keep
    /// their end.
    pub fn set_wall_clock(&self, wall: SystemTime) {
        self.shared.clock.set(wall);
    }

    /// The brokers' wall clock, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.shared.lock().1.millis
    }
}

/// The faults of a cluster; see [`Fault`].
#[derive(Clone, Copy, Debug)]
pub struct Faults<'a> {
    shared: &'a Shared,
}

impl Faults<'_> {
    /// Adds a fault.
    pub fn add(&self, fault: Fault) {
        let _ = self.add_numbered(fault);
    }

    /// Adds a fault, and gives its number, by which it is counted and removed.
    #[must_use]
    pub fn add_numbered(&self, fault: Fault) -> u64 {
        self.shared.lock().0.faults.add(fault)
    }

    /// Removes the fault of this number, if it is still there. Requests that stall stay so.
    pub fn remove(&self, number: u64) {
        self.shared.lock().0.faults.remove(number);
    }

    /// How many requests the fault of this number has hit.
    #[must_use]
    pub fn hits(&self, number: u64) -> u64 {
        self.shared.lock().0.faults.hits(number)
    }

    /// Adds what befalls connections below TLS.
    pub fn add_wire(&self, fault: WireFault) {
        self.shared.lock().0.network.add(fault);
    }

    /// Removes all of them. Requests that stall stay so, and connections that came to harm.
    pub fn clear(&self) {
        let (mut state, _) = self.shared.lock();
        state.faults.clear();
        state.network.clear();
    }
}
