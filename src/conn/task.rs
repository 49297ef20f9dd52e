//! The task that owns one socket: it moves bytes between the socket and the [`Session`] and runs
//! what the session asks for. It decides nothing by itself.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Sleep;

use super::broken::broken;
use super::counters::Counters;
use super::error::Error;
use super::handle::{Failure, Mute};
use super::inflight::{RequestId, Written};
use super::login::{Change, Errand, Finding, Logins};
use super::lowat::{LowWater, Source};
use super::session::{Event, Session};
use crate::time;
use crate::wire::encoded::Encoded;
use crate::wire::frame::FrameReader;
use crate::wire::version::VersionTable;

/// What a caller asks of a connection.
#[derive(Debug)]
pub(crate) enum Command {
    /// Send this request and pass its response on.
    Submit { request: Encoded, deadline: Instant, reply: oneshot::Sender<Result<Bytes, Failure>> },
    /// Close at once: a response was wrong.
    Break(Error),
    /// There is a newer token: log in with it, so much later.
    NewToken { after: Duration },
}

/// What is known of a connection once requests can flow.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) versions: VersionTable,
    /// When the session of the first login ends, if it does.
    pub(crate) session_end: Option<Instant>,
}

/// One connection at work. `run` it in a task of its own.
pub(crate) struct Task<S> {
    stream: S,
    session: Session,
    reader: FrameReader,
    low_water: LowWater,
    writing: Option<Writing>,
    commands: mpsc::Receiver<Command>,
    draining: bool,
    replies: BTreeMap<RequestId, oneshot::Sender<Result<Bytes, Failure>>>,
    logins: Logins,
    errand: Option<Errand>,
    opened: Option<oneshot::Sender<Result<Opened, Error>>>,
    counters: Arc<Counters>,
    mute: Mute,
    timer: Pin<Box<Sleep>>,
    idle_after: Duration,
    busy_until: Instant,
    /// The session waits for a token that is alive.
    parked: bool,
    /// The connection is logged in with a token that has a successor.
    outdated: bool,
}

struct Writing {
    request: Encoded,
    done: usize,
}

/// What woke the task.
enum Wake {
    Command(Option<Command>),
    Read(io::Result<usize>),
    Wrote(io::Result<()>),
    Errand(Result<Finding, Error>),
    Timer,
}

/// The parts of a task that its dialler chooses.
pub(crate) struct Parts<S> {
    pub(crate) stream: S,
    pub(crate) session: Session,
    pub(crate) reader: FrameReader,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) logins: Logins,
    pub(crate) counters: Arc<Counters>,
    pub(crate) mute: Mute,
    pub(crate) opened: oneshot::Sender<Result<Opened, Error>>,
    pub(crate) idle_after: Duration,
}

impl<S: AsyncRead + AsyncWrite + Source + Unpin> Task<S> {
    pub(crate) fn new(parts: Parts<S>) -> Self {
        let now = time::now();
        Self {
            stream: parts.stream,
            session: parts.session,
            reader: parts.reader,
            low_water: LowWater::default(),
            writing: None,
            commands: parts.commands,
            draining: false,
            replies: BTreeMap::new(),
            logins: parts.logins,
            errand: None,
            opened: Some(parts.opened),
            counters: parts.counters,
            mute: parts.mute,
            timer: Box::pin(tokio::time::sleep_until(now.into())),
            idle_after: parts.idle_after,
            busy_until: now,
            parked: false,
            outdated: false,
        }
    }

    /// Works until the connection ends, and tells every caller how.
    pub(crate) async fn run(mut self) {
        let error = loop {
            if let Err(error) = self.turn().await {
                break if self.opened.is_none() { self.logins.after_reauthentication(error) } else { error };
            }
        };
        self.end(error);
    }

    async fn turn(&mut self) -> Result<(), Error> {
        self.handle_events()?;
        if self.session.is_busy() {
            self.busy_until = time::now();
        } else if self.draining && self.session.load() == 0 {
            return Err(Error::Retired);
        }
        self.fill_writing();
        self.arm_timer();
        self.low_water.follow(&self.stream, self.reader.owed());
        match poll_fn(|cx| self.poll_wake(cx)).await {
            Wake::Command(command) => self.handle_command(command)?,
            Wake::Read(read) => self.handle_read(read)?,
            Wake::Wrote(wrote) => wrote.map_err(|error| self.broken(error))?,
            Wake::Errand(finding) => self.handle_finding(finding?)?,
            Wake::Timer => self.handle_timer()?,
        }
        Ok(())
    }

