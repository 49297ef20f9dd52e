//! The network between the application and the brokers: pipes in memory that a world can silence.
//!
//! It also ends storms: a client that sends more at one moment than any sane one is not served any
//! more, so that a loop without a pause ends as a violation in place of a test that hangs.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use ottla::internals::{ATTEMPT_DELAY, race};
use ottla::{Connect, Connecting, Stream};
use ottla_testkit::Connector;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::time::Instant;

use super::laws::now;

/// More writes than this at one moment of the world's time are a storm.
const MOST_WRITES: u64 = 1_500;

/// What streams and the world share.
#[derive(Clone, Debug)]
pub(crate) struct Net {
    connector: Connector,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// How many reasons there are for a host's silence.
    silent: BTreeMap<String, u32>,
    waiting: Vec<Waker>,
    moment: Option<Instant>,
    /// Writes at that moment.
    writes: u64,
    is_stormy: bool,
    /// Whom a host's silence, or a dial to it, has met, and how many connections it has.
    met: BTreeMap<String, Met>,
    /// Bits still to be flipped in what a host sends.
    flips: BTreeMap<String, u32>,
    flipped: u64,
}

/// What became of a host's connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Met {
    /// Times that somebody waited for a silent host.
    pub(crate) waits: u64,
    pub(crate) dials: u64,
    /// Connections that are open.
    pub(crate) lines: u64,
}

impl State {
    fn met(&mut self, host: &str) -> &mut Met {
        self.met.entry(host.to_owned()).or_default()
    }

    fn count(&mut self, now: Instant) {
        if self.moment.replace(now) != Some(now) {
            self.writes = 0;
        }
        self.writes += 1;
        self.is_stormy |= self.writes > MOST_WRITES;
    }

    fn is_silent(&self, host: &str) -> bool {
        self.is_stormy || self.silent.get(host).is_some_and(|reasons| *reasons > 0)
    }
}

impl Net {
    pub(crate) fn new(connector: Connector) -> Self {
        Self { connector, state: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn silence(&self, broker: i32) {
        *self.lock().silent.entry(host(broker)).or_default() += 1;
    }

    pub(crate) fn let_through(&self, broker: i32) {
        let waiting = {
            let mut state = self.lock();
            if let Some(reasons) = state.silent.get_mut(&host(broker)) {
                *reasons = reasons.saturating_sub(1);
            }
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// What became of a broker's connections so far.
    pub(crate) fn met(&self, broker: i32) -> Met {
        *self.lock().met(&host(broker))
    }

    /// Flips a bit of what a broker sends next. One that waits for it is enough: three in a row are
    /// the peer's doing for a client.
    pub(crate) fn flip(&self, broker: i32) {
        self.lock().flips.insert(host(broker), 1);
    }

    /// Bits flipped so far.
    pub(crate) fn flipped(&self) -> u64 {
        self.lock().flipped
    }

    /// No bit is flipped any more.
    pub(crate) fn heal(&self) {
        self.lock().flips.clear();
    }

    /// Whether so much was sent that no more is served.
    pub(crate) fn is_stormy(&self) -> bool {
        self.lock().is_stormy
    }

    /// Pending while the host is silent.
    fn gate(&self, host: &str, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.is_silent(host) {
            state.met(host).waits += 1;
            state.waiting.push(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

fn host(broker: i32) -> String {
    format!("broker-{broker}")
}

impl Connect for Net {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        Box::pin(async move {
            self.lock().met(host).dials += 1;
            std::future::poll_fn(|cx| self.gate(host, cx)).await;
            let addresses = self.connector.addresses(host, port);
            let raced = race(addresses, ATTEMPT_DELAY, |address| self.connector.connect_to(address)).await;
            let pipe = raced.map_err(|failed| failed.unwrap_or_else(|| io::ErrorKind::NotFound.into()))?;
            self.lock().met(host).lines += 1;
            Ok(Box::new(Line { pipe, host: host.to_owned(), net: self.clone() }) as Box<dyn Stream>)
        })
    }
}

/// One connection.
struct Line {
    pipe: DuplexStream,
    host: String,
    net: Net,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.net.lock().met(&self.host).lines -= 1;
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        std::task::ready!(self.net.gate(&self.host, cx));
        let before = buffer.filled().len();
        let read = std::task::ready!(Pin::new(&mut self.pipe).poll_read(cx, buffer));
        let mut state = self.net.lock();
        // Past the headers of records of TLS, which nothing protects: their damage has other tests.
        if let Some(byte) = buffer.filled_mut().get_mut(before + 40)
            && let Some(left) = state.flips.get_mut(&self.host).filter(|left| **left > 0)
        {
            *left -= 1;
            *byte ^= 0x10;
            state.flipped += 1;
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        std::task::ready!(self.net.gate(&self.host, cx));
        self.net.lock().count(now());
        Pin::new(&mut self.pipe).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}
