//! The protocol of one connection, without IO, clock or tasks.
//!
//! ```text
//! ExpectVersions ─► ExpectCredential ─┬─ open ─────────────────────► Open
//!                                     └─ authenticate ─► logging in ─► Open
//!                            Open ─ authenticate ─► Draining ─► logging in ─► Open
//! ```
//! While a login runs nothing else is sent, requests in flight are answered first, and requests
//! that come in meanwhile are held: nobody loses a request by a re-authentication. A step that fails
//! leaves the session `Over`, from where nothing is sent and nothing leads away.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::authenticate::{Attempt, ExpectAnswer, ExpectHandshake, ExpectKey, Next, Terms};
use super::error::Error;
use super::inflight::{Awaited, Inflight, RequestId, Sent, Written};
use super::lifetime::Lifetime;
use crate::sasl::{Derivation, SaltedPassword};
use crate::wire::api::ApiKey;
use crate::wire::codec::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use crate::wire::codec::sasl_authenticate::SaslAuthenticateRequest;
use crate::wire::codec::sasl_handshake::SaslHandshakeRequest;
use crate::wire::codec::{self, Request};
use crate::wire::encoded::Encoded;
use crate::wire::error_code::ErrorCode;
use crate::wire::version::{self, FIRST_PROBE, Probed, VersionTable};

/// The longest frame that is taken from a peer that is not authenticated, and in a login.
const LOGIN_FRAME: usize = 64 * 1024;
/// The longest frame of any response but Fetch.
const CONTROL_FRAME: usize = 16 * 1024 * 1024;
/// When so many requests wait for their turn, it is looked which of them nobody waits for any more.
const CROWD: usize = 64;

/// What a session is told at its start.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) client_id: Arc<str>,
    /// The longest Fetch response that is taken, in bytes.
    pub(crate) max_frame: usize,
}

/// What happened, for the shell.
pub(crate) enum Event {
    /// The broker's versions are known: call [`Session::authenticate`] or [`Session::open`].
    VersionsKnown,
    /// Requests flow: from the start if there is no login, else after each login.
    Opened { login: bool },
    /// The session's life nears its end, or has passed it: call [`Session::authenticate`] with
    /// the newest credential. An `idle` session served nobody since its login: close it instead,
    /// it would log in for nothing.
    CredentialWanted { idle: bool },
    /// The login needs this key: answer by [`Session::key_derived`].
    DeriveKey(Derivation),
    /// A request was answered.
    Response { id: RequestId, frame: Bytes },
    /// A request's deadline passed before it could be sent. It was not written.
    NotSent { id: RequestId },
}

/// The protocol of one connection. Call `handle_*` with what came in, then `poll_event` and
/// `poll_transmit` until they are empty, then wait for `poll_timeout`. Any error is terminal:
/// close the socket and call [`Session::handle_closed`].
pub(crate) struct Session {
    settings: Settings,
    stage: Stage,
    inflight: Inflight,
    /// Requests that wait for their turn.
    held: VecDeque<Held>,
    /// With so many of them [`Session::is_crowded`].
    crowd: usize,
    /// The session's own next request.
    own: Option<(Encoded, Instant)>,
    events: VecDeque<Event>,
    versions: VersionTable,
    /// Whether a login of this connection was ever accepted.
    authenticated: bool,
    lifetime: Option<Lifetime>,
    /// The credential was asked for and has not come yet.
    wanted: bool,
    /// A caller's request came since the last login.
    used: bool,
    /// There is a newer credential than that of the last login.
    outdated: bool,
    /// Until when the broker asked for silence (KIP-219).
    muted_until: Option<Instant>,
    next_request: u64,
}

enum Stage {
    ExpectVersions {
        version: i16,
    },
    ExpectCredential,
    Open,
    Draining(Attempt),
    Handshake(ExpectHandshake),
    Answer(ExpectAnswer),
    Key(ExpectKey),
    /// A step took the stage and has not given the next: it failed, unless it still runs.
    Over,
}

struct Held {
    id: RequestId,
    request: Encoded,
    deadline: Instant,
}

