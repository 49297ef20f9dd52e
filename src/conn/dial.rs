//! Making a connection: TCP, TLS, versions, login; read it from top to bottom.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;

use super::broken::broken;
use super::counters::Counters;
use super::credentials::Credentials;
use super::error::{Error, LoginStep};
use super::handle::{Connection, Damage, Facts, Mute};
use super::keys::Keys;
use super::login::Logins;
use super::lowat::Source;
use super::race::{ATTEMPT_DELAY, interleaved, race};
use super::session::{Session, Settings};
use super::task::{Parts, Task};
use crate::time;
use crate::tls;
use crate::wire::frame::FrameReader;
use crate::wire::pool::BufferPool;

/// How many requests callers may hand to a connection before they wait for their turn.
const COMMANDS: usize = 64;

/// The wait after a first dial that was damaged; after a second it is twice as long.
const DAMAGE_PAUSE: Duration = Duration::from_millis(50);

/// A stream of bytes to a broker. Everything that can be read and written is one.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {
    /// The stream itself, so that a plain TCP socket can be told how many bytes are awaited.
    fn as_any(&self) -> &dyn Any;
}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for T {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// What a [`Connect`] returns: the future of a stream.
pub type Connecting<'a> = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send + 'a>>;

/// Opens streams to brokers: the seam for proxies, name overrides and in-memory pipes.
///
/// TLS and login come on top of the stream, by the name that the broker advertises.
pub trait Connect: Send + Sync {
    /// Opens a stream to a broker at the host and port that it advertises, or that the bootstrap
    /// list has.
    ///
    /// # Errors
    /// The connection fails with [`ErrorKind::Connect`](crate::ErrorKind::Connect) and may be
    /// tried again.
    ///
    /// # Cancel safety
    /// The future is dropped when the dial limit has passed.
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a>;
}

/// Opens TCP connections, with `TCP_NODELAY`. The default connector.
///
/// A name with several addresses is tried at one after the other, 250 ms apart and its families in
/// turn, and the first that answers is taken (RFC 8305, KIP-302).
///
/// # Examples
/// ```
/// # use std::net::{IpAddr, Ipv4Addr};
/// // What the broker advertises as b1 is found on this machine.
/// let connector = ottla::TcpConnector::new().with_name("b1", IpAddr::V4(Ipv4Addr::LOCALHOST));
/// ```
#[derive(Clone, Debug, Default)]
pub struct TcpConnector {
    names: HashMap<String, IpAddr>,
}

impl TcpConnector {
    /// Makes a connector that asks the system's resolver for every name.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the address of a host name, in place of the resolver. TLS still checks the
    /// certificate for the name, not for the address.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>, address: IpAddr) -> Self {
        self.names.insert(name.into(), address);
        self
    }
}

impl Connect for TcpConnector {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        Box::pin(async move {
            let stream = match self.names.get(host) {
                Some(address) => TcpStream::connect((*address, port)).await?,
                None => first_connected(tokio::net::lookup_host((host, port)).await?).await?,
            };
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }
}

/// Connects to the first address that answers: one that is silent does not hold up the others.
async fn first_connected(addresses: impl IntoIterator<Item = SocketAddr>) -> io::Result<TcpStream> {
    let connected = race(interleaved(addresses), ATTEMPT_DELAY, TcpStream::connect).await;
    connected.map_err(|last| last.unwrap_or_else(|| io::ErrorKind::NotFound.into()))
}

/// What all dials of one client share.
#[derive(Clone)]
pub(crate) struct Dialler {
    pub(crate) connector: Arc<dyn Connect>,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) credentials: Credentials,
    pub(crate) settings: Settings,
    /// How long a dial may take, login included.
    pub(crate) limit: Duration,
    /// How long a connection may be idle before it is closed.
    pub(crate) idle_after: Duration,
    pub(crate) keys: Arc<Keys>,
    pub(crate) buffers: BufferPool,
    pub(crate) counters: Arc<Counters>,
}

