//! The scenarios of tests/SCENARIOS.md that embedded brokers play, in virtual time.
#![allow(clippy::indexing_slicing, clippy::disallowed_methods, reason = "tests")]

mod clocks;
mod fresh;
mod gone;
mod listed;
mod outages;
mod rollover;
mod schedule;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ottla::{Cluster, TokenSource};

use crate::support::embedded::every_offset;
use crate::support::readers::Readers;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
/// No virtual time is too long, but a test that hangs is.
pub(crate) const LIMIT: Duration = Duration::from_secs(400 * 24 * 3600);

/// How many seeds, tokens or rounds: few in `tests/run`, many in its group soak.
pub(crate) fn rounds(few: u64, many: u64) -> u64 {
    if crate::SOAK { many } else { few }
}

/// Starts a reader for each client. All read the three partitions of ten records that
/// `fill(.., "t", 3, 10)` made, with pauses in between.
pub(crate) fn readers(clients: Vec<Cluster>, every: Duration) -> Readers {
    Readers::start(clients, "t", &every_offset(3, 10), every)
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
