//! The network between the application and the brokers: pipes in memory that a world can silence.
//!
//! It also ends storms: a client that sends more at one moment than any sane one is not served any
//! more, so that a loop without a pause ends as a violation in place of a test that hangs.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ottla::internals::{ATTEMPT_DELAY, race};
use ottla::{Connect, Connecting, Stream};
use ottla_testkit::Connector;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::laws::now;

/// More writes than this at one moment of the world's time are a storm.
const MOST_WRITES: u64 = 1_500;

/// What streams and the world share.
#[derive(Clone, Debug)]
pub(crate) struct Net {
    connector: Connector,
    /// How long answers are under way.
    latency: Duration,
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
    /// Dials to names of the bootstrap list.
    returns: u64,
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
    pub(crate) fn new(connector: Connector, latency: Duration) -> Self {
        Self { connector, latency, state: Arc::default() }
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

    /// How often clients dialled a name of their bootstrap list.
    pub(crate) fn returns(&self) -> u64 {
        self.lock().returns
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

/// What brokers' names begin with, and their names in bootstrap lists.
const NAMES: (&str, &str) = ("broker-", "seed-");

/// A bootstrap list that has other names for the brokers than they have themselves.
pub(crate) fn seeds(bootstrap: &str) -> String {
    bootstrap.replace(NAMES.0, NAMES.1)
}

fn host(broker: i32) -> String {
    format!("broker-{broker}")
}

impl Connect for Net {
    fn connect<'a>(&'a self, told: &'a str, port: u16) -> Connecting<'a> {
        Box::pin(async move {
            let broker = told.replace(NAMES.1, NAMES.0);
            let host = broker.as_str();
            {
                let mut state = self.lock();
                state.returns += u64::from(broker != told);
                state.met(host).dials += 1;
            }
            std::future::poll_fn(|cx| self.gate(host, cx)).await;
            let addresses = self.connector.addresses(host, port);
            let raced = race(addresses, ATTEMPT_DELAY, |address| self.connector.connect_to(address)).await;
            let pipe = raced.map_err(|failed| failed.unwrap_or_else(|| io::ErrorKind::NotFound.into()))?;
            self.lock().met(host).lines += 1;
            Ok(Box::new(Line { pipe, host: host.to_owned(), net: self.clone(), under_way: None })
                as Box<dyn Stream>)
        })
    }
}

/// One connection.
struct Line {
    pipe: DuplexStream,
    host: String,
    net: Net,
    under_way: Option<UnderWay>,
}

/// What a broker has sent and has not arrived.
struct UnderWay {
    arrives: Pin<Box<Sleep>>,
    bytes: VecDeque<u8>,
}

impl Line {
    /// Reads what the broker sent, when it has arrived.
    fn poll_pipe(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let latency = self.net.latency;
        if latency.is_zero() {
            return Pin::new(&mut self.pipe).poll_read(cx, buffer);
        }
        if self.under_way.is_none() {
            let mut bytes = VecDeque::new();
            std::task::ready!(self.poll_all(cx, &mut bytes))?;
            if bytes.is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.under_way = Some(UnderWay { arrives: Box::pin(sleep(latency)), bytes });
        }
        let Some(under_way) = &mut self.under_way else { return Poll::Pending };
        std::task::ready!(under_way.arrives.as_mut().poll(cx));
        while buffer.remaining() > 0
            && let Some(byte) = under_way.bytes.pop_front()
        {
            buffer.put_slice(&[byte]);
        }
        if under_way.bytes.is_empty() {
            self.under_way = None;
        }
        Poll::Ready(Ok(()))
    }

    /// Takes all that there is; nothing at the end.
    fn poll_all(&mut self, cx: &mut Context<'_>, all: &mut VecDeque<u8>) -> Poll<io::Result<()>> {
        let mut bytes = [0; 4_096];
        loop {
            let mut sent = ReadBuf::new(&mut bytes);
            match Pin::new(&mut self.pipe).poll_read(cx, &mut sent) {
                Poll::Ready(Ok(())) if !sent.filled().is_empty() => all.extend(sent.filled()),
                Poll::Pending if all.is_empty() => return Poll::Pending,
                Poll::Ready(Err(error)) if all.is_empty() => return Poll::Ready(Err(error)),
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
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
        let read = std::task::ready!(self.poll_pipe(cx, buffer));
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