    fn handle_events(&mut self) -> Result<(), Error> {
        while let Some(event) = self.session.poll_event() {
            match event {
                Event::VersionsKnown if self.logins.is_anonymous() => self.session.open(),
                Event::CredentialWanted { idle: true } if !self.logins.awaits_token(time::now()) => {
                    return Err(Error::Retired);
                }
                Event::VersionsKnown | Event::CredentialWanted { .. } => self.log_in(),
                Event::DeriveKey(derivation) => self.errand = Some(self.logins.key(derivation)),
                Event::Opened { login } => self.handle_opened(login),
                Event::Response { id, frame } => self.reply(id, Ok(frame)),
                Event::NotSent { id } => self.reply(id, Err(Failure::not_written(Error::NotSent))),
            }
        }
        Ok(())
    }

    fn log_in(&mut self) {
        let now = time::now();
        self.parked = self.opened.is_none() && self.logins.awaits_token(now);
        if !self.parked {
            self.errand = Some(self.logins.attempt(now, self.session.end()));
        }
    }

    /// Moves on to the newest token: in place if it acts for the same owner, else this connection
    /// finishes what it has and another takes over.
    fn handle_new_token(&mut self, after: Duration) -> Result<(), Error> {
        match self.logins.change() {
            Change::None => {}
            Change::Owner => return self.handle_command(None),
            Change::Login if self.parked => self.log_in(),
            Change::Login => {
                self.set_outdated(true);
                self.session.want_login(time::now() + after);
            }
        }
        Ok(())
    }

    fn set_outdated(&mut self, outdated: bool) {
        if outdated != self.outdated {
            self.outdated = outdated;
            Counters::count_outdated(outdated);
        }
    }

    fn handle_opened(&mut self, login: bool) {
        // The token may have got a successor while the login ran.
        let outdated = self.logins.change() != Change::None;
        self.set_outdated(outdated);
        if outdated {
            self.session.want_login(time::now());
        }
        let opened = self.opened.take();
        if login {
            self.logins.report_taken();
            self.counters.count_login(opened.is_some());
        }
        if let Some(opened) = opened {
            if let Some(turns) = self.logins.credentials.turns() {
                turns.join();
            }
            let versions = self.session.versions().clone();
            let _ = opened.send(Ok(Opened { versions, session_end: self.session.end() }));
        }
    }

    fn reply(&mut self, id: RequestId, reply: Result<Bytes, Failure>) {
        if let Some(caller) = self.replies.remove(&id) {
            let _ = caller.send(reply);
        }
    }

    fn handle_command(&mut self, command: Option<Command>) -> Result<(), Error> {
        match command {
            Some(Command::Submit { request, deadline, reply }) => {
                let id = self.session.submit(request, deadline);
                self.replies.insert(id, reply);
                if self.session.is_crowded() {
                    self.forget_gone();
                }
            }
            Some(Command::Break(error)) => return Err(error),
            Some(Command::NewToken { after }) => return self.handle_new_token(after),
            None => {
                self.draining = true;
                self.refuse_commands(&Error::Retired);
            }
        }
        Ok(())
    }

    /// Forgets the requests that were not sent and that nobody waits for any more.
    fn forget_gone(&mut self) {
        self.replies.retain(|_, reply| !reply.is_closed());
        let replies = &self.replies;
        self.session.forget_held(|id| !replies.contains_key(&id));
    }

