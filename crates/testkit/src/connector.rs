//! Connections in memory.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::DuplexStream;

use crate::network::{Reach, addresses};
use crate::serve::Door;

/// Opens pipes to the brokers of a cluster that was started in memory. Clones are cheap.
#[derive(Clone, Debug)]
pub struct Connector {
    pub(crate) doors: Arc<BTreeMap<(String, u16), Door>>,
}

/// Bytes that a pipe holds in each direction before the writer waits.
const PIPE: usize = 256 * 1024;

impl Connector {
    /// Connects to an advertised address: `broker-1` and its port. Of a name with several addresses
    /// only the first is tried.
    ///
    /// # Errors
    /// `NotFound` if no broker has that address, `ConnectionRefused` as [`Cluster::set_reach`] says. A
    /// broker that is down takes the connection and closes it.
    ///
    /// # Cancel safety
    /// Nothing is left behind.
    ///
    /// [`Cluster::set_reach`]: crate::Cluster::set_reach
    pub async fn connect(&self, host: &str, port: u16) -> io::Result<DuplexStream> {
        let address = self.addresses(host, port).first().copied().ok_or(io::ErrorKind::NotFound)?;
        self.connect_to(address).await
    }

    /// The addresses of a broker's name, as a resolver gives them; none if no broker has that name.
    /// There are as many as [`ClusterBuilder::addresses`](crate::ClusterBuilder::addresses) says.
    #[must_use]
    pub fn addresses(&self, host: &str, port: u16) -> Vec<SocketAddr> {
        let door = self.doors.get(&(host.to_owned(), port));
        let ips = door.into_iter().flat_map(|door| addresses(door.broker, door.addresses()));
        ips.map(|ip| SocketAddr::new(ip, port)).collect()
    }

    /// Connects to one of [`addresses`](Self::addresses).
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    ///
    /// # Cancel safety
    /// Nothing is left behind.
    pub async fn connect_to(&self, address: SocketAddr) -> io::Result<DuplexStream> {
        let mut doors = self.doors.iter().filter(|((_, port), _)| *port == address.port());
        let is_there = |door: &Door| addresses(door.broker, door.addresses()).any(|ip| ip == address.ip());
        let door = doors.find_map(|(_, door)| is_there(door).then_some(door));
        let door = door.ok_or(io::ErrorKind::NotFound)?.clone();
        let (near, far) = tokio::io::duplex(PIPE);
        match door.reach(address.ip()) {
            Reach::Open => drop(tokio::spawn(door.serve(far))),
            Reach::Mute => drop(tokio::spawn(door.ignore(far))),
            Reach::Refused => return Err(io::ErrorKind::ConnectionRefused.into()),
            Reach::Silent => std::future::pending().await,
        }
        Ok(near)
    }
}
