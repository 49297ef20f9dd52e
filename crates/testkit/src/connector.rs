//! Connections in memory.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use tokio::io::DuplexStream;

use crate::serve::Door;

/// Opens pipes to the brokers of a cluster that was started in memory. Clones are cheap.
#[derive(Clone, Debug)]
pub struct Connector {
    pub(crate) doors: Arc<BTreeMap<(String, u16), Door>>,
}

/// Bytes that a pipe holds in each direction before the writer waits.
const PIPE: usize = 256 * 1024;

impl Connector {
    /// Connects to an advertised address: `broker-1` and its port.
    ///
    /// # Errors
    /// `NotFound` if no broker has that address. A broker that is down takes the connection and
    /// closes it.
    ///
    /// # Cancel safety
    /// Nothing is awaited.
    pub async fn connect(&self, host: &str, port: u16) -> io::Result<DuplexStream> {
        let door = self.doors.get(&(host.to_owned(), port)).ok_or(io::ErrorKind::NotFound)?;
        let (near, far) = tokio::io::duplex(PIPE);
        tokio::spawn(door.clone().serve(far));
        Ok(near)
    }
}