    fn handle_read(&mut self, read: io::Result<usize>) -> Result<(), Error> {
        match read {
            Ok(0) => return Err(self.session.closed_by_peer()),
            Ok(_) => {}
            // TLS that ends without its own farewell.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(self.session.closed_by_peer());
            }
            Err(error) => return Err(self.broken(error)),
        }
        let now = time::now();
        while let Some(frame) = self.poll_frame()? {
            self.session.handle_frame(now, frame)?;
        }
        if let Some(until) = self.session.muted_until() {
            self.mute.extend(until);
        }
        Ok(())
    }

    fn poll_frame(&mut self) -> Result<Option<Bytes>, Error> {
        let max = self.session.max_frame();
        Ok(match self.session.expects_secrets() {
            true => self.reader.poll_secret_frame(max)?,
            false => self.reader.poll_frame(max)?,
        })
    }

    /// What broke the stream. Once requests flow both sides have accepted each other: whatever TLS
    /// says then, another connection is worth it.
    fn broken(&self, error: io::Error) -> Error {
        match broken(error) {
            Error::Tls(text) if self.opened.is_none() => Error::TlsDamaged(text),
            error => error,
        }
    }

    fn handle_finding(&mut self, finding: Finding) -> Result<(), Error> {
        self.errand = None;
        let now = time::now();
        match finding {
            Finding::Key(key) => self.session.key_derived(now, key),
            Finding::Attempt(attempt) if self.logins.fits(&attempt) => {
                self.session.authenticate(now, attempt)
            }
            // Another mechanism is never accepted on a connection that has logged in.
            Finding::Attempt(_) => self.handle_command(None),
        }
    }

    fn handle_timer(&mut self) -> Result<(), Error> {
        let now = time::now();
        self.session.handle_timeout(now)?;
        if !self.session.is_busy() && now >= self.busy_until + self.idle_after {
            return Err(Error::Retired);
        }
        Ok(())
    }

    /// Takes the next request whose caller still waits.
    fn fill_writing(&mut self) {
        while self.writing.is_none() {
            let gone =
                self.session.next_held().filter(|id| self.replies.get(id).is_none_or(|r| r.is_closed()));
            if let Some(id) = gone {
                self.session.abandon(id);
                self.replies.remove(&id);
                continue;
            }
            let Some(request) = self.session.poll_transmit(time::now()) else { break };
            self.counters.count_request(request.api());
            self.writing = Some(Writing { request, done: 0 });
        }
    }

    /// Sets the timer if it would fire too late. One that fires too early is set again then:
    /// that is rarer than new requests are.
    fn arm_timer(&mut self) {
        let idle = self.busy_until + self.idle_after;
        let due = self.session.poll_timeout().map_or(idle, |due| due.min(idle));
        let due = tokio::time::Instant::from_std(due);
        if self.timer.is_elapsed() || self.timer.deadline() > due {
            self.timer.as_mut().reset(due);
        }
    }

    fn poll_wake(&mut self, cx: &mut Context<'_>) -> Poll<Wake> {
        if let Poll::Ready(wrote) = self.poll_write(cx) {
            return Poll::Ready(Wake::Wrote(wrote));
        }
        let mut spare = self.reader.spare();
        if let Poll::Ready(read) = pin!(self.stream.read_buf(&mut spare)).poll(cx) {
            return Poll::Ready(Wake::Read(read));
        }
        if !self.draining
            && let Poll::Ready(command) = self.commands.poll_recv(cx)
        {
            return Poll::Ready(Wake::Command(command));
        }
        if let Some(errand) = &mut self.errand
            && let Poll::Ready(finding) = errand.as_mut().poll(cx)
        {
            return Poll::Ready(Wake::Errand(finding));
        }
        self.timer.as_mut().poll(cx).map(|()| Wake::Timer)
    }

    /// Ready when a request was written whole, and flushed.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(writing) = &mut self.writing else { return Poll::Pending };
        while writing.done < writing.request.len() {
            let slices = writing.request.slices_from(writing.done);
            match ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, &slices))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => writing.done += written,
            }
        }
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.writing = None;
        Poll::Ready(Ok(()))
    }

    fn end(mut self, error: Error) {
        tracing::debug!(?error, "connection ended");
        self.set_outdated(false);
        if let (None, Some(turns)) = (&self.opened, self.logins.credentials.turns()) {
            turns.leave();
        }
        if let Some(opened) = self.opened.take() {
            let _ = opened.send(Err(error.clone()));
        }
        // What was answered before the end is an answer all the same.
        while let Some(event) = self.session.poll_event() {
            match event {
                Event::Response { id, frame } => self.reply(id, Ok(frame)),
                Event::NotSent { id } => self.reply(id, Err(Failure::not_written(Error::NotSent))),
                _ => {}
            }
        }
        self.refuse_commands(&error);
        for (id, written) in self.session.handle_closed() {
            if let Some(caller) = self.replies.remove(&id) {
                let _ = caller.send(Err(Failure { error: error.clone(), written }));
            }
        }
    }

    /// Takes no more commands, and sends nothing of those that were handed over and not taken: nobody looks at
    /// their deadlines from here on.
    fn refuse_commands(&mut self, error: &Error) {
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            if let Command::Submit { reply, .. } = command {
                let _ = reply.send(Err(Failure { error: error.clone(), written: Written::No }));
            }
        }
    }
}

#[cfg(test)]
mod tests;
