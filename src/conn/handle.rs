//! A caller's side of a connection: requests go in, typed responses come out.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::error::Error;
use super::inflight::Written;
use super::task::{Command, Opened};
use crate::time;
use crate::wire::api::ApiKey;
use crate::wire::codec::{self, Request};

/// For how long a broker is believed to lack an API. A connection that is older gives way to a new
/// one, which asks again: what was said when it was made may have been damaged on the way.
const BELIEVED: Duration = Duration::from_secs(60);

/// A request failed, and this is what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) written: Written,
}

impl Failure {
    pub(crate) fn not_written(error: impl Into<Error>) -> Self {
        Self { error: error.into(), written: Written::No }
    }
}

/// How many connections to one place broke in a row because an answer could not be read. The first
/// of them may have been damaged on their way, which another connection heals; but a peer that goes on
/// so is no broker. Clones share the count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Damage(Arc<AtomicU32>);

impl Damage {
    /// So many in a row are the peer's doing.
    pub(crate) const FINAL: u32 = 3;
}

/// A connection that is ready for requests. Clones share it; it closes when it was idle for long,
/// or when all clones are gone and all that is in flight is answered.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    commands: mpsc::Sender<Command>,
    facts: Arc<Facts>,
}

/// What all clones of a connection share.
#[derive(Debug)]
pub(crate) struct Facts {
    opened: Opened,
    client_id: Arc<str>,
    since: Instant,
    /// Another connection is to take over.
    outdated: AtomicBool,
    damage: Damage,
    /// An answer could not be read.
    damaged: AtomicBool,
    mute: Mute,
}

/// Until when a broker wants to be left alone (KIP-219), as the task of a connection tells its callers: whoever asked
/// what was answered so may be gone. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Mute {
    since: Instant,
    /// So many milliseconds after `since`.
    millis: Arc<AtomicU64>,
}

impl Mute {
    pub(crate) fn new() -> Self {
        Self { since: time::now(), millis: Arc::default() }
    }

