//! Ways to KDCs, which are counted, and the clock of tickets.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ottla_kerberos::client::{Connect, ConnectFuture, DatagramFuture, Sockets, Stream, SystemDns, WallClock};
use ottla_kerberos::locate::ResolveSrv;

use crate::conn::dial;
use crate::metrics;
use crate::time::Clock;

/// How KDCs are reached; each request takes a connection of its own.
#[derive(Clone)]
pub(super) enum KdcRoute {
    /// By the sockets of the machine.
    Sockets,
    /// By streams that somebody else opens.
    Through(Arc<dyn dial::Connect>),
}

impl KdcRoute {
    /// Whom to ask for the KDCs of a realm that krb5.conf has none of. Whoever brings a connector knows
    /// where they are.
    pub(super) fn resolver(&self) -> Option<Arc<dyn ResolveSrv>> {
        match self {
            Self::Sockets => Some(Arc::new(SystemDns::default())),
            Self::Through(_) => None,
        }
    }
}

impl Connect for KdcRoute {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> ConnectFuture<'a> {
        ::metrics::counter!(metrics::KDC_REQUESTS).increment(1);
        match self {
            Self::Sockets => Sockets.connect(host, port),
            Self::Through(connector) => Box::pin(async move {
                let stream: Box<dyn Stream> = Box::new(connector.connect(host, port).await?);
                Ok(stream)
            }),
        }
    }

    fn datagram<'a>(&'a self, host: &'a str, port: u16, request: &'a [u8]) -> DatagramFuture<'a> {
        match self {
            Self::Sockets => {
                ::metrics::counter!(metrics::KDC_REQUESTS).increment(1);
                Sockets.datagram(host, port, request)
            }
            Self::Through(_) => Box::pin(async { Err(io::ErrorKind::Unsupported.into()) }),
        }
    }
}

/// The clock that tickets go by.
#[derive(Clone)]
pub(super) struct KdcClock(pub(super) Arc<dyn Clock>);

impl WallClock for KdcClock {
    fn now(&self) -> SystemTime {
        let millis = self.0.now().as_millis();
        let distance = Duration::from_millis(millis.unsigned_abs());
        if millis < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
    }
}
