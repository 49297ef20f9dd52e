//! Connections to KDCs in memory.

use std::io;
use std::sync::Arc;

use ottla_kerberos::client::{Connect, ConnectFuture, DatagramFuture, Stream};
use tokio::io::DuplexStream;

use super::Shared;
use super::serve::converse;

/// Opens pipes to the KDCs of a [`Kdc`](super::Kdc). Clones are cheap.
///
/// It is a [`Connect`] of `ottla-kerberos`.
#[derive(Clone, Debug)]
pub struct Connector {
    pub(super) shared: Arc<Shared>,
    pub(super) addresses: Arc<[(String, String, u16)]>,
}

/// Bytes that a pipe holds in each direction before the writer waits.
const PIPE: usize = 64 * 1024;

impl Connector {
    /// Connects to a KDC by the address that [`Kdc::address`](super::Kdc::address) gives.
    ///
    /// # Errors
    /// `NotFound` if no KDC has that address. One that is down takes the connection and closes it.
    ///
    /// # Cancel safety
    /// Nothing is awaited.
    pub async fn connect(&self, host: &str, port: u16) -> io::Result<DuplexStream> {
        let realm = self.realm(host, port)?;
        let (near, far) = tokio::io::duplex(PIPE);
        tokio::spawn(converse(Arc::clone(&self.shared), realm, far));
        Ok(near)
    }

    fn realm(&self, host: &str, port: u16) -> io::Result<String> {
        let found = self.addresses.iter().find(|(_, name, number)| (name.as_str(), *number) == (host, port));
        Ok(found.ok_or(io::ErrorKind::NotFound)?.0.clone())
    }
}

impl Connect for Connector {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> ConnectFuture<'a> {
        Box::pin(async move {
            let stream: Box<dyn Stream> = Box::new(self.connect(host, port).await?);
            Ok(stream)
        })
    }

    fn datagram<'a>(&'a self, host: &'a str, port: u16, request: &'a [u8]) -> DatagramFuture<'a> {
        Box::pin(async move {
            match self.shared.answer_datagram(&self.realm(host, port)?, request) {
                Some(answer) => Ok(answer),
                None => std::future::pending().await,
            }
        })
    }
}
