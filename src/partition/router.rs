//! The task that gives ranges to the fetchers of their leaders, and again after failures.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::budget::Budget;
use super::fetcher::{Delivery, Fetcher, Report};
use super::progress::Progress;
use super::range::{Loss, OffsetRange, OnDataLoss, ReadOptions};
use crate::cluster::client::Cluster;
use crate::cluster::pool::Purpose;
use crate::cluster::topology::Topology;
use crate::error::{Error, ErrorKind};
use crate::ids::{BrokerId, TopicPartition};
use crate::time;
use crate::wire::codec::fetch::IsolationLevel;
use crate::wire::codec::list_offsets::OffsetAt;

pub(super) struct Router {
    cluster: Cluster,
    options: Arc<ReadOptions>,
    budget: Budget,
    deliveries: mpsc::Sender<Delivery>,
    reports: mpsc::UnboundedReceiver<Report>,
    reporter: mpsc::UnboundedSender<Report>,
    fetchers: BTreeMap<(BrokerId, Purpose), mpsc::UnboundedSender<Vec<Progress>>>,
    tasks: JoinSet<()>,
    recoveries: JoinSet<Result<Recovered, Error>>,
    /// Ranges that are not read to their end.
    open: usize,
}

/// Ranges that may be tried again, and what they lost.
struct Recovered {
    ranges: Vec<Progress>,
    losses: Vec<Loss>,
}

impl Router {
    pub(super) fn new(cluster: Cluster, options: ReadOptions, deliveries: mpsc::Sender<Delivery>) -> Self {
        let (reporter, reports) = mpsc::unbounded_channel();
        let budget = Budget::new(options.byte_budget);
        Self {
            cluster,
            options: Arc::new(options),
            budget,
            deliveries,
            reports,
            reporter,
            fetchers: BTreeMap::new(),
            tasks: JoinSet::new(),
            recoveries: JoinSet::new(),
            open: 0,
        }
    }

    /// Works until all ranges are read or one cannot be.
    pub(super) async fn run(mut self, ranges: Vec<OffsetRange>) {
        if let Err(error) = self.work(ranges).await {
            let _ = self.deliveries.send(Delivery::Failed(error)).await;
        }
    }

    async fn work(&mut self, ranges: Vec<OffsetRange>) -> Result<(), Error> {
        if let Some(range) = ranges.iter().find(|range| range.from < 0) {
            let error = Error::because(ErrorKind::Misuse, "a range begins before offset 0");
            return Err(error.at_partition(&range.topic_partition));
        }
        let mut topics: Vec<_> =
            ranges.iter().map(|range| Arc::clone(&range.topic_partition.topic)).collect();
        topics.sort_unstable();
        topics.dedup();
        self.cluster.want(&topics).await?;
        let ranges: Vec<_> = ranges.into_iter().map(Progress::new).collect();
        self.open = ranges.len();
        self.route(Purpose::Prompt, ranges);
        while self.open > 0 {
            tokio::select! {
                biased;
                Some(report) = self.reports.recv() => self.handle(report),
                Some(recovered) = self.recoveries.join_next() => {
                    let recovered = recovered.map_err(|_| Error::shutdown())??;
                    for loss in recovered.losses {
                        let _ = self.deliveries.send(Delivery::Lost(loss)).await;
                    }
                    self.route(Purpose::Prompt, recovered.ranges);
                }
            }
        }
        Ok(())
    }

    fn handle(&mut self, report: Report) {
        match report {
            Report::Finished(count) => self.open = self.open.saturating_sub(count),
            Report::Moved(purpose, ranges) => self.route(purpose, ranges),
            Report::Failed { ranges, error } => self.recover(ranges, error),
            Report::OutOfRange(ranges) => {
                let (cluster, on_data_loss) = (self.cluster.clone(), self.options.on_data_loss);
                self.recoveries.spawn(async move { resolve(cluster, ranges, on_data_loss).await });
            }
        }
    }

    fn recover(&mut self, ranges: Vec<Progress>, error: Error) {
        let cluster = self.cluster.clone();
        self.recoveries.spawn(async move { recover(cluster, ranges, error).await });
    }

