//! The task that fetches from one broker. It decides nothing about a range by itself.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::budget::{Budget, Hold};
use super::chunk::Chunk;
use super::plan::{Asked, Plan};
use super::progress::Progress;
use super::range::{Loss, ReadOptions};
use super::sorted::Sorted;
use crate::cluster::client::Cluster;
use crate::cluster::pool::Purpose;
use crate::cluster::topology::Address;
use crate::conn::handle::{Connection, Failure, Pending};
use crate::error::{Error, ErrorKind};
use crate::ids::BrokerId;
use crate::time;
use crate::wire::codec::Request;
use crate::wire::codec::fetch::{FetchRequest, IsolationLevel};
use crate::wire::error_code::ErrorCode;

/// Requests in flight on one broker: the second is answered while the first is read.
const DEPTH: usize = 2;

/// How long brokers wait for new records.
const MAX_WAIT: Duration = Duration::from_millis(500);

/// What reaches the reader.
pub(super) enum Delivery {
    Chunks(Vec<Chunk>),
    Lost(Loss),
    Failed(Error),
}

/// What a fetcher tells the router.
pub(super) enum Report {
    /// So many ranges are read to their end.
    Finished(usize),
    /// These go on with another purpose.
    Moved(Purpose, Vec<Progress>),
    /// These could not be read.
    Failed { ranges: Vec<Progress>, error: Error },
    /// These want offsets that their partitions do not have.
    OutOfRange(Vec<Progress>),
}

/// What a fetcher is made of.
pub(super) struct Fetcher {
    pub(super) cluster: Cluster,
    pub(super) broker: BrokerId,
    pub(super) purpose: Purpose,
    pub(super) options: Arc<ReadOptions>,
    pub(super) budget: Budget,
    pub(super) ranges: mpsc::UnboundedReceiver<Vec<Progress>>,
    pub(super) reports: mpsc::UnboundedSender<Report>,
    pub(super) deliveries: mpsc::Sender<Delivery>,
}

struct Task {
    parts: Fetcher,
    plan: Plan,
    connection: Option<(Address, Connection)>,
    in_flight: VecDeque<InFlight>,
}

struct InFlight {
    asked: Asked,
    address: Address,
    hold: Option<Hold>,
    pending: Pending<FetchRequest>,
    sent: Instant,
}

/// Nobody reads any more.
struct Gone;

impl Fetcher {
    /// Fetches until nobody reads any more.
    pub(super) async fn run(self) {
        let plan = Plan::new(self.options.response_bytes);
        let mut task = Task { parts: self, plan, connection: None, in_flight: VecDeque::new() };
        while task.turn().await.is_ok() {}
    }
}

impl Task {
    async fn turn(&mut self) -> Result<(), Gone> {
        self.take_ranges().await?;
        self.fill(true).await?;
        match self.in_flight.pop_front() {
            Some(front) => self.answer(front).await,
            None => Ok(()),
        }
    }

    /// Takes over what the router sent; waits for it if there is nothing else to do.
    async fn take_ranges(&mut self) -> Result<(), Gone> {
        if self.plan.is_empty() && self.in_flight.is_empty() {
            let ranges = self.parts.ranges.recv().await.ok_or(Gone)?;
            self.plan.push_back(ranges);
        }
        while let Ok(ranges) = self.parts.ranges.try_recv() {
            self.plan.push_back(ranges);
        }
        Ok(())
    }

    /// Sends requests. Unless it `may_wait`, only those that need neither a new connection nor
    /// bytes of the budget that others hold.
    async fn fill(&mut self, may_wait: bool) -> Result<(), Gone> {
        let depth = match self.parts.purpose {
            Purpose::Prompt | Purpose::Write => DEPTH,
            Purpose::LongPoll => 1,
        };
        while self.in_flight.len() < depth && !self.plan.is_empty() {
            let Some((address, connection)) = self.connect(may_wait).await? else { break };
            let Some(asked) = self.ask() else { break };
            let Ok(hold) = self.hold(&asked, may_wait).await else {
                self.plan.push_front(asked.ranges.into());
                break;
            };
            self.send(address, connection, asked, hold).await;
        }
        Ok(())
    }