impl fmt::Debug for Dialler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialler").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Dialler {
    /// Connects and logs in.
    ///
    /// # Cancel safety
    /// A dropped dial leaves no connection behind.
    pub(crate) async fn dial(&self, host: &str, port: u16, damage: &Damage) -> Result<Connection, Error> {
        let dialled = match tokio::time::timeout(self.limit, self.connect_whole(host, port, damage)).await {
            Ok(dialled) => dialled,
            Err(_) => Err(Error::DialTimeout { limit: self.limit }),
        };
        match &dialled {
            Ok(_) => self.counters.count_connection(),
            // What was to be found out is no failure.
            Err(Error::LoginRefused { .. }) if self.counters.is_of_proofs() => {}
            Err(_) => self.counters.count_dial_failure(),
        }
        dialled
    }

    /// A handshake or a login that was damaged on its way is worth another dial; one that is damaged
    /// each time is the peer's doing, or it speaks something else.
    async fn connect_whole(&self, host: &str, port: u16, damage: &Damage) -> Result<Connection, Error> {
        let mut times = 0;
        loop {
            let error = match self.connect(host, port, damage).await {
                Err(error) if error.is_damage() => error,
                dialled => return dialled,
            };
            times += 1;
            if times == Damage::FINAL {
                return Err(error.repeated());
            }
            tracing::debug!(host, port, %error, "what came was damaged: dialling once more");
            tokio::time::sleep(DAMAGE_PAUSE * times).await;
        }
    }

    #[cfg(not(feature = "kerberos"))]
    async fn connect(&self, host: &str, port: u16, damage: &Damage) -> Result<Connection, Error> {
        self.connect_without_ticket(host, port, damage).await
    }

    /// A token that is renewed gets other salts. A login that is in the middle of it then fails at
    /// the proof, and is worth one more try.
    async fn connect_without_ticket(
        &self,
        host: &str,
        port: u16,
        damage: &Damage,
    ) -> Result<Connection, Error> {
        let dialled = self.connect_as(&self.credentials, host, port, damage).await;
        match (&dialled, &self.credentials) {
            (Err(Error::LoginRefused { step: LoginStep::Later, .. }), Credentials::Token { .. }) => {
                tracing::debug!(host, port, "the token's proof is refused: trying once more");
                self.connect_as(&self.credentials, host, port, damage).await
            }
            _ => dialled,
        }
    }

    /// A broker whose keys were replaced refuses tickets that are sealed with the old ones, and
    /// does not say why: a ticket of an earlier login is worth one more dial with a fresh one.
    #[cfg(feature = "kerberos")]
    async fn connect(&self, host: &str, port: u16, damage: &Damage) -> Result<Connection, Error> {
        let Credentials::Kerberos(kerberos) = &self.credentials else {
            return self.connect_without_ticket(host, port, damage).await;
        };
        let kerberos = kerberos.for_one_dial(host)?;
        let credentials = Credentials::Kerberos(kerberos.clone());
        let mut dialled = self.connect_as(&credentials, host, port, damage).await;
        if let Err(error) = &dialled
            && kerberos.is_worth_another(error)
        {
            tracing::info!(host, port, %error, "the service ticket is refused: trying with a fresh one");
            dialled = self.connect_as(&credentials, host, port, damage).await;
        }
        dialled.map_err(|error| kerberos.explained(error))
    }

    async fn connect_as(
        &self,
        credentials: &Credentials,
        host: &str,
        port: u16,
        damage: &Damage,
    ) -> Result<Connection, Error> {
        let stream = self.connector.connect(host, port).await?;
        match &self.tls {
            None => self.log_in(stream, credentials, host, port, damage).await,
            Some(config) => {
                let stream = secure(Arc::clone(config), stream, host).await?;
                self.log_in(stream, credentials, host, port, damage).await
            }
        }
    }

    async fn log_in<S>(
        &self,
        stream: S,
        credentials: &Credentials,
        host: &str,
        port: u16,
        damage: &Damage,
    ) -> Result<Connection, Error>
    where
        S: Stream + Source + 'static,
    {
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let (opened, outcome) = oneshot::channel();
        let logins = Logins {
            credentials: credentials.clone(),
            host: host.into(),
            port,
            keys: Arc::clone(&self.keys),
            limit: self.limit,
            mechanism: None,
            used: None,
        };
        let mute = Mute::new();
        let task = Task::new(Parts {
            stream,
            session: Session::new(self.settings.clone(), time::now() + self.limit)?,
            reader: FrameReader::new(self.buffers.clone()),
            commands: receiver,
            logins,
            counters: Arc::clone(&self.counters),
            mute: mute.clone(),
            opened,
            idle_after: self.idle_after,
        });
        let guard = AbortOnDrop(Some(tokio::spawn(task.run())));
        let opened = outcome.await.map_err(|_| Error::Closed)??;
        guard.keep();
        let facts = Facts::new(opened, Arc::clone(&self.settings.client_id), damage.clone(), mute);
        Ok(Connection::new(commands, facts))
    }
}

async fn secure(
    config: Arc<ClientConfig>,
    stream: Box<dyn Stream>,
    host: &str,
) -> Result<TlsStream<Box<dyn Stream>>, Error> {
    let name = tls::server_name(host).map_err(|_| Error::ServerName)?;
    let handshake = TlsConnector::from(config).connect(name, stream).await;
    handshake.map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::ClosedInTls,
        _ => broken(error),
    })
}

/// Ends the task of a dial that its caller gave up.
struct AbortOnDrop(Option<tokio::task::JoinHandle<()>>);

impl AbortOnDrop {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.abort();
        }
    }
}
