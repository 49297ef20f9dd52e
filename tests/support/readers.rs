//! Clients that read one topic again and again, and keep books.
#![allow(clippy::disallowed_methods, reason = "on whichever clock the test has")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ottla::Cluster;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::embedded::read_all;

/// Readers at work.
pub(crate) struct Readers {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Book>>,
}

/// What readers saw.
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
    /// Starts a reader for each client. Each read has to give what is `expected`, every offset of
    /// every partition once, in order; after it there is a pause. Each reads once at least.
    pub(crate) fn start(
        clients: Vec<Cluster>,
        topic: &str,
        expected: &[(i32, i64)],
        pause: Duration,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let expected = Arc::new(expected.to_vec());
        let mut tasks = Vec::new();
        for client in clients {
            let (stop, expected, topic) = (Arc::clone(&stop), Arc::clone(&expected), topic.to_owned());
            tasks.push(tokio::spawn(async move {
                let (mut book, mut last) = (Book::default(), Instant::now());
                loop {
                    let began = Instant::now();
                    match read_all(&client, &topic).await {
                        Ok(seen) => {
                            assert_eq!(seen, *expected, "every offset once");
                            book.reads += 1;
                            book.longest_gap = book.longest_gap.max(last.elapsed());
                            last = Instant::now();
                        }
                        Err(error) => book.failures.push(format!("{error:?}")),
                    }
                    book.longest = book.longest.max(began.elapsed());
                    tokio::time::sleep(pause).await;
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
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
    pub(crate) async fn end(mut self) -> Book {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Book::default();
        for task in self.tasks.drain(..) {
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

/// Those that are not ended are killed.
impl Drop for Readers {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
