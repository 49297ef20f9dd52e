//! One connection: reads a request, answers it, reads the next.
//!
//! As in a broker there is one request at a time, so answers come in the order of the requests.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{sleep, sleep_until};

use super::Shared;
use super::fault::{Spoiled, spoil};
use super::frame::{MAX_LOGIN_REQUEST, MAX_REQUEST, read_frame};
use super::session::{Gate, Session};
use crate::api::{Answer, Call, Incoming, answer, answer_raw};
use crate::clock::Now;
use crate::fault::Action;
use crate::{Asked, BrokerId, Quota};

pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) broker: BrokerId,
    pub(super) session: Session,
}

/// What to do after a request.
struct Outcome {
    frame: BytesMut,
    then_close: bool,
}

impl Outcome {
    fn send(frame: BytesMut) -> Self {
        Self { frame, then_close: false }
    }

    fn nothing() -> Self {
        Self::send(BytesMut::new())
    }

    fn close() -> Self {
        Self { frame: BytesMut::new(), then_close: true }
    }
}

impl Connection {
    /// Serves the connection until one side closes it.
    pub(super) async fn run<S>(mut self, mut stream: S) -> Option<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut buffer = BytesMut::new();
        loop {
            let limit = if self.session.is_authenticated() { MAX_REQUEST } else { MAX_LOGIN_REQUEST };
            let frame = read_frame(&mut stream, &mut buffer, limit).await?;
            let outcome = self.process(frame).await;
            if !outcome.frame.is_empty() {
                stream.write_all(&outcome.frame).await.ok()?;
                stream.flush().await.ok()?;
            }
            if outcome.then_close {
                return stream.shutdown().await.ok();
            }
            let muted = std::mem::take(&mut self.session.muted);
            if muted > Duration::ZERO {
                sleep(muted).await;
            }
        }
    }

    async fn process(&mut self, frame: Bytes) -> Outcome {
        if self.session.expects_raw_message() {
            return self.raw_message(&frame).await;
        }
        let Some(incoming) = Incoming::parse(frame) else { return Outcome::close() };
        let (gate, fault) = self.admit(&incoming);
        if gate == Gate::Close {
            return Outcome::close();
        }
        match &fault {
            Some(Action::Stall) => std::future::pending().await,
            Some(Action::CloseBefore) => return Outcome::close(),
            _ => {}
        }
        let (reply, then_close) = match self.answer(&incoming, fault.as_ref()).await {
            Answer::Reply(reply) => (reply, false),
            Answer::Last(delay, reply) => {
                sleep(delay).await;
                (reply, true)
            }
            Answer::Close(delay) => {
                sleep(delay).await;
                return Outcome::close();
            }
            Answer::Silence | Answer::Later(_) => return Outcome::nothing(),
        };
        match &fault {
            Some(Action::Delay(delay)) => sleep(*delay).await,
            Some(Action::StallAfter) => std::future::pending().await,
            _ => {}
        }
        match spoil(reply, fault.as_ref(), &mut self.shared.lock().0.random) {
            Some(Spoiled { frame, then_close: spoiled }) => {
                Outcome { frame, then_close: then_close || spoiled }
            }
            None => Outcome::nothing(),
        }
    }

    /// Counts a request, decides whether it is served, and chooses its fault.
    fn admit(&mut self, incoming: &Incoming) -> (Gate, Option<Action>) {
        let (mut state, now) = self.shared.lock();
        let state = &mut *state;
        state.counters.count_request(self.broker, incoming.key);
        let gate = self.session.admit(incoming.key, now.instant);
        if gate == Gate::Expired {
            state.counters.expired_connections_killed += 1;
            return (Gate::Close, None);
        }
        let fault = state.faults.pick(self.broker, incoming.key, self.session.connection, &mut state.random);
        (gate, fault)
    }

    /// Asks the API, again and again if it waits for something to be written.
    async fn answer(&mut self, incoming: &Incoming, fault: Option<&Action>) -> Answer<BytesMut> {
        let shared = Arc::clone(&self.shared);
        let mut waiting_since: Option<Now> = None;
        loop {
            // Made before the API looks, so that no write in between is missed.
            let mut changed = std::pin::pin!(shared.changed.notified());
            changed.as_mut().enable();
            let (answer, now) = self.ask(incoming, fault, waiting_since);
            // What is written is read at once, even if the writer has to wait for its answer.
            if waiting_since.is_none() && incoming.may_write() {
                shared.changed.notify_waiters();
            }
            let Answer::Later(until) = answer else { return answer };
            waiting_since = waiting_since.or(Some(now));
            tokio::select! {
                biased;
                () = changed => {}
                () = sleep_until(until) => {}
            }
        }
    }

    fn ask(
        &mut self,
        incoming: &Incoming,
        fault: Option<&Action>,
        waiting_since: Option<Now>,
    ) -> (Answer<BytesMut>, Now) {
        let (mut state, now) = self.shared.lock();
        let by_fault = match fault {
            Some(Action::Throttle(time)) => *time,
            _ => Duration::ZERO,
        };
        let mut call = Call {
            state: &mut state,
            session: &mut self.session,
            now,
            broker: self.broker,
            version: incoming.version,
            client_id: &incoming.client_id,
            throttled: by_fault,
            throttled_by_requests: Duration::ZERO,
            fault,
            waiting_since,
            notes: Vec::new(),
        };
        if waiting_since.is_none() && call.session.is_authenticated() {
            call.session.by_requests = call.charge(Quota::RequestRate, 1);
        }
        call.throttled_by_requests = call.session.by_requests;
        call.throttled = call.throttled.max(call.throttled_by_requests);
        let answer = answer(incoming, &mut call);
        let (notes, throttled) = (call.notes, call.throttled);
        self.session.muted = throttled;
        if !matches!(answer, Answer::Later(_)) {
            let asked = Asked {
                at: self.shared.clock.since_start(waiting_since.unwrap_or(now)),
                answered: self.shared.clock.since_start(now),
                broker: self.broker,
                connection: self.session.connection,
                api: incoming.key,
                version: incoming.version,
                topic: None,
                partition: None,
                offset: -1,
                code: 0,
                bytes: 0,
            };
            state.asked.push(&asked, notes);
        }
        (answer, now)
    }

    /// Answers a message of a mechanism that came without a Kafka header.
    async fn raw_message(&mut self, message: &[u8]) -> Outcome {
        let answered = {
            let (mut state, now) = self.shared.lock();
            let mut call = Call {
                state: &mut state,
                session: &mut self.session,
                now,
                broker: self.broker,
                version: 0,
                client_id: "",
                throttled: Duration::ZERO,
                throttled_by_requests: Duration::ZERO,
                fault: None,
                waiting_since: None,
                notes: Vec::new(),
            };
            answer_raw(message, &mut call)
        };
        match answered {
            Answer::Reply(reply) => Outcome::send(framed(&reply)),
            Answer::Close(delay) | Answer::Last(delay, _) => {
                sleep(delay).await;
                Outcome::close()
            }
            Answer::Silence | Answer::Later(_) => Outcome::nothing(),
        }
    }
}

fn framed(message: &[u8]) -> BytesMut {
    let mut frame = BytesMut::with_capacity(message.len().saturating_add(4));
    frame.put_i32(i32::try_from(message.len()).unwrap_or(0));
    frame.put_slice(message);
    frame
}
