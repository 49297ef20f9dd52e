//! An executor: it has the token and the ranges that it is to read, and no other identity.
#![expect(clippy::disallowed_methods, reason = "a program of its own, with a clock of its own")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ottla::ids::TopicPartition;
use ottla::{Cluster, Config, Decoder, Error, OffsetRange, ReadOptions};
use tokio::time::{Instant, sleep_until};

use crate::ledger::Ledger;
use crate::life::Clients;
use crate::show::Show;
use crate::table::Work;

pub(crate) struct Executor {
    pub(crate) config: Config,
    pub(crate) ranges: Vec<OffsetRange>,
    /// Over how long the reading is spread.
    pub(crate) pace: Duration,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) show: Arc<Show>,
    pub(crate) clients: Clients,
    /// The places of the partitions among the bars.
    pub(crate) bars: Arc<BTreeMap<TopicPartition, usize>>,
}

/// What an executor has done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Done {
    pub(crate) work: Work,
    pub(crate) bytes: u64,
}

impl Executor {
    /// Logs in with the token and reads the ranges to their ends.
    pub(crate) async fn run(self) -> Result<Done, Error> {
        let cluster = Cluster::connect(self.config.clone()).await?;
        self.clients.add(&cluster);
        let mut unseen: BTreeSet<usize> = (0..self.ranges.len()).collect();
        let total: i64 = self.ranges.iter().map(|range| range.until - range.from).sum();
        // Small bites, so that there is something to fetch up to the end.
        let options = ReadOptions::new().with_byte_budget(64 << 10).with_response_bytes(16 << 10);
        let mut reader = cluster.read(self.ranges.clone(), options);
        let mut decoder = Decoder::new();
        let (mut read, mut bytes) = (0_i64, 0);
        let mut connections = 0;
        let started = Instant::now();
        while let Some(chunk) = reader.next().await? {
            let mut offsets = Vec::new();
            chunk.for_each_record(&mut decoder, |record| {
                offsets.push(record.offset);
                bytes += record.value.map_or(0, |value| u64::try_from(value.len()).unwrap_or(0));
                Ok::<_, Error>(())
            })?;
            let partition = chunk.topic_partition();
            let have = self.ledger.note(partition, &offsets);
            self.show.advance(self.bars.get(partition).copied().unwrap_or(usize::MAX), have);
            self.show.tell_sometimes(|| {
                let sum = self.ledger.sum();
                (sum.once, sum.expected)
            });
            // Once every range has given something, every connection that is needed is there.
            if !unseen.is_empty() {
                let last = chunk.next_offset() - 1;
                let holds = |range: &OffsetRange| (range.from..range.until).contains(&last);
                let place = self.ranges.iter().position(|it| it.topic_partition == *partition && holds(it));
                place.map(|place| unseen.remove(&place));
                connections = cluster.statistics().connections;
            }
            read += i64::try_from(offsets.len()).unwrap_or(0);
            drop(chunk);
            sleep_until(started + self.share(read, total)).await;
        }
        let statistics = cluster.statistics();
        let work = Work {
            kdc_requests: 0,
            connections: statistics.connections,
            logins: statistics.logins,
            reauthentications: statistics.reauthentications,
            reconnects: statistics.connections - connections,
        };
        Ok(Done { work, bytes })
    }

    /// When so many of all records are due.
    fn share(&self, read: i64, total: i64) -> Duration {
        let (read, total) = (u32::try_from(read), u32::try_from(total));
        match (read, total) {
            (Ok(read), Ok(total)) if total > 0 => self.pace * read / total,
            _ => Duration::ZERO,
        }
    }
}
