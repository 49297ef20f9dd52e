//! The connections of one client: at most one for each broker and purpose.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use super::config::Backoff;
use super::outage::{News, Outage};
use super::slot::{Dial, Failure, Live, Slot};
use super::topology::Address;
use crate::conn;
use crate::conn::counters::{Statistics, tell_token};
use crate::conn::credentials::{Credentials, TokenSource};
use crate::conn::dial::Dialler;
use crate::conn::handle::Connection;
use crate::conn::token::Token;
use crate::error::{Error, explained};
use crate::time;

/// How many dials run at once: a client of a large cluster does not open all at the same moment.
const DIALS: usize = 16;

/// A connection that lived for less than this counts as a failed dial, so that a broker which
/// accepts a login and then closes is not asked again at once, and for ever.
const SHORT_LIFE: Duration = Duration::from_secs(1);

/// For how long a dial counts among those that run at once.
const TURN: Duration = Duration::from_millis(250);

/// What a connection is for. A broker works on one request of a connection at a time, so a long
/// poll has a connection of its own, and nothing waits behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Purpose {
    /// Everything that is answered at once, reads of what exists already included.
    Prompt,
    /// Fetches that wait for new records.
    LongPoll,
    /// Record batches, which are answered when the replicas have them.
    Write,
}

/// Makes, keeps and shares connections.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    /// The task that tells connections of new tokens.
    follower: Option<JoinHandle<()>>,
}

/// What the dials of a pool share with it.
struct Shared {
    dialler: Dialler,
    backoff: Backoff,
    dials: Semaphore,
    slots: Arc<Slots>,
    outages: Mutex<BTreeMap<Address, Outage>>,
}

type Slots = Mutex<BTreeMap<(Address, Purpose), Arc<Slot>>>;

/// What there is in place of an open connection.
enum Found {
    Open(Connection),
    Dialling(watch::Receiver<Option<Result<Connection, Error>>>),
}

impl Pool {
    /// Must be called on a runtime: connections are to follow their tokens.
    /// `cluster` is what metrics call the cluster.
    pub(crate) fn new(dialler: Dialler, backoff: Backoff, cluster: String) -> Self {
        let slots = Arc::<Slots>::default();
        if let Some(token) = dialler.credentials.token() {
            tell_token(&cluster, &token);
        }
        let follower = match &dialler.credentials {
            Credentials::Token { source, .. } if source.may_change() => {
                Some(tokio::spawn(follow(Arc::downgrade(&slots), source.clone(), cluster)))
            }
            _ => None,
        };
        let dials = Semaphore::new(DIALS);
        let shared = Arc::new(Shared { dialler, backoff, dials, slots, outages: Mutex::default() });
        Self { shared, follower }
    }

    /// Gives the connection to a broker, made now if there is none. Within the wait after a
    /// failed dial it gives the failure again, without dialling; but a token that has come
    /// meanwhile is tried at once. With a token that is known to be dead nobody is dialled.
    ///
    /// # Cancel safety
    /// A dropped call leaves a dial that it had begun to the others who wait for it, and to the
    /// next one.
    pub(crate) async fn connection(&self, address: &Address, purpose: Purpose) -> Result<Connection, Error> {
        let slot = self.shared.slot(address, purpose);
        self.shared.refuse_dead_token(address)?;
        if let Some(connection) = slot.open() {
            return Ok(connection);
        }
        // A dial whose runtime ended has no outcome: then one is made on the runtime of this call.
        for _ in 0..2 {
            let mut outcome = match self.shared.find(&slot, address)? {
                Found::Open(connection) => return Ok(connection),
                Found::Dialling(outcome) => outcome,
            };
            if let Ok(outcome) = outcome.wait_for(Option::is_some).await
                && let Some(outcome) = outcome.as_ref()
            {
                return outcome.clone();
            }
        }
        Err(Error::shutdown())
    }

