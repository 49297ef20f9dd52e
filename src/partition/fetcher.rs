//! The task that fetches from one broker. It decides nothing about a range by itself.

mod connection;
mod handover;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::budget::{Budget, Hold};
use super::plan::{Asked, Plan};
use super::progress::{Manner, Progress};
use super::recovery::{Failed, LOOK, Reading};
use super::report::{Delivery, Report};
use super::sorted::{NotAsked, Sorted};
use super::trouble::Trouble;
use crate::cluster::pool::Purpose;
use crate::cluster::silence::OVERDUE;
use crate::cluster::topology::Address;
use crate::conn::handle::{Connection, Failure, Pending};
use crate::error::{Error, ErrorKind};
use crate::ids::BrokerId;
use crate::time;
use crate::wire::codec::Request;
use crate::wire::codec::fetch::{FetchRequest, FetchResponse};
use crate::wire::error_code::ErrorCode;

/// Requests in flight on one broker: the second is answered while the first is read.
const DEPTH: usize = 2;

/// How long brokers wait for new records.
const MAX_WAIT: Duration = Duration::from_millis(500);

/// What a fetcher is made of.
pub(super) struct Fetcher {
    pub(super) reading: Reading,
    pub(super) broker: BrokerId,
    pub(super) purpose: Purpose,
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
    /// The broker is to be left alone until then.
    quiet: Option<Instant>,
    /// The last answer was throttled: behind the next nothing is to wait that the broker does not read.
    throttled: bool,
    /// Since when brokers' throttles are all that comes.
    throttles: Trouble,
    /// How many long polls in a row brought nothing and were not held.
    idle: u32,
    /// When an answer that brought something was last given to the application, by the time for which it has asked.
    served: Duration,
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
        let plan = Plan::new(self.reading.options.response_bytes);
        let mut task = Task {
            parts: self,
            plan,
            connection: None,
            in_flight: VecDeque::new(),
            quiet: None,
            throttled: false,
            throttles: Trouble::default(),
            idle: 0,
            served: Duration::ZERO,
        };
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
        self.take_sent();
        Ok(())
    }

    fn take_sent(&mut self) {
        while let Ok(ranges) = self.parts.ranges.try_recv() {
            self.plan.push_back(ranges);
        }
    }

    /// Sends requests. Unless it `may_wait`, only those that need neither a new connection nor
    /// bytes of the budget that others hold.
    async fn fill(&mut self, may_wait: bool) -> Result<(), Gone> {
        while self.in_flight.len() < self.depth() && !self.plan.is_empty() {
            if !self.may_ask(may_wait).await? {
                break;
            }
            let Some((address, connection)) = self.connect(may_wait).await? else { break };
            self.give_away_unproven(&connection)?;
            let Some(mut asked) = self.ask() else { break };
            let Ok(hold) = self.hold(&asked, may_wait).await else {
                self.plan.push_front(asked.rest());
                break;
            };
            let since = self.parts.reading.asking.time();
            asked.iter_mut().for_each(|range| range.ask(since));
            self.send(address, connection, asked, hold).await?;
        }
        Ok(())
    }

    /// How many requests may be in flight.
    fn depth(&self) -> usize {
        match self.parts.purpose {
            Purpose::Prompt | Purpose::Write if !self.throttled && !self.is_tried_again() => DEPTH,
            _ => 1,
        }
    }

    /// Whether something is in flight that failed before: others of its partition are not to follow it.
    fn is_tried_again(&self) -> bool {
        self.in_flight.iter().any(|sent| sent.asked.iter().any(|range| range.failures() > 0))
    }

    /// Whether the broker may be asked now. If not, some of the time until then is waited for.
    async fn may_ask(&mut self, may_wait: bool) -> Result<bool, Gone> {
        let now = time::now();
        let muted = self.muted_until();
        self.quiet = self.quiet.max(muted);
        let Some(until) = self.quiet.filter(|until| now < *until) else {
            self.quiet = None;
            return Ok(true);
        };
        if may_wait && self.in_flight.is_empty() {
            self.plan.iter_mut().for_each(Progress::excuse);
            if self.throttled || muted.is_some() {
                self.warn_of_throttle();
            }
            tokio::time::sleep((until - now).min(LOOK)).await;
            self.give_away_moved()?;
        }
        Ok(false)
    }

    /// Until when the broker throttles all that use the connection: it may have told another one.
    fn muted_until(&self) -> Option<Instant> {
        self.connection.as_ref()?.1.muted_until()
    }

    /// Tells whoever reads the log that nothing comes since the broker throttles.
    fn warn_of_throttle(&mut self) {
        let asked = self.parts.reading.asking.time();
        self.throttles.begin(asked);
        if self.throttles.warns(asked) {
            let broker = self.parts.broker;
            tracing::warn!(%broker, "the broker throttles this client by a quota: waiting for it");
        }
    }

    fn ask(&mut self) -> Option<Asked> {
        match self.parts.purpose {
            Purpose::Prompt | Purpose::Write => {
                self.plan.next_prompt(self.in_flight.iter().map(|f| f.asked.len()).sum())
            }
            Purpose::LongPoll => self.plan.next_long_poll(),
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

    /// How long the broker may wait for records.
    fn max_wait(&self) -> Duration {
        match self.parts.purpose {
            Purpose::Prompt | Purpose::Write => Duration::ZERO,
            Purpose::LongPoll => MAX_WAIT,
        }
    }

    async fn send(
        &mut self,
        address: Address,
        connection: Connection,
        asked: Asked,
        hold: Option<Hold>,
    ) -> Result<(), Gone> {
        let max_wait = self.max_wait();
        let request = asked.request(max_wait, self.parts.reading.options.isolation_level);
        let timeout = self.parts.reading.cluster.config().request_timeout() + max_wait;
        let sent = time::now();
        match connection.start(&request, timeout).await {
            Ok(pending) => {
                self.in_flight.push_back(InFlight { asked, address, hold, pending, sent });
                Ok(())
            }
            Err(failure) => {
                self.connection = None;
                let error = request_error(failure, &address);
                self.fail(asked.rest(), error, 2).await
            }
        }
    }

    /// Gives ranges back to the router, or ends the reading if nothing can help.
    async fn fail(&self, ranges: Vec<Progress>, error: Error, requests: u32) -> Result<(), Gone> {
        if ranges.is_empty() {
            return Ok(());
        }
        let failed = Failed::of(ranges, error, requests);
        if failed.may_recover(&self.parts.reading) {
            return self.report(Report::Failed(failed));
        }
        self.deliver(Delivery::Failed(failed.error)).await
    }

    /// Gives back ranges of partitions that the broker refused, and all others of these: it would refuse
    /// them too, one after the other.
    async fn fail_refused(&mut self, refused: Vec<(Progress, Error)>) -> Result<(), Gone> {
        if refused.is_empty() {
            return Ok(());
        }
        let places: HashSet<_> = refused.iter().map(|(range, _)| range.topic_partition.clone()).collect();
        let mut beside: HashMap<_, Vec<Progress>> = HashMap::new();
        for range in self.plan.take_if(|range| places.contains(&range.topic_partition)) {
            beside.entry(range.topic_partition.clone()).or_default().push(range);
        }
        for (range, error) in refused {
            let others = beside.remove(&range.topic_partition).unwrap_or_default();
            self.fail(std::iter::once(range).chain(others).collect(), error, 2).await?;
        }
        Ok(())
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
        // What was answered before it held it up.
        asked.iter_mut().for_each(|range| range.excuse_until(self.served));
        let overdue = sent + self.max_wait() + OVERDUE;
        let Some(response) = self.response(pending, &mut asked, &address, overdue).await else {
            let since = self.parts.reading.asking.time();
            asked.iter_mut().for_each(|range| range.postpone(since));
            self.plan.push_front(asked.rest());
            return self.give_away_moved();
        };
        let response = match response {
            Ok(response) if response.error == ErrorCode::NONE => response,
            Ok(response) => {
                let error = Error::broker(response.error).in_api(FetchRequest::API);
                return self.fail(asked.rest(), error.at_broker(&address.to_string()), 2).await;
            }
            Err(error) => return self.fail(asked.rest(), error, 2).await,
        };
        let length = response.records_len();
        let manner = self.manner(&response, sent);
        let mut sorted = Sorted::default();
        let on_data_loss = self.parts.reading.options.on_data_loss;
        let all = sorted.sort(response, &mut asked, manner, on_data_loss, &address.to_string());
        match all {
            Ok(()) if manner.throttled => sorted.no_room.extend(asked.rest()),
            Ok(()) => {
                let error = Error::because(ErrorKind::Timeout, "the broker leaves out what it was asked for");
                self.fail(asked.rest(), error.at_broker(&address.to_string()), 2).await?;
            }
            Err(NotAsked(error)) => self.fail(asked.rest(), error, 2).await?,
        }
        self.go_on(&mut sorted, &address, manner).await?;
        let hold = match hold {
            Some(mut hold) => {
                hold.resize(length);
                hold
            }
            None => self.parts.budget.reserve(length).await,
        };
        let brought_anything = sorted.brought_anything();
        self.hand_over(sorted, hold).await?;
        if brought_anything {
            self.served = self.parts.reading.asking.time();
        }
        Ok(())
    }

    /// Awaits an answer. `None`: it is not worth waiting for any more, for a range has another leader.
    async fn response(
        &mut self,
        pending: Pending<FetchRequest>,
        asked: &mut Asked,
        address: &Address,
        overdue: Instant,
    ) -> Option<Result<FetchResponse, Error>> {
        let (reading, broker) = (self.parts.reading.clone(), self.parts.broker);
        let (response, look) = (pending.response(), reading.look_beside(broker, overdue));
        tokio::pin!(response, look);
        loop {
            tokio::select! {
                biased;
                response = &mut response => {
                    if time::now() >= overdue && response.is_ok() {
                        reading.cluster.note_answer(broker);
                    }
                    return Some(response.map_err(|failure| request_error(failure, address)));
                }
                next = &mut look => look.set(reading.look_beside(broker, next)),
                () = tokio::time::sleep(LOOK) => {}
            }
            if self.muted_until().is_some() {
                asked.iter_mut().for_each(Progress::excuse);
                self.warn_of_throttle();
            }
            if asked.iter().any(|range| reading.is_given_up(range)) {
                let error = Error::because(ErrorKind::Timeout, "the broker does not answer");
                return Some(Err(error.in_api(FetchRequest::API).at_broker(&address.to_string())));
            }
            if asked.iter().any(|range| reading.is_led_elsewhere(range, broker)) {
                return None;
            }
            reading.warn(asked.iter_mut(), &format!("{address} does not answer"));
        }
    }

    /// How an answer came. A broker that throttles is left alone, and so is one that does not hold long
    /// polls, for ever longer.
    fn manner(&mut self, response: &FetchResponse, sent: Instant) -> Manner {
        let now = time::now();
        self.throttled = !response.throttle_time.is_zero();
        if self.throttled {
            self.quiet = Some(now + response.throttle_time);
        }
        Manner {
            isolation_level: self.parts.reading.options.isolation_level,
            throttled: self.throttled,
            held: self.parts.purpose == Purpose::LongPoll && now >= sent + MAX_WAIT / 2,
        }
    }
}

fn request_error(failure: Failure, address: &Address) -> Error {
    Error::request(failure).in_api(FetchRequest::API).at_broker(&address.to_string())
}

/// The budget has no room at present.
struct NoRoom;
