//! The task that gives ranges to the fetchers of their leaders, and again after failures.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::budget::Budget;
use super::fetcher::Fetcher;
use super::inquiry;
use super::progress::{Identity, Progress};
use super::range::{Loss, OffsetRange};
use super::recovery::{self, Failed, Reading, Recovered};
use super::report::{Delivery, Report};
use crate::cluster::pool::Purpose;
use crate::cluster::topology::Topology;
use crate::error::{Error, ErrorKind};
use crate::ids::BrokerId;
use crate::time;
use crate::wire::error_code::ErrorCode;

pub(super) struct Router {
    reading: Reading,
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

/// Where ranges are to go.
#[derive(Default)]
struct Routes {
    by_leader: BTreeMap<BrokerId, Vec<Progress>>,
    leaderless: BTreeMap<ErrorCode, Vec<Progress>>,
    /// Their topics may be others by now.
    doubtful: Vec<Progress>,
    /// Their topics are others by now.
    made_anew: Vec<Progress>,
    finished: usize,
}

impl Router {
    pub(super) fn new(reading: Reading, deliveries: mpsc::Sender<Delivery>) -> Self {
        let (reporter, reports) = mpsc::unbounded_channel();
        let budget = Budget::new(reading.options.byte_budget);
        Self {
            reading,
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
        let end = match self.work(ranges).await {
            Ok(()) => Delivery::Done,
            Err(error) => Delivery::Failed(error),
        };
        let _ = self.deliveries.send(end).await;
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
        // The leaders are looked for when they move, which may be in hours.
        let _held = self.reading.cluster.hold(&topics);
        let ranges = ranges.into_iter().map(Progress::new).collect();
        let ranges = recovery::find_topics(&self.reading, ranges, &topics).await?;
        self.open = ranges.len();
        self.route(Purpose::Prompt, ranges);
        while self.open > 0 {
            tokio::select! {
                biased;
                Some(report) = self.reports.recv() => self.handle(report),
                Some(recovered) = self.recoveries.join_next() => {
                    let recovered = recovered.map_err(|_| Error::shutdown())??;
                    self.go_on(recovered).await;
                }
                // A fetcher ends before its router only if it broke, or nobody reads any more.
                Some(_) = self.tasks.join_next() => return Err(Error::shutdown()),
            }
        }
        Ok(())
    }

    fn handle(&mut self, mut report: Report) {
        let reading = self.reading.clone();
        // What waited for its turn does so no longer: nothing of it comes until it is recovered.
        let asked = reading.asking.time();
        report.troubled().for_each(|range| range.ask(asked));
        match report {
            Report::Finished(count) => self.open = self.open.saturating_sub(count),
            Report::Moved(purpose, ranges) => self.route(purpose, ranges),
            Report::Failed(failed) => self.recover(failed),
            Report::OutOfRange(ranges) => {
                self.recoveries.spawn(inquiry::resolve(reading, ranges));
            }
            Report::Unproven(ranges) => {
                self.recoveries.spawn(inquiry::prove(reading, ranges));
            }
            Report::Diverged(ranges) => {
                for (range, end) in ranges {
                    let reading = reading.clone();
                    self.recoveries.spawn(async move { inquiry::diverged(&reading, range, end).await });
                }
            }
        }
    }

    fn recover(&mut self, failed: Failed) {
        self.recoveries.spawn(recovery::recover(self.reading.clone(), failed));
    }

    /// What was lost is told before what comes after it.
    async fn go_on(&mut self, recovered: Recovered) {
        for loss in recovered.losses {
            self.tell(loss).await;
        }
        if let Some(failed) = recovered.failed {
            self.recover(failed);
        }
        self.route(Purpose::Prompt, recovered.ranges);
    }

    async fn tell(&self, loss: Loss) {
        let Loss { topic_partition, offsets, reason } = &loss;
        tracing::debug!(partition = %topic_partition, ?offsets, %reason, "records are lost");
        let _ = self.deliveries.send(Delivery::Lost(loss)).await;
    }

    /// Gives ranges to the fetchers of their leaders.
    fn route(&mut self, purpose: Purpose, ranges: Vec<Progress>) {
        let mut routes = Routes::default();
        self.reading.cluster.topology(|topology| {
            ranges.into_iter().for_each(|range| routes.add(range, topology));
        });
        self.open = self.open.saturating_sub(routes.finished);
        for (broker, ranges) in routes.by_leader {
            self.give(broker, purpose, ranges);
        }
        let unknown = ErrorCode::UNKNOWN_TOPIC_ID;
        let troubled = routes.leaderless.into_iter().chain([(unknown, routes.doubtful)]);
        let asked = self.reading.asking.time();
        for (code, mut ranges) in troubled.filter(|(_, ranges)| !ranges.is_empty()) {
            ranges.iter_mut().for_each(|range| range.ask(asked));
            self.recover(Failed::of(ranges, Error::broker(code), 1));
        }
        for mut range in routes.made_anew {
            range.ask(asked);
            range.fail(time::now());
            self.recoveries.spawn(inquiry::restart(self.reading.clone(), range));
        }
    }

    fn give(&mut self, broker: BrokerId, purpose: Purpose, mut ranges: Vec<Progress>) {
        let asked = self.reading.asking.time();
        ranges.iter_mut().for_each(|range| range.postpone(asked));
        let fetcher = self.fetchers.entry((broker, purpose)).or_insert_with(|| {
            let (sender, receiver) = mpsc::unbounded_channel();
            let fetcher = Fetcher {
                reading: self.reading.clone(),
                broker,
                purpose,
                budget: self.budget.clone(),
                ranges: receiver,
                reports: self.reporter.clone(),
                deliveries: self.deliveries.clone(),
            };
            self.tasks.spawn(fetcher.run());
            sender
        });
        // A fetcher that broke is seen where its task is awaited.
        let _ = fetcher.send(ranges);
    }
}

impl Routes {
    /// Sorts a range by what the newest picture of the cluster says of its partition.
    fn add(&mut self, mut range: Progress, topology: &Topology) {
        let place = range.topic_partition.clone();
        if range.is_finished() {
            self.finished += 1;
            return;
        }
        // First of all: another topic of this name may lack the partition.
        let identity = range.identify(topology.topic_id(&place.topic), topology.generation());
        let leader = topology.leader(&place);
        range.generation = topology.generation();
        if let Some(leader) = leader {
            range.locate(leader, topology.generation());
        }
        match (identity, leader) {
            (Identity::Same, Some(leader)) => self.by_leader.entry(leader.broker).or_default().push(range),
            (Identity::Same, None) => {
                self.leaderless.entry(topology.why_leaderless(&place)).or_default().push(range);
            }
            (Identity::Doubtful, _) => self.doubtful.push(range),
            (Identity::Other, _) => self.made_anew.push(range),
        }
    }
}
