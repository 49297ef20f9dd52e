//! The connections of one client: at most one for each broker and purpose.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio::task::JoinHandle;

use super::config::Backoff;
use super::topology::Address;
use crate::conn;
use crate::conn::counters::Statistics;
use crate::conn::credentials::{Credentials, TokenSource};
use crate::conn::dial::Dialler;
use crate::conn::handle::Connection;
use crate::conn::token::Token;
use crate::entropy;
use crate::error::Error;
use crate::time;

/// How many dials run at once: a client of a large cluster does not open all at the same moment.
const DIALS: usize = 16;

/// A connection that lived for less than this counts as a failed dial, so that a broker which
/// accepts a login and then closes is not asked again at once, and for ever.
const SHORT_LIFE: Duration = Duration::from_secs(1);

/// The least wait before a broker is asked again with a credential that it has refused.
const REFUSED: Duration = Duration::from_millis(600);

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
    dialler: Dialler,
    backoff: Backoff,
    dials: Semaphore,
    slots: Arc<Slots>,
    /// The task that tells connections of new tokens.
    follower: Option<JoinHandle<()>>,
}

type Slots = Mutex<BTreeMap<(Address, Purpose), Arc<Slot>>>;

/// The place of one connection.
#[derive(Default)]
struct Slot {
    live: Mutex<Option<Live>>,
    /// Whoever holds the lock may dial; the others wait for the outcome.
    dialling: AsyncMutex<State>,
}

#[derive(Default)]
struct State {
    failure: Option<Failure>,
}

#[derive(Clone)]
struct Live {
    connection: Connection,
    since: Instant,
}

/// The last dial failed.
struct Failure {
    error: Error,
    times: u32,
    again_at: Instant,
    /// The token that was the newest then.
    token: Option<Arc<Token>>,
}

impl Pool {
    /// Must be called on a runtime: connections are to follow their tokens.
    pub(crate) fn new(dialler: Dialler, backoff: Backoff) -> Self {
        let slots = Arc::<Slots>::default();
        let follower = match &dialler.credentials {
            Credentials::Token { source, .. } if source.may_change() => {
                Some(tokio::spawn(follow(Arc::downgrade(&slots), source.clone())))
            }
            _ => None,
        };
        Self { dialler, backoff, dials: Semaphore::new(DIALS), slots, follower }
    }

    /// Gives the connection to a broker, made now if there is none. Within the wait after a
    /// failed dial it gives the failure again, without dialling; but a token that has come
    /// meanwhile is tried at once. With a token that is known to be dead nobody is dialled.
    ///
    /// # Cancel safety
    /// A dropped call leaves a dial that it had begun to the next one.
    pub(crate) async fn connection(&self, address: &Address, purpose: Purpose) -> Result<Connection, Error> {
        let slot = self.slot(address, purpose);
        self.refuse_dead_token(address)?;
        if let Some(connection) = slot.open() {
            return Ok(connection);
        }
        let mut state = slot.dialling.lock().await;
        if let Some(connection) = slot.open() {
            return Ok(connection);
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
        let recent = |failure: &&Failure| now < failure.again_at && failure.token == token;
        if let Some(failure) = state.failure.as_ref().filter(recent) {
            return Err(failure.error.clone());
        }
        let _permit = self.dials.acquire().await;
        match self.dialler.dial(&address.host, address.port).await {
            Ok(connection) => {
                *slot.live() = Some(Live { connection: connection.clone(), since: time::now() });
                Ok(connection)
            }
            Err(error) => {
                let error = Error::dial(error).at_broker(&address.to_string());
                self.report_refused(&error, token.as_ref());
                state.fail(error.clone(), self.backoff, time::now(), token);
                Err(error)
            }
        }
    }

    /// The connection to a broker, if there is one that can be used at once.
    pub(crate) fn open(&self, address: &Address, purpose: Purpose) -> Option<Connection> {
        self.refuse_dead_token(address).ok()?;
        self.slot(address, purpose).open()
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

    /// Whether there is a connection to a broker that can be used at once.
    pub(crate) fn is_connected(&self, address: &Address) -> bool {
        self.slot(address, Purpose::Prompt).open().is_some()
    }

    /// The dialler's counts.
    pub(crate) fn statistics(&self) -> Statistics {
        self.dialler.counters.statistics()
    }

    fn slot(&self, address: &Address, purpose: Purpose) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry((address.clone(), purpose)).or_default())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(follower) = self.follower.take() {
            follower.abort();
        }
    }
}

impl Slot {
    fn live(&self) -> MutexGuard<'_, Option<Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> Option<Connection> {
        let live = self.live();
        live.as_ref().map(|live| &live.connection).filter(|connection| connection.is_open()).cloned()
    }
}

/// Has every live connection log in with each new token, spread over time.
async fn follow(slots: Weak<Slots>, mut source: TokenSource) {
    let mut old = source.current();
    loop {
        let new = source.changed().await;
        let Some(slots) = slots.upgrade() else { return };
        let slots: Vec<_> = slots.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        let left = old.end().map(|end| end.saturating_duration_since(time::now()));
        for connection in slots.iter().filter_map(|slot| slot.open()) {
            connection.follow_token(source.turn(time::now(), &new, left));
        }
        old = new;
    }
}

impl State {
    fn fail(&mut self, error: Error, backoff: Backoff, at: Instant, token: Option<Arc<Token>>) {
        let times = self.failure.as_ref().map_or(0, |failure| failure.times).saturating_add(1);
        let delay = backoff.delay(times, random());
        let delay = if error.needs_new_credentials() { delay.max(REFUSED) } else { delay };
        self.failure = Some(Failure { error, times, again_at: at + delay, token });
    }
}

/// A random byte for jitter; without entropy there is none, which does no harm here.
fn random() -> u8 {
    entropy::fill().map_or(128, |[byte]| byte)
}