impl Session {
    /// Starts by asking for the broker's versions, to be answered by `deadline`.
    pub(crate) fn new(settings: Settings, deadline: Instant) -> Result<Self, Error> {
        let mut session = Self {
            settings,
            stage: Stage::ExpectCredential,
            inflight: Inflight::default(),
            held: VecDeque::new(),
            crowd: CROWD,
            own: None,
            events: VecDeque::new(),
            versions: VersionTable::default(),
            authenticated: false,
            lifetime: None,
            wanted: false,
            used: false,
            outdated: false,
            muted_until: None,
            next_request: 0,
        };
        session.ask_versions(FIRST_PROBE, deadline)?;
        Ok(session)
    }

    /// Which versions the broker speaks; empty before [`Event::VersionsKnown`].
    pub(crate) fn versions(&self) -> &VersionTable {
        &self.versions
    }

    /// When the present session ends, if it does.
    pub(crate) fn end(&self) -> Option<Instant> {
        self.lifetime.map(|life| life.end())
    }

    /// Lets requests flow without a login.
    pub(crate) fn open(&mut self) {
        if matches!(self.stage, Stage::ExpectCredential) {
            self.stage = Stage::Open;
            self.events.push_back(Event::Opened { login: false });
        }
    }

    /// Logs in, for the first time or again. Requests in flight are answered first.
    pub(crate) fn authenticate(&mut self, now: Instant, attempt: Attempt) -> Result<(), Error> {
        self.wanted = false;
        match self.stage {
            Stage::ExpectCredential | Stage::Open => {
                self.stage = Stage::Draining(attempt);
                self.start_login_if_drained(now)
            }
            // A login is under way already; it ends, and the next is due in its time.
            _ => Ok(()),
        }
    }

    /// Wishes for [`Event::CredentialWanted`] at `at` if the session's life does not ask for it
    /// earlier.
    pub(crate) fn want_login(&mut self, at: Instant) {
        if let Some(life) = &mut self.lifetime {
            life.bring_forward(at);
            self.outdated = true;
        }
    }