    /// Gives ranges to the fetchers of their leaders.
    fn route(&mut self, purpose: Purpose, ranges: Vec<Progress>) {
        let mut by_leader = BTreeMap::<BrokerId, Vec<Progress>>::new();
        let mut leaderless = Vec::new();
        self.cluster.topology(|topology| {
            for mut range in ranges {
                match topology.leader(&range.topic_partition) {
                    _ if range.is_finished() => self.open = self.open.saturating_sub(1),
                    Some(leader) => {
                        range.locate(leader, topology.generation());
                        by_leader.entry(leader.broker).or_default().push(range);
                    }
                    None => leaderless.push((why_leaderless(topology, &range.topic_partition), range)),
                }
            }
        });
        for (broker, ranges) in by_leader {
            self.give(broker, purpose, ranges);
        }
        for (error, mut range) in leaderless {
            range.fail(std::time::Duration::ZERO);
            self.recover(vec![range], error);
        }
    }

    fn give(&mut self, broker: BrokerId, purpose: Purpose, ranges: Vec<Progress>) {
        let fetcher = self.fetchers.entry((broker, purpose)).or_insert_with(|| {
            let (sender, receiver) = mpsc::unbounded_channel();
            let fetcher = Fetcher {
                cluster: self.cluster.clone(),
                broker,
                purpose,
                options: Arc::clone(&self.options),
                budget: self.budget.clone(),
                ranges: receiver,
                reports: self.reporter.clone(),
                deliveries: self.deliveries.clone(),
            };
            self.tasks.spawn(fetcher.run());
            sender
        });
        // A fetcher ends before its router only if the reader is gone.
        let _ = fetcher.send(ranges);
    }
}

fn why_leaderless(topology: &Topology, topic_partition: &TopicPartition) -> Error {
    Error::broker(topology.why_leaderless(topic_partition)).at_partition(topic_partition)
}

/// Waits and looks where the ranges are led now. The first look comes at once: a leader that has
/// moved is mostly known by then.
async fn recover(cluster: Cluster, mut ranges: Vec<Progress>, mut error: Error) -> Result<Recovered, Error> {
    let deadline = cluster.config().deadline();
    loop {
        if ranges.iter().any(|range| range.is_given_up(deadline)) || !cluster.may_recover(&error) {
            return Err(error);
        }
        let began = time::now();
        let failures = ranges.iter().map(Progress::failures).max().unwrap_or(0);
        if failures > 1 {
            tokio::time::sleep(cluster.pause(failures - 1)).await;
        }
        let seen = ranges.iter().map(|range| range.generation).max().unwrap_or(0);
        tracing::debug!(%error, ranges = ranges.len(), "looking for leaders again");
        let refreshed = cluster.refresh(seen).await;
        let took = time::now().saturating_duration_since(began);
        match refreshed {
            Ok(()) => {
                ranges.iter_mut().for_each(|range| range.spend(took));
                return Ok(Recovered { ranges, losses: Vec::new() });
            }
            Err(failed) => error = failed,
        }
        ranges.iter_mut().for_each(|range| range.fail(took));
    }
}

/// Asks what the partitions have, of ranges whose next offset is out of it.
async fn resolve(
    cluster: Cluster,
    mut ranges: Vec<Progress>,
    on_data_loss: OnDataLoss,
) -> Result<Recovered, Error> {
    let partitions: Vec<_> = ranges.iter().map(|range| range.topic_partition.clone()).collect();
    let uncommitted = IsolationLevel::ReadUncommitted;
    let earliest = cluster.list_offsets(&partitions, OffsetAt::Earliest, uncommitted).await?;
    let latest = cluster.list_offsets(&partitions, OffsetAt::Latest, uncommitted).await?;
    let mut losses = Vec::new();
    for range in &mut ranges {
        let bounds = earliest.get(&range.topic_partition).zip(latest.get(&range.topic_partition));
        match bounds.and_then(|(earliest, latest)| range.resolve(*earliest, *latest)) {
            Some(loss) if on_data_loss == OnDataLoss::Fail => return Err(loss.into_error()),
            Some(loss) => losses.push(loss),
            None => range.fail(std::time::Duration::ZERO),
        }
    }
    Ok(Recovered { ranges, losses })
}