    /// The connection to a broker, if there is one that can be used at once.
    pub(crate) fn open(&self, address: &Address, purpose: Purpose) -> Option<Connection> {
        self.shared.refuse_dead_token(address).ok()?;
        self.shared.slot(address, purpose).open()
    }

    /// Whether there is a connection to a broker that can be used at once.
    pub(crate) fn is_connected(&self, address: &Address) -> bool {
        let slots = self.shared.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.get(&(address.clone(), Purpose::Prompt)).is_some_and(|slot| slot.open().is_some())
    }

    /// Whether all brokers that are connected want to be left alone.
    pub(crate) fn is_muted(&self) -> bool {
        let slots = self.shared.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let prompt = slots.iter().filter(|((_, purpose), _)| *purpose == Purpose::Prompt);
        let mut open = prompt.filter_map(|(_, slot)| slot.open()).peekable();
        open.peek().is_some() && open.all(|connection| connection.muted_until().is_some())
    }

    /// Leaves all connections: what is in flight is answered, and whoever comes next is connected
    /// anew.
    pub(crate) fn retire_all(&self) {
        let slots = self.shared.slots.lock().unwrap_or_else(PoisonError::into_inner);
        for live in slots.values().filter_map(|slot| slot.live().take()) {
            live.connection.retire();
        }
    }

    /// The dialler's counts.
    pub(crate) fn statistics(&self) -> Statistics {
        self.shared.dialler.counters.statistics()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(follower) = self.follower.take() {
            follower.abort();
        }
        let slots = self.shared.slots.lock().unwrap_or_else(PoisonError::into_inner);
        for dial in slots.values().filter_map(|slot| slot.state().dial.take()) {
            dial.task.abort();
        }
    }
}

