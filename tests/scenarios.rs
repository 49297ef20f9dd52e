//! The scenarios of tests/SCENARIOS.md that embedded brokers play, in virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests"
)]

#[path = "scenarios/clocks.rs"]
mod clocks;
#[path = "scenarios/fresh.rs"]
mod fresh;
#[path = "scenarios/gone.rs"]
mod gone;
#[path = "scenarios/listed.rs"]
mod listed;
#[path = "scenarios/outages.rs"]
mod outages;
#[path = "scenarios/rollover.rs"]
mod rollover;
#[path = "scenarios/schedule.rs"]
mod schedule;
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ottla::{Cluster, TokenSource};
use support::embedded::{every_offset, read_all};
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
/// No virtual time is too long, but a test that hangs is.
pub(crate) const LIMIT: Duration = Duration::from_secs(400 * 24 * 3600);

/// How many seeds, tokens or rounds: few in `tests/run`, many where `OTTLA_SOAK` is set.
pub(crate) fn rounds(few: u64, many: u64) -> u64 {
    if std::env::var_os("OTTLA_SOAK").is_some() { many } else { few }
}

/// Reads one topic again and again, and keeps books.
pub(crate) struct Readers {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Book>>,
}

/// What one reader saw.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) reads: u64,
    pub(crate) failures: Vec<String>,
    pub(crate) longest: Duration,
    /// Between two reads that worked.
    pub(crate) longest_gap: Duration,
    pub(crate) connections: u64,
    pub(crate) dial_failures: u64,
}

impl Readers {
    /// Starts a reader for each client. All read the three partitions of ten records that
    /// `fill(.., topic, 3, 10)` made, with pauses in between.
    pub(crate) fn start(clients: Vec<Cluster>, topic: &'static str, every: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut tasks = Vec::new();
        for client in clients {
            let stop = Arc::clone(&stop);
            tasks.push(tokio::spawn(async move {
                let (mut book, mut last) = (Book::default(), Instant::now());
                while !stop.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    match read_all(&client, topic).await {
                        Ok(seen) => {
                            assert_eq!(seen, every_offset(3, 10), "every offset once");
                            book.reads += 1;
                            book.longest_gap = book.longest_gap.max(last.elapsed());
                            last = Instant::now();
                        }
                        Err(error) => book.failures.push(format!("{error:?}")),
                    }
                    book.longest = book.longest.max(began.elapsed());
                    tokio::time::sleep(every).await;
                }
                let statistics = client.statistics();
                book.connections = statistics.connections;
                book.dial_failures = statistics.dial_failures;
                book
            }));
        }
        Self { stop, tasks }
    }

    /// Ends them, and adds up.
    pub(crate) async fn end(self) -> Book {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Book::default();
        for task in self.tasks {
            let book = task.await.unwrap();
            all.reads += book.reads;
            all.failures.extend(book.failures);
            all.longest = all.longest.max(book.longest);
            all.longest_gap = all.longest_gap.max(book.longest_gap);
            all.connections += book.connections;
            all.dial_failures += book.dial_failures;
        }
        all
    }
}

/// Counts the tokens that a source hands out after its first.
pub(crate) fn hand_overs(mut source: TokenSource) -> Arc<AtomicU64> {
    let count = Arc::new(AtomicU64::new(0));
    let (counting, mut id) = (Arc::clone(&count), source.current().id().to_owned());
    tokio::spawn(async move {
        loop {
            let token = source.changed().await;
            if token.id() != id {
                counting.fetch_add(1, Ordering::Relaxed);
                id = token.id().to_owned();
            }
        }
    });
    count
}