    /// Answers [`Event::DeriveKey`].
    pub(crate) fn key_derived(&mut self, now: Instant, key: SaltedPassword) -> Result<(), Error> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Key(state) => {
                let terms = state.terms;
                let next = state.handle(key)?;
                self.go_on(now, terms, next)
            }
            stage => {
                self.stage = stage;
                Ok(())
            }
        }
    }

    /// Takes a request, to be sent when its turn comes and answered by `deadline`.
    pub(crate) fn submit(&mut self, request: Encoded, deadline: Instant) -> RequestId {
        let id = RequestId(self.next_request);
        self.next_request += 1;
        self.used = true;
        self.held.push_back(Held { id, request, deadline });
        id
    }

    /// Forgets a caller: a request that was not sent never will be, and the answer to one that
    /// was is read and dropped.
    pub(crate) fn abandon(&mut self, id: RequestId) {
        if !self.inflight.orphan(id) {
            self.held.retain(|held| held.id != id);
        }
    }

    /// Whether so many requests wait for their turn that [`Session::forget_held`] is due. It comes seldom
    /// enough that a request costs the same however many wait.
    pub(crate) fn is_crowded(&self) -> bool {
        self.held.len() >= self.crowd
    }

    /// Forgets those that wait for their turn and whose callers are gone: a broker that wants silence for
    /// long would have them pile up until their deadlines.
    pub(crate) fn forget_held(&mut self, is_gone: impl Fn(RequestId) -> bool) {
        self.held.retain(|held| !is_gone(held.id));
        self.crowd = CROWD.max(2 * self.held.len());
    }

    /// The request that goes out next, of those that callers wait for.
    pub(crate) fn next_held(&self) -> Option<RequestId> {
        self.held.front().map(|held| held.id)
    }

    /// What it means that the peer has closed the stream now.
    pub(crate) fn closed_by_peer(&self) -> Error {
        match self.stage {
            Stage::Handshake(_) | Stage::Answer(_) | Stage::Key(_) => Error::ClosedInLogin,
            _ => Error::Closed,
        }
    }

    /// How many requests wait or are in flight.
    pub(crate) fn load(&self) -> usize {
        self.held.len() + self.inflight.len()
    }

    /// Whether requests of callers wait or are in flight. What the session asks for itself keeps
    /// no connection open.
    pub(crate) fn is_busy(&self) -> bool {
        !self.held.is_empty() || self.inflight.serves_callers()
    }

    /// Until when nothing is sent, since the broker asked for silence.
    pub(crate) fn muted_until(&self) -> Option<Instant> {
        self.muted_until
    }

    /// The longest frame that may come next.
    pub(crate) fn max_frame(&self) -> usize {
        match self.inflight.oldest() {
            Some(sent) if sent.awaited == Awaited::Session => LOGIN_FRAME,
            Some(sent) if sent.api == ApiKey::Fetch => self.settings.max_frame,
            Some(_) => CONTROL_FRAME.min(self.settings.max_frame),
            None => LOGIN_FRAME,
        }
    }

    /// Whether the frame that may come next holds secrets.
    pub(crate) fn expects_secrets(&self) -> bool {
        self.inflight.oldest().is_some_and(|sent| sent.api.tells_secrets())
    }

    /// Takes the bytes of a frame, after its length.
    pub(crate) fn handle_frame(&mut self, now: Instant, frame: Bytes) -> Result<(), Error> {
        let got = codec::correlation_id(&frame)?;
        let want = self.inflight.oldest().map(|sent| sent.correlation_id);
        let wrong = Error::CorrelationId { got: got.0, want: want.map(|id| id.0) };
        // Whoever waits for the oldest request stays in line until the frame is known to be the
        // answer, or `handle_closed` would not name it.
        if want != Some(got) {
            return Err(wrong);
        }
        let answered = self.inflight.pop().ok_or(wrong)?;
        let silence = codec::throttle_time(answered.api, answered.version, &frame);
        if !silence.is_zero() {
            self.muted_until = self.muted_until.max(Some(now + silence));
        }
        match answered.awaited {
            Awaited::Caller(id) => self.events.push_back(Event::Response { id, frame }),
            Awaited::Nobody => {}
            Awaited::Session => self.handle_own(now, answered, frame)?,
        }
        self.start_login_if_drained(now)
    }

    /// Takes the passing of time. An error means that the broker has stopped answering.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        if let Some(stalled) = self.inflight.earliest_deadline().filter(|sent| sent.deadline <= now) {
            return Err(Error::Stalled { api: stalled.api });
        }
        if let Stage::Key(state) = &self.stage
            && state.terms.deadline <= now
        {
            return Err(Error::Stalled { api: ApiKey::SaslAuthenticate });
        }
        if self.muted_until.is_some_and(|until| until <= now) {
            self.muted_until = None;
        }
        let events = &mut self.events;
        self.held.retain(|held| {
            let in_time = held.deadline > now;
            if !in_time {
                events.push_back(Event::NotSent { id: held.id });
            }
            in_time
        });
        if self.renewal_due().is_some_and(|due| due <= now) {
            self.wanted = true;
            self.events.push_back(Event::CredentialWanted { idle: self.is_idle() });
        }
        Ok(())
    }

    /// The connection has ended: tells which requests are left and what became of them.
    pub(crate) fn handle_closed(self) -> Vec<(RequestId, Written)> {
        let sent = self.inflight.callers().map(|id| (id, Written::Possibly));
        sent.chain(self.held.iter().map(|held| (held.id, Written::No))).collect()
    }

    /// The next bytes to write, whole.
    pub(crate) fn poll_transmit(&mut self, now: Instant) -> Option<Encoded> {
        let (mut request, awaited, deadline) = match self.own.take() {
            _ if matches!(self.stage, Stage::Over) => return None,
            Some((request, deadline)) => (request, Awaited::Session, deadline),
            None if self.may_send(now) => {
                let held = self.held.pop_front()?;
                (held.request, Awaited::Caller(held.id), held.deadline)
            }
            None => return None,
        };
        let correlation_id = self.inflight.next_correlation_id();
        request.set_correlation_id(correlation_id);
        let (api, version) = (request.api(), request.version());
        self.inflight.push(Sent { correlation_id, awaited, api, version, deadline });
        Some(request)
    }

    /// What the shell is to do next.
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`Session::handle_timeout`].
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let key = match &self.stage {
            Stage::Key(state) => Some(state.terms.deadline),
            _ => None,
        };
        let sent = self.inflight.earliest_deadline().map(|sent| sent.deadline);
        let held = self.held.iter().map(|held| held.deadline).min();
        let silence = self.muted_until.filter(|_| !self.held.is_empty());
        [key, sent, held, silence, self.renewal_due()].into_iter().flatten().min()
    }

    /// Whether a caller's request may go out now.
    fn may_send(&self, now: Instant) -> bool {
        if !matches!(self.stage, Stage::Open) || self.muted_until.is_some_and(|until| until > now) {
            return false;
        }
        // Past its end a session serves a login only, which is due by then; anything else would be
        // answered by closing the connection.
        !self.lifetime.is_some_and(|life| life.is_over(now))
    }

    /// When the next login is due. An idle session is let come to its end first: whoever comes
    /// before that finds it alive, and it renews then.
    fn renewal_due(&self) -> Option<Instant> {
        match (&self.stage, self.wanted) {
            (Stage::Open, false) if self.is_idle() => self.end(),
            (Stage::Open, false) => self.lifetime.map(|life| life.due()),
            _ => None,
        }
    }

    /// Whether nobody would miss this session.
    fn is_idle(&self) -> bool {
        !self.used && !self.outdated
    }

    fn ask_versions(&mut self, version: i16, deadline: Instant) -> Result<(), Error> {
        self.stage = Stage::ExpectVersions { version };
        let request = codec::encode(&ApiVersionsRequest, version, &self.settings.client_id)?;
        self.own = Some((request, deadline));
        Ok(())
    }

    fn start_login_if_drained(&mut self, now: Instant) -> Result<(), Error> {
        if !self.inflight.is_empty() {
            return Ok(());
        }
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Draining(attempt) => {
                let state = ExpectHandshake::start(attempt, now, !self.authenticated);
                let request = SaslHandshakeRequest { mechanism: state.mechanism().to_owned() };
                self.send_own(&request, state.terms.deadline)?;
                self.stage = Stage::Handshake(state);
            }
            stage => self.stage = stage,
        }
        Ok(())
    }

    fn send_own<R: Request>(&mut self, request: &R, deadline: Instant) -> Result<(), Error> {
        let version = self.versions.negotiate::<R>()?;
        self.own = Some((codec::encode(request, version, &self.settings.client_id)?, deadline));
        Ok(())
    }

    /// Takes the answer to a request of the session's own.
    fn handle_own(&mut self, now: Instant, answered: Sent, frame: Bytes) -> Result<(), Error> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::ExpectVersions { version } => {
                let response = codec::decode::<ApiVersionsRequest>(version, frame)?;
                self.handle_versions(version, answered.deadline, &response)
            }
            Stage::Handshake(state) => {
                let response = codec::decode::<SaslHandshakeRequest>(answered.version, frame)?;
                let terms = state.terms;
                let next = state.handle(&response)?;
                self.go_on(now, terms, next)
            }
            Stage::Answer(state) => {
                let response = codec::decode::<SaslAuthenticateRequest>(answered.version, frame)?;
                let terms = state.terms;
                let next = state.handle(&response)?;
                self.go_on(now, terms, next)
            }
            stage => {
                self.stage = stage;
                Ok(())
            }
        }
    }

    fn handle_versions(
        &mut self,
        asked: i16,
        deadline: Instant,
        response: &ApiVersionsResponse,
    ) -> Result<(), Error> {
        match version::probed(asked, response) {
            Probed::Table(versions) => {
                self.versions = versions;
                self.stage = Stage::ExpectCredential;
                self.events.push_back(Event::VersionsKnown);
                Ok(())
            }
            Probed::AskIn(lower) => self.ask_versions(lower, deadline),
            Probed::Refused(error) => Err(Error::ApiVersionsRefused { code: error.0 }),
        }
    }

    fn go_on(&mut self, now: Instant, terms: Terms, next: Next) -> Result<(), Error> {
        let mut login = true;
        match next {
            Next::Authenticate { auth_bytes, next } => {
                self.send_own(&SaslAuthenticateRequest { auth_bytes }, terms.deadline)?;
                self.stage = Stage::Answer(next);
                return Ok(());
            }
            Next::Derive { derivation, next } => {
                self.stage = Stage::Key(next);
                self.events.push_back(Event::DeriveKey(derivation));
                return Ok(());
            }
            Next::Done { lifetime } => {
                self.authenticated = true;
                (self.used, self.outdated) = (!self.held.is_empty(), false);
                self.lifetime = lifetime.map(|life| Lifetime::new(terms.began, life, terms.renewal_point));
            }
            Next::NotNow => {
                login = false;
                if self.lifetime.as_mut().is_some_and(|life| !life.postpone(now)) {
                    return Err(Error::HandshakeRefused { code: ErrorCode::ILLEGAL_SASL_STATE.0 });
                }
            }
        }
        self.stage = Stage::Open;
        self.events.push_back(Event::Opened { login });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