    /// Takes note that nothing is to be sent until then.
    pub(crate) fn extend(&self, until: Instant) {
        let millis = until.saturating_duration_since(self.since).as_millis();
        self.millis.fetch_max(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn until(&self) -> Option<Instant> {
        let until = self.since.checked_add(Duration::from_millis(self.millis.load(Ordering::Relaxed)))?;
        (until > time::now()).then_some(until)
    }
}

impl Facts {
    pub(crate) fn new(opened: Opened, client_id: Arc<str>, damage: Damage, mute: Mute) -> Self {
        let (outdated, damaged) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { opened, client_id, since: time::now(), outdated, damage, damaged, mute }
    }

    /// An answer was read: what was damaged before was so on its way.
    fn on_read(&self) {
        if self.damage.0.load(Ordering::Relaxed) != 0 {
            self.damage.0.store(0, Ordering::Relaxed);
        }
    }

    /// Says whether damage is worth another connection. It counts once, however many wait.
    fn judge(&self, failure: Failure) -> Failure {
        if !failure.error.is_damage() {
            return failure;
        }
        if !self.damaged.swap(true, Ordering::Relaxed) {
            self.damage.0.fetch_add(1, Ordering::Relaxed);
        }
        match self.damage.0.load(Ordering::Relaxed) >= Damage::FINAL {
            true => Failure { error: failure.error.repeated(), ..failure },
            false => failure,
        }
    }

    fn version<R: Request>(&self, request: &R) -> Result<i16, Failure> {
        self.opened.versions.negotiate_for(request).map_err(|error| {
            if time::now() < self.since + BELIEVED {
                return Failure::not_written(error);
            }
            self.outdated.store(true, Ordering::Relaxed);
            Failure::not_written(Error::Closed)
        })
    }
}

/// A request that was handed over and whose response is awaited. Dropping it loses this response
/// and nothing else.
#[derive(Debug)]
pub(crate) struct Pending<R> {
    version: i16,
    reply: oneshot::Receiver<Result<Bytes, Failure>>,
    commands: mpsc::Sender<Command>,
    facts: Arc<Facts>,
    request: PhantomData<fn() -> R>,
}

impl Connection {
    pub(crate) fn new(commands: mpsc::Sender<Command>, facts: Facts) -> Self {
        Self { commands, facts: Arc::new(facts) }
    }

    /// Whether requests can still be handed over, and are worth it.
    pub(crate) fn is_open(&self) -> bool {
        !self.commands.is_closed() && !self.facts.outdated.load(Ordering::Relaxed)
    }

    /// Until when nothing is sent, since the broker throttles somebody who uses the connection.
    pub(crate) fn muted_until(&self) -> Option<Instant> {
        self.facts.mute.until()
    }

    /// Whether the broker speaks `version` of `api`.
    pub(crate) fn speaks(&self, api: ApiKey, version: i16) -> bool {
        self.facts.opened.versions.supports(api, version)
    }

    /// Has whoever comes next use another connection. What is in flight here is answered.
    pub(crate) fn retire(&self) {
        self.facts.outdated.store(true, Ordering::Relaxed);
    }

    /// When the session of the first login ends, if it does.
    pub(crate) fn first_session_end(&self) -> Option<Instant> {
        self.facts.opened.session_end
    }

    /// Sends a request and waits for its response, for at most `timeout`.
    ///
    /// # Cancel safety
    /// A dropped call loses its own response only; the request may have been written.
    pub(crate) async fn call<R: Request>(
        &self,
        request: &R,
        timeout: Duration,
    ) -> Result<R::Response, Failure> {
        self.start(request, timeout).await?.response().await
    }

    /// Has the connection log in with the newest token, so much later. Nobody's request is lost.
    pub(crate) fn follow_token(&self, after: Duration) {
        let command = Command::NewToken { after };
        if let Err(mpsc::error::TrySendError::Full(command)) = self.commands.try_send(command) {
            // Callers wait for their turn: so does this.
            let commands = self.commands.clone();
            tokio::spawn(async move { commands.send(command).await });
        }
    }

    /// Hands a request over, behind those that were handed over before, without waiting for its
    /// response.
    ///
    /// # Cancel safety
    /// A dropped call has handed nothing over.
    pub(crate) async fn start<R: Request>(
        &self,
        request: &R,
        timeout: Duration,
    ) -> Result<Pending<R>, Failure> {
        let version = self.facts.version(request)?;
        let encoded = codec::encode(request, version, &self.facts.client_id).map_err(Failure::not_written)?;
        let (sender, reply) = oneshot::channel();
        let command = Command::Submit { request: encoded, deadline: time::now() + timeout, reply: sender };
        let sent = self.commands.send(command).await;
        sent.map_err(|_| Failure::not_written(Error::Closed))?;
        let (commands, facts) = (self.commands.clone(), Arc::clone(&self.facts));
        Ok(Pending { version, reply, commands, facts, request: PhantomData })
    }
}

impl<R: Request> Pending<R> {
    /// Waits for the response.
    ///
    /// # Cancel safety
    /// A dropped call loses this response only.
    pub(crate) async fn response(self) -> Result<R::Response, Failure> {
        let frame = match self.reply.await {
            Ok(Ok(frame)) => frame,
            Ok(Err(failure)) => return Err(self.facts.judge(failure)),
            // A task that ends answers all that it has. This one was dropped with its runtime.
            Err(_) => return Err(Failure { error: Error::Closed, written: Written::Possibly }),
        };
        let decoded = codec::decode::<R>(self.version, frame).map_err(|error| {
            let error = Error::from(error);
            let _ = self.commands.try_send(Command::Break(error.clone()));
            self.facts.judge(Failure { error, written: Written::Possibly })
        });
        decoded.inspect(|_| self.facts.on_read())
    }
}
