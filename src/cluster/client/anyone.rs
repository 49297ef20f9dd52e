//! What any broker can do: which of them are tried, in which order, and when the next one beside those
//! before it.

use std::collections::BTreeMap;
use std::future::{Future, ready};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::timeout_at;

use super::Cluster;
use crate::cluster::pool::Purpose;
use crate::cluster::retry::Limit;
use crate::cluster::silence::{LOOK_PAUSE, OVERDUE, Silence};
use crate::cluster::topology::{Address, Topology, named};
use crate::conn::handle::Connection;
use crate::conn::race::race;
use crate::entropy;
use crate::error::{Error, ErrorKind};
use crate::ids::BrokerId;
use crate::time;
use crate::wire::codec::Request;

/// A picture that is younger is not asked for again because of a broker that is silent.
const NEW: Duration = Duration::from_millis(400);

impl Cluster {
    /// Takes note that a broker owes an answer for long: what any broker can do is asked of others first.
    pub(crate) fn note_silence(&self, broker: BrokerId) {
        if let Some(address) = self.topology(|topology| topology.address(broker).cloned()) {
            self.silence().note(address, time::now());
        }
    }

    /// Whether the picture of the cluster is new enough to say who leads what a silent broker led.
    pub(crate) fn knows_newest_leaders(&self) -> bool {
        let then = time::now().checked_sub(NEW);
        self.topology(|topology| then.is_some_and(|then| !topology.is_older_than(then)))
    }

    /// Takes note that a broker answered after all.
    pub(crate) fn note_answer(&self, broker: BrokerId) {
        if let Some(address) = self.topology(|topology| topology.address(broker).cloned()) {
            self.silence().end(&address);
        }
    }

    /// Asks the others who leads what a silent broker led, unless that was asked a moment ago. Gives the pause
    /// until they are to be asked again.
    ///
    /// # Cancel safety
    /// A dropped call loses the answer only.
    pub(crate) async fn look_beside(&self, silent: BrokerId) -> Duration {
        self.note_silence(silent);
        if self.knows_newest_leaders() {
            return LOOK_PAUSE;
        }
        if let Err(error) = self.refresh(self.topology(Topology::generation)).await {
            tracing::debug!(%error, "no new picture of the cluster");
        }
        let address = self.topology(|topology| topology.address(silent).cloned());
        address.map_or(LOOK_PAUSE, |address| self.silence().on_look(&address))
    }

    fn silence(&self) -> MutexGuard<'_, Silence> {
        lock(&self.0.silence)
    }

    /// Sends a request to whichever broker is at hand, and to another one beside it if that is silent: what is
    /// sent twice has to do no harm.
    pub(crate) async fn call_any<R: Request>(&self, request: &R) -> Result<R::Response, Error> {
        let limit = self.limit();
        let ask = |address: Address, connection: Connection| async move {
            self.call(&address, &connection, request, limit).await
        };
        self.ask_anyone(limit, ask).await
    }

    /// A connection to any broker.
    pub(super) async fn any_connection(&self, limit: Limit) -> Result<(Address, Connection), Error> {
        self.ask_anyone(limit, |address, connection| ready(Ok((address, connection)))).await
    }

    /// Asks any broker: one that is connected, else a known one, else, when none of those can be reached,
    /// one from the bootstrap list (KIP-899). One that is silent is not waited for for long before the next is
    /// asked beside it, and is the last to be asked for a while.
    pub(super) async fn ask_anyone<T, F>(
        &self,
        limit: Limit,
        ask: impl Fn(Address, Connection) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let candidates = self.candidates();
        let (last, begun) = (Mutex::new(None), Mutex::new(BTreeMap::<Address, Instant>::new()));
        let attempt = |address: Address| {
            let (ask, last, begun) = (&ask, &last, &begun);
            async move {
                lock(begun).insert(address.clone(), time::now());
                let dialled = self.0.pool.connection(&address, Purpose::Prompt).await;
                let outcome = match dialled {
                    Ok(connection) => Ok(ask(address.clone(), connection).await),
                    Err(failed) if failed.is_retriable() => {
                        *lock(last) = Some(failed.clone());
                        Err(failed)
                    }
                    Err(failed) => Ok(Err(failed)),
                };
                lock(begun).remove(&address);
                if matches!(outcome, Ok(Ok(_))) {
                    self.silence().end(&address);
                }
                outcome
            }
        };
        let stagger = limit.stagger(time::now(), candidates.len());
        let raced = race(candidates.iter().cloned(), stagger, attempt);
        let raced = timeout_at(limit.ends.into(), raced).await;
        self.note_silent(lock(&begun).iter());
        match raced {
            Ok(Ok(answered)) => answered,
            Ok(Err(Some(failed))) => Err(failed),
            Ok(Err(None)) => Err(Error::because(ErrorKind::Config, "the bootstrap list is empty")),
            Err(_) => {
                let last = lock(&last).clone();
                Err(not_connected(limit, &candidates.iter().collect::<Vec<_>>(), last.as_ref()))
            }
        }
    }

    /// Takes note of those that were asked and did not answer before another had to be asked.
    fn note_silent<'a>(&self, begun: impl Iterator<Item = (&'a Address, &'a Instant)>) {
        let now = time::now();
        for (address, _) in begun.filter(|(_, began)| now >= **began + OVERDUE) {
            self.silence().note(address.clone(), now);
        }
    }

    /// The addresses to try: connected ones first, then the others from a random one on, and those that were
    /// silent last.
    fn candidates(&self) -> Vec<Address> {
        let turned = |mut addresses: Vec<Address>| {
            let random = entropy::fill().map_or(0, |[byte]| usize::from(byte));
            let turn = random.checked_rem(addresses.len()).unwrap_or(0);
            addresses.rotate_left(turn);
            addresses
        };
        let known = turned(self.topology(|topology| topology.addresses().cloned().collect()));
        let bootstrap = self.0.config.bootstrap().endpoints().iter();
        let bootstrap =
            bootstrap.map(|end| Address { host: end.host.as_str().into(), port: end.port }).collect();
        let mut all = known;
        for address in turned(bootstrap) {
            if !all.contains(&address) {
                all.push(address);
            }
        }
        let (now, silence) = (time::now(), self.silence());
        all.sort_by_key(|address| (silence.lasts(address, now), !self.0.pool.is_connected(address)));
        all
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The time was over before there was a connection to one of these.
pub(super) fn not_connected(limit: Limit, tried: &[&Address], last: Option<&Error>) -> Error {
    let text = format!("no connection within {:?} to {}", limit.length, named(tried.iter().copied()));
    Error::late(&text, last)
}
