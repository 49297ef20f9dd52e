//! How KDCs are reached, so that tests and proxies can reach them otherwise.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UdpSocket};

use super::race;

/// A connection of bytes.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The future of a connection.
pub type ConnectFuture<'a> = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send + 'a>>;

/// The future of the answer to a datagram.
pub type DatagramFuture<'a> = Pin<Box<dyn Future<Output = io::Result<Datagram>> + Send + 'a>>;

/// The bytes of a datagram.
pub type Datagram = Vec<u8>;

/// Reaches KDCs.
pub trait Connect: Send + Sync {
    /// Connects to a port of a host, which may be a name or an IP address.
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> ConnectFuture<'a>;

    /// Sends one datagram and awaits one in return. By default there are no datagrams; then TCP
    /// is used.
    fn datagram<'a>(&'a self, _host: &'a str, _port: u16, _request: &'a [u8]) -> DatagramFuture<'a> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }
}

/// The sockets of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sockets;

/// The largest datagram.
const MAX_DATAGRAM: usize = 65_535;

impl Connect for Sockets {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> ConnectFuture<'a> {
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((host, port)).await?;
            let stream = race::first(addresses, TcpStream::connect).await?;
            stream.set_nodelay(true)?;
            let stream: Box<dyn Stream> = Box::new(stream);
            Ok(stream)
        })
    }

    /// A name with several addresses is asked at each in turn, as `connect` does: an answer to
    /// either datagram is the KDC's.
    fn datagram<'a>(&'a self, host: &'a str, port: u16, request: &'a [u8]) -> DatagramFuture<'a> {
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((host, port)).await?;
            race::first(addresses, |address| asked(address, request)).await
        })
    }
}

/// Sends one datagram to one address and awaits one in return.
async fn asked(address: SocketAddr, request: &[u8]) -> io::Result<Datagram> {
    let local = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(local).await?;
    // A connected socket takes no datagram of anybody else.
    socket.connect(address).await?;
    socket.send(request).await?;
    let mut answer = vec![0; MAX_DATAGRAM];
    let length = socket.recv(&mut answer).await?;
    answer.truncate(length);
    Ok(answer)
}
