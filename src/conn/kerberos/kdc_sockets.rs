//! Ways to KDCs that are counted.

use ottla_kerberos::client::{Connect, ConnectFuture, DatagramFuture, Sockets};

use crate::metrics;

/// The sockets of the machine; each request to a KDC takes a new one.
pub(super) struct CountedSockets;

impl Connect for CountedSockets {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> ConnectFuture<'a> {
        ::metrics::counter!(metrics::KDC_REQUESTS).increment(1);
        Sockets.connect(host, port)
    }

    fn datagram<'a>(&'a self, host: &'a str, port: u16, request: &'a [u8]) -> DatagramFuture<'a> {
        ::metrics::counter!(metrics::KDC_REQUESTS).increment(1);
        Sockets.datagram(host, port, request)
    }
}