    fn ask(&mut self) -> Option<Asked> {
        match self.parts.purpose {
            Purpose::Prompt | Purpose::Write => {
                self.plan.next_prompt(self.in_flight.iter().map(|f| f.asked.ranges.len()).sum())
            }
            Purpose::LongPoll => self.plan.next_long_poll(),
        }
    }

    /// The connection. Where there is none, the router gets the ranges back.
    async fn connect(&mut self, may_wait: bool) -> Result<Option<(Address, Connection)>, Gone> {
        match &self.connection {
            Some(open) if open.1.is_open() => return Ok(Some(open.clone())),
            _ if !may_wait || !self.in_flight.is_empty() => return Ok(None),
            _ => {}
        }
        let began = time::now();
        match self.parts.cluster.connection(self.parts.broker, self.parts.purpose).await {
            Ok(open) => {
                self.connection = Some(open.clone());
                Ok(Some(open))
            }
            Err(error) => {
                let ranges = self.plan.take_all();
                self.fail(ranges, error, began).await?;
                Ok(None)
            }
        }
    }

    /// Makes room for an answer. That of a long poll is counted when it comes: it may not come
    /// for long.
    async fn hold(&self, asked: &Asked, may_wait: bool) -> Result<Option<Hold>, NoRoom> {
        let budget = &self.parts.budget;
        match self.parts.purpose {
            Purpose::LongPoll => Ok(None),
            Purpose::Prompt | Purpose::Write if may_wait && self.in_flight.is_empty() => {
                Ok(Some(budget.reserve(asked.expected_bytes).await))
            }
            Purpose::Prompt | Purpose::Write => {
                budget.try_reserve(asked.expected_bytes).map(Some).ok_or(NoRoom)
            }
        }
    }

    async fn send(&mut self, address: Address, connection: Connection, asked: Asked, hold: Option<Hold>) {
        let max_wait = match self.parts.purpose {
            Purpose::Prompt | Purpose::Write => Duration::ZERO,
            Purpose::LongPoll => MAX_WAIT,
        };
        let request = asked.request(max_wait, self.parts.options.isolation_level);
        let timeout = self.parts.cluster.config().request_timeout() + max_wait;
        let sent = time::now();
        match connection.start(&request, timeout).await {
            Ok(pending) => {
                self.in_flight.push_back(InFlight { asked, address, hold, pending, sent });
            }
            Err(failure) => {
                self.connection = None;
                let error = self.request_error(failure, &address);
                // The router is told by `answer` or gone; either way the ranges are in its hands.
                let _ = self.fail(asked.ranges.into(), error, sent).await;
            }
        }
    }

    fn request_error(&self, failure: Failure, address: &Address) -> Error {
        Error::request(failure).in_api(FetchRequest::API).at_broker(&address.to_string())
    }

    /// Gives ranges back to the router, or ends the reading if nothing can help.
    async fn fail(&self, mut ranges: Vec<Progress>, error: Error, since: Instant) -> Result<(), Gone> {
        let took = time::now().saturating_duration_since(since);
        ranges.iter_mut().for_each(|range| range.fail(took));
        if self.parts.cluster.may_recover(&error) {
            return self.report(Report::Failed { ranges, error });
        }
        self.deliver(Delivery::Failed(error)).await
    }

    fn report(&self, report: Report) -> Result<(), Gone> {
        self.parts.reports.send(report).map_err(|_| Gone)
    }

    async fn deliver(&self, delivery: Delivery) -> Result<(), Gone> {
        self.parts.deliveries.send(delivery).await.map_err(|_| Gone)
    }

