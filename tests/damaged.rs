//! One flipped bit inside TLS: the record is refused, the connection ends, and what was under way is
//! done on another one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use ottla::{
    Cluster, Config, Connect, Connecting, ErrorKind, NewRecord, Security, Stream, Tls, WriteOptions,
};
use ottla_testkit::Protocol;
use support::embedded::{Pipes, bootstrap, every_offset, fill, pass, pipes, read_all, user};
use support::within;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const LIMIT: Duration = Duration::from_secs(600);

/// Flips a bit in each of the next so many pieces that are read, and in those that are written.
#[derive(Clone, Default)]
struct Damage {
    reads: Arc<AtomicU32>,
    writes: Arc<AtomicU32>,
}

impl Damage {
    fn strikes(count: &AtomicU32) -> bool {
        count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }
}

struct Damaging {
    pipes: Pipes,
    damage: Damage,
}

impl Connect for Damaging {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        Box::pin(async move {
            let stream =
                Damaged { inner: self.pipes.connect(host, port).await?, damage: self.damage.clone() };
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    }
}

struct Damaged {
    inner: Box<dyn Stream>,
    damage: Damage,
}

impl AsyncRead for Damaged {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        let read = &mut buf.filled_mut()[before..];
        let middle = read.len() / 2;
        if let Some(byte) = read.get_mut(middle)
            && Damage::strikes(&self.damage.reads)
        {
            *byte ^= 0x10;
        }
        polled
    }
}

impl AsyncWrite for Damaged {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut bytes = buf.to_vec();
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle)
            && Damage::strikes(&self.damage.writes)
        {
            *byte ^= 0x10;
        }
        Pin::new(&mut self.inner).poll_write(cx, &bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Brokers with TLS, and a client of theirs whose bytes can be damaged.
fn world() -> (ottla_testkit::Cluster, Config, Damage) {
    let builder = ottla_testkit::Cluster::builder().brokers(1).listener(Protocol::SaslSsl);
    let brokers = builder.user("alice", "alice-secret").start_in_memory().unwrap();
    let tls = Tls::builder().with_roots_pem(brokers.ca_pem().to_owned()).build().unwrap();
    let damage = Damage::default();
    let connector = Damaging { pipes: pipes(&brokers), damage: damage.clone() };
    let config = Config::new(bootstrap(&brokers, Protocol::SaslSsl), Security::Tls(tls), user("alice"));
    (brokers, config.with_connector(connector), damage)
}

#[tokio::test(start_paused = true)]
async fn a_reading_goes_on_after_a_flipped_bit_in_a_tls_record() {
    within(LIMIT, "the test", async {
        let (brokers, config, damage) = world();
        fill(&brokers, "t", 3, 500);
        let client = Cluster::connect(config).await.unwrap();
        for _ in 0..20 {
            pass(Duration::from_secs(2)).await;
            damage.reads.store(1, Ordering::SeqCst);
            assert_eq!(read_all(&client, "t").await.unwrap(), every_offset(3, 500));
        }
        assert_eq!(damage.reads.load(Ordering::SeqCst), 0);
        assert!(client.statistics().connections > 20, "{:?}", client.statistics());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_written_once_though_a_bit_of_it_or_of_its_answer_flipped() {
    within(LIMIT, "the test", async {
        let (brokers, config, damage) = world();
        fill(&brokers, "t", 1, 1);
        let client = Cluster::connect(config).await.unwrap();
        let writer = client.write(WriteOptions::new());
        let topic = writer.topic("t").await.unwrap();
        for round in 0..20 {
            pass(Duration::from_secs(2)).await;
            let struck = if round % 2 == 0 { &damage.writes } else { &damage.reads };
            struck.store(1, Ordering::SeqCst);
            topic.send(NewRecord::value(b"x")).await.unwrap();
            writer.flush().await.unwrap();
            assert_eq!(struck.load(Ordering::SeqCst), 0);
        }
        assert_eq!(read_all(&client, "t").await.unwrap(), every_offset(1, 21));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_damaged_handshake_is_worth_two_more_and_no_more() {
    within(LIMIT, "the test", async {
        let (brokers, config, damage) = world();
        for struck in [&damage.reads, &damage.writes] {
            struck.store(1, Ordering::SeqCst);
            Cluster::connect(config.clone()).await.unwrap();
        }
        let before = brokers.counters().connections;
        damage.reads.store(u32::MAX, Ordering::SeqCst);
        let error = Cluster::connect(config).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Tls && !error.is_retriable(), "{error:?}");
        assert_eq!(brokers.counters().connections - before, 3);
    })
    .await;
}
