//! A listener of one broker: lets connections in.

use std::net::IpAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::Shared;
use super::connection::Connection;
use super::harmed::Harmed;
use super::session::Session;
use crate::{BrokerId, Harm, Principal, Protocol, Reach};

#[derive(Clone, Debug)]
pub(crate) struct Door {
    pub(crate) shared: Arc<Shared>,
    pub(crate) broker: BrokerId,
    pub(crate) protocol: Protocol,
    /// Changes when the broker stops, and is closed when the cluster goes.
    pub(crate) stop: watch::Receiver<()>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<crate::tls::Acceptor>,
}

impl Door {
    /// Takes connections off a socket until the task is aborted.
    pub(crate) async fn accept(self, listener: TcpListener) {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::task::yield_now().await;
                continue;
            };
            // Without it answers wait for the client's delayed acknowledgements.
            if stream.set_nodelay(true).is_ok() {
                tokio::spawn(self.clone().serve(stream));
            }
        }
    }

    /// Serves one connection to its end.
    pub(crate) async fn serve<S>(mut self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let mut stop = self.stop.clone();
        stop.mark_unchanged();
        let Some((number, harm)) = self.open() else { return };
        let _open = OpenConnection { shared: Arc::clone(&self.shared) };
        let stream = Harmed::new(stream, harm);
        tokio::select! {
            biased;
            _ = stop.changed() => {}
            _ = self.run(stream, number) => {}
        }
    }

    /// How many addresses the broker has.
    pub(crate) fn addresses(&self) -> u8 {
        self.shared.lock().0.settings.addresses
    }

    /// What becomes of a connection to one of them.
    pub(crate) fn reach(&self, address: IpAddr) -> Reach {
        self.shared.lock().0.network.reach(address)
    }

    /// Takes a connection and never reads from it, for as long as the cluster is there.
    pub(crate) async fn ignore<S>(self, stream: S) {
        let mut stop = self.stop.clone();
        drop(self);
        while stop.changed().await.is_ok() {}
        drop(stream);
    }

    /// Counts the connection, and chooses what befalls it. None if the broker is down.
    fn open(&mut self) -> Option<(u64, Option<Harm>)> {
        let (mut state, _) = self.shared.lock();
        let state = &mut *state;
        if !state.nodes.get(&self.broker)?.running {
            return None;
        }
        state.counters.connections += 1;
        state.counters.open_connections += 1;
        let harm = state.network.pick(self.broker, &mut state.random);
        Some((state.counters.connections, harm))
    }

    #[cfg(feature = "tls")]
    async fn run<S>(&self, stream: S, number: u64) -> Option<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        if !self.protocol.has_tls() {
            return self.connection(number, None).run(stream).await;
        }
        let (stream, principal) = self.tls.as_ref()?.accept(stream).await?;
        self.connection(number, principal).run(stream).await
    }

    #[cfg(not(feature = "tls"))]
    async fn run<S>(&self, stream: S, number: u64) -> Option<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        self.connection(number, None).run(stream).await
    }

    fn connection(&self, number: u64, certificate: Option<Principal>) -> Connection {
        let session = Session::open(self.protocol, number, certificate);
        Connection { shared: Arc::clone(&self.shared), broker: self.broker, session }
    }
}

/// Counts a connection as open for as long as it lives.
struct OpenConnection {
    shared: Arc<Shared>,
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.shared.lock().0.counters.open_connections -= 1;
    }
}