    /// Waits for an answer and passes it on, the next requests first.
    async fn answer(&mut self, front: InFlight) -> Result<(), Gone> {
        let InFlight { mut asked, address, hold, pending, sent } = front;
        let response = match pending.response().await {
            Ok(response) if response.error == ErrorCode::NONE => response,
            Ok(response) => {
                let error = Error::broker(response.error).in_api(FetchRequest::API);
                return self.fail(asked.ranges.into(), error.at_broker(&address.to_string()), sent).await;
            }
            Err(failure) => {
                let error = self.request_error(failure, &address);
                return self.fail(asked.ranges.into(), error, sent).await;
            }
        };
        let length = response.records_len();
        let mut sorted = Sorted::default();
        sorted.sort(response, &mut asked, &self.parts.options, &address.to_string());
        sorted.no_room.extend(asked.ranges);
        self.go_on(&mut sorted, &address, sent).await?;
        let hold = match hold {
            Some(mut hold) => {
                hold.resize(length);
                hold
            }
            None => self.parts.budget.reserve(length).await,
        };
        self.hand_over(sorted, hold).await
    }

    /// Puts the ranges where they go on, and sends the next requests.
    async fn go_on(&mut self, sorted: &mut Sorted, address: &Address, sent: Instant) -> Result<(), Gone> {
        let stuck = sorted.is_stuck();
        let no_room = std::mem::take(&mut sorted.no_room);
        if stuck {
            let error = Error::because(ErrorKind::Timeout, "the broker returns none of the records it has");
            self.fail(no_room, error.at_broker(&address.to_string()), sent).await?;
        } else {
            self.plan.push_front(no_room);
        }
        self.plan.push_back(std::mem::take(&mut sorted.had_turn));
        for (range, error) in std::mem::take(&mut sorted.refused) {
            self.fail(vec![range], error, sent).await?;
        }
        if !sorted.out_of_range.is_empty() {
            self.report(Report::OutOfRange(std::mem::take(&mut sorted.out_of_range)))?;
        }
        self.settle_ends(std::mem::take(&mut sorted.moved))?;
        while let Ok(ranges) = self.parts.ranges.try_recv() {
            self.plan.push_back(ranges);
        }
        self.fill(false).await
    }

    /// Ranges at the end of their partition wait by long polls, and nobody waits with them.
    fn settle_ends(&mut self, ranges: Vec<Progress>) -> Result<(), Gone> {
        match self.parts.purpose {
            _ if ranges.is_empty() => Ok(()),
            Purpose::LongPoll => {
                self.plan.push_back(ranges);
                Ok(())
            }
            Purpose::Prompt | Purpose::Write => self.report(Report::Moved(Purpose::LongPoll, ranges)),
        }
    }

    async fn hand_over(&self, sorted: Sorted, hold: Hold) -> Result<(), Gone> {
        let hold = Arc::new(hold);
        let committed = self.parts.options.isolation_level == IsolationLevel::ReadCommitted;
        let mut chunks = Vec::with_capacity(sorted.found.len());
        for (topic_partition, fetched, taken) in sorted.found {
            if let Some(loss) = taken.lost {
                self.deliver(Delivery::Lost(loss)).await?;
            }
            if taken.batches.count() == 0 {
                continue;
            }
            chunks.push(Chunk {
                topic_partition,
                offsets: taken.offsets,
                batches: taken.batches,
                aborted: committed.then_some(fetched.aborted_transactions),
                high_watermark: fetched.high_watermark,
                last_stable_offset: fetched.last_stable_offset,
                log_start_offset: fetched.log_start_offset,
                _hold: Arc::clone(&hold),
            });
        }
        drop(hold);
        if !chunks.is_empty() {
            self.deliver(Delivery::Chunks(chunks)).await?;
        }
        if let Some(error) = sorted.fatal {
            self.deliver(Delivery::Failed(error)).await?;
        }
        if sorted.finished > 0 {
            self.report(Report::Finished(sorted.finished))?;
        }
        Ok(())
    }
}

/// The budget has no room at present.
struct NoRoom;
