//! Asks the machine's name servers for SRV records (feature `dns`).

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::entropy;
use crate::locate::{DnsFault, ResolveSrv, Srv, SrvFuture, srv_query, srv_reply};

/// The name servers of resolv.conf, asked by datagrams, and over TCP for what is too long for one.
///
/// Names are complete, so that search domains and `ndots` do not matter; `/etc/hosts` has no SRV
/// records. No C library is asked, which a static binary may not have.
#[derive(Clone, Debug)]
pub struct SystemDns {
    resolv_conf: PathBuf,
}

const PORT: u16 = 53;
/// As in glibc: more are not asked.
const MAX_SERVERS: usize = 3;
/// For one name server until the next is asked; each is asked twice.
const PATIENCE: Duration = Duration::from_secs(2);
const ROUNDS: usize = 2;
const MAX_DATAGRAM: usize = 4096;

impl Default for SystemDns {
    fn default() -> Self {
        Self { resolv_conf: "/etc/resolv.conf".into() }
    }
}

impl SystemDns {
    /// Reads this file in place of `/etc/resolv.conf`. It is read anew for each lookup.
    pub fn with_resolv_conf(path: impl Into<PathBuf>) -> Self {
        Self { resolv_conf: path.into() }
    }

    async fn lookup(&self, name: &str) -> io::Result<Vec<Srv>> {
        let path = self.resolv_conf.clone();
        let text = tokio::task::spawn_blocking(move || std::fs::read_to_string(path)).await;
        // Without the file the server is on this machine, as resolv.conf(5) says.
        let servers = servers(&text.ok().and_then(Result::ok).unwrap_or_default());
        let mut last = io::ErrorKind::TimedOut.into();
        for _ in 0..ROUNDS {
            for &server in &servers {
                match timeout(PATIENCE, ask(server, name)).await {
                    Ok(Ok(records)) => return Ok(records),
                    Ok(Err(error)) => last = error,
                    Err(_) => {}
                }
            }
        }
        Err(last)
    }
}

impl ResolveSrv for SystemDns {
    fn srv<'a>(&'a self, name: &'a str) -> SrvFuture<'a> {
        Box::pin(self.lookup(name))
    }
}

/// The lines `nameserver`; a port may follow the address, as in `127.0.0.1:5353`.
fn servers(resolv_conf: &str) -> Vec<SocketAddr> {
    let mut found: Vec<SocketAddr> = resolv_conf
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let address = words.next().filter(|word| *word == "nameserver").and_then(|_| words.next())?;
            let plain = address.parse().map(|ip: IpAddr| SocketAddr::new(ip, PORT));
            plain.or_else(|_| address.parse()).ok()
        })
        .take(MAX_SERVERS)
        .collect();
    if found.is_empty() {
        found.push((Ipv4Addr::LOCALHOST, PORT).into());
    }
    found
}

async fn ask(server: SocketAddr, name: &str) -> io::Result<Vec<Srv>> {
    let random = entropy::random_u32().map_err(io::Error::other)?;
    let id = u16::try_from(random & 0xffff).unwrap_or(0);
    let query = srv_query(id, name).ok_or(io::ErrorKind::InvalidInput)?;
    match srv_reply(id, name, &by_datagram(server, id, &query).await?) {
        Ok(records) => Ok(records),
        Err(DnsFault::Truncated) => srv_reply(id, name, &by_stream(server, &query).await?).map_err(invalid),
        Err(fault) => Err(invalid(fault)),
    }
}

fn invalid(fault: DnsFault) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, fault)
}

async fn by_datagram(server: SocketAddr, id: u16, query: &[u8]) -> io::Result<Vec<u8>> {
    let local = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(local).await?;
    // From here on the kernel takes nothing of others.
    socket.connect(server).await?;
    socket.send(query).await?;
    let mut reply = vec![0; MAX_DATAGRAM];
    loop {
        let length = socket.recv(&mut reply).await?;
        // An answer to another question is that of an earlier attempt, or forged.
        if reply.get(..2) == Some(&id.to_be_bytes()[..]) {
            reply.truncate(length);
            return Ok(reply);
        }
    }
}

async fn by_stream(server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(query.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    stream.write_all(&[&length.to_be_bytes()[..], query].concat()).await?;
    let length = stream.read_u16().await?;
    let mut reply = vec![0; usize::from(length)];
    stream.read_exact(&mut reply).await?;
    Ok(reply)
}