impl Shared {
    fn slot(&self, address: &Address, purpose: Purpose) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (address.clone(), purpose);
        if let Some(slot) = slots.get(&place) {
            return Arc::clone(slot);
        }
        // Brokers come and go under new names and addresses for as long as a client lives.
        let now = time::now();
        slots.retain(|_, slot| Arc::strong_count(slot) > 1 || slot.is_used(now));
        let mut outages = self.outages.lock().unwrap_or_else(PoisonError::into_inner);
        outages.retain(|away, _| slots.keys().any(|(known, _)| known == away));
        drop(outages);
        Arc::clone(slots.entry(place).or_default())
    }

    /// Gives the connection if there is one by now, else the dial under way, else the last failure
    /// if that was a moment ago, else a new dial.
    fn find(self: &Arc<Self>, slot: &Arc<Slot>, address: &Address) -> Result<Found, Error> {
        let mut state = slot.state();
        if let Some(connection) = slot.open() {
            return Ok(Found::Open(connection));
        }
        if let Some(dial) = state.dial.as_ref().filter(|dial| dial.outcome.has_changed().is_ok()) {
            return Ok(Found::Dialling(dial.outcome.clone()));
        }
        let (now, token) = (time::now(), self.dialler.credentials.token());
        match slot.live().take() {
            Some(ended) if now < ended.since + SHORT_LIFE => {
                let error = Error::dial(conn::error::Error::Closed).at_broker(&address.to_string());
                state.fail(error, self.backoff, ended.since, token.clone());
            }
            Some(_) => state.failure = None,
            None => {}
        }
        let same = |failure: &Failure| match (&failure.token, &token) {
            (Some(failed), Some(token)) => std::ptr::eq(failed.as_ptr(), Arc::as_ptr(token)),
            (failed, token) => failed.is_none() && token.is_none(),
        };
        let recent = |failure: &&Failure| now < failure.again_at && same(failure);
        if let Some(failure) = state.failure.as_ref().filter(recent) {
            return Err(failure.error.clone());
        }
        let (sender, outcome) = watch::channel(None);
        let (shared, slot, address) = (Arc::clone(self), Arc::clone(slot), address.clone());
        let task = tokio::spawn(async move {
            let dialled = shared.dial(&slot, &address, token).await;
            // Whoever comes from here on finds the connection, or the failure.
            slot.state().dial = None;
            let _ = sender.send(Some(dialled));
        });
        state.dial = Some(Dial { outcome: outcome.clone(), task: task.abort_handle() });
        Ok(Found::Dialling(outcome))
    }

    async fn dial(
        &self,
        slot: &Slot,
        address: &Address,
        token: Option<Arc<Token>>,
    ) -> Result<Connection, Error> {
        let dialled = self.in_turn(self.dialler.dial(&address.host, address.port, &slot.damage)).await;
        match dialled {
            Ok(connection) => {
                self.tell(address, |outage, now| outage.on_connected(now), None);
                *slot.live() = Some(Live { connection: connection.clone(), since: time::now() });
                Ok(connection)
            }
            Err(error) => {
                let error = Error::dial(error).at_broker(&address.to_string());
                if error.is_retriable() {
                    self.tell(address, |outage, now| outage.on_failure(now), Some(&error));
                }
                self.report_refused(&error, token.as_ref());
                slot.state().fail(error.clone(), self.backoff, time::now(), token);
                Err(error)
            }
        }
    }

    /// Runs a dial when it is its turn. One that takes long leaves its turn to others: they do not
    /// wait for a broker that is silent.
    async fn in_turn<T>(&self, dial: impl Future<Output = T>) -> T {
        let turn = self.dials.acquire().await;
        let mut dial = pin!(dial);
        if let Ok(dialled) = tokio::time::timeout(TURN, dial.as_mut()).await {
            return dialled;
        }
        drop(turn);
        dial.await
    }

    /// Tells the log when a broker goes, and when it comes back.
    fn tell(
        &self,
        address: &Address,
        news: impl FnOnce(&mut Outage, Instant) -> News,
        error: Option<&Error>,
    ) {
        let mut outages = self.outages.lock().unwrap_or_else(PoisonError::into_inner);
        let told = news(outages.entry(address.clone()).or_default(), time::now());
        drop(outages);
        let cause = error.map(|error| explained(error));
        match told {
            News::None => {}
            News::Away { since } => {
                let cause = cause.unwrap_or_default();
                tracing::warn!(broker = %address, ?since, cause, "the broker cannot be reached; dialling goes on");
            }
            News::Back { after } => {
                tracing::info!(broker = %address, ?after, "the broker can be reached again")
            }
        }
    }

    /// What a broker would make of a dead token is known: a session that is over at once.
    fn refuse_dead_token(&self, address: &Address) -> Result<(), Error> {
        let token = self.dialler.credentials.token();
        if !token.as_ref().is_some_and(|token| token.is_dead(time::now())) {
            return Ok(());
        }
        let error = Error::dial(conn::error::Error::TokenExpired).at_broker(&address.to_string());
        self.report_refused(&error, token.as_ref());
        Err(error)
    }

    /// Tells whoever makes the tokens that one is not taken.
    fn report_refused(&self, error: &Error, token: Option<&Arc<Token>>) {
        if let (true, Credentials::Token { source, .. }, Some(token)) =
            (error.needs_new_credentials(), &self.dialler.credentials, token)
        {
            source.report_refused(token);
        }
    }
}

/// Has every live connection log in with each new token, spread over time.
async fn follow(slots: Weak<Slots>, mut source: TokenSource, cluster: String) {
    // Of a token that has a successor its end alone is kept, or its secret would live on here.
    let mut old_end = source.current().end();
    loop {
        let new = source.changed().await;
        let Some(slots) = slots.upgrade() else { return };
        tell_token(&cluster, &new);
        if new.is_dead(time::now()) {
            // Sessions live until they end, and there is nothing to log in with.
            continue;
        }
        let slots: Vec<_> = slots.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        let left = old_end.map(|end| end.saturating_duration_since(time::now()));
        for connection in slots.iter().filter_map(|slot| slot.open()) {
            connection.follow_token(source.turn(time::now(), &new, left));
        }
        old_end = new.end();
    }
}
