//! What a keeper does when something is due: the requests, the proofs, the saved state.

mod adoption;
mod deletion;
mod own;
mod telling;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::Instrument;

use super::doubt::{Cause, Doubt};
use super::gate::{self, Finding, Terms};
use super::keeper::TokenKeeper;
use super::lifecycle::{Action, Lifecycle};
use super::mark::Mark;
use super::readiness::{self, Verdict};
use super::saved::{Saved, SavedToken};
use super::target::Target;
use crate::cluster::client::Cluster;
use crate::cluster::topology::Address;
use crate::conn::token::Token;
use crate::entropy;
use crate::error::{BrokerError, Error, ErrorKind};
use crate::metrics;
use crate::time;

/// An operation gets at least so long, however little is left of the token in use.
const LEAST: Duration = Duration::from_secs(2);
/// One try lasts no longer: when brokers are away it is the waits between tries that count.
const ONE_TRY: Duration = Duration::from_secs(5);
/// How long brokers get to learn of a renewal before it is handed out anyway: the token is good
/// before and after.
const SETTLING: Duration = Duration::from_secs(2);
/// What two looks at one session end may differ by.
const SLACK: Duration = Duration::from_secs(1);
/// A token that no broker takes at this age is refused, where a deadline leaves no more time: brokers
/// learn of tokens within seconds.
const ENOUGH: Duration = Duration::from_secs(10);
/// A token that no broker lists at this age is given up, and another made.
const LATEST: Duration = Duration::from_secs(120);
/// A token that some broker still does not take at this age is used where it is taken.
const PATIENCE: Duration = Duration::from_secs(60);

/// Carries out what a [`Lifecycle`] asks for.
pub(super) struct Errands {
    keeper: TokenKeeper,
    life: Lifecycle,
    /// The admin's connections, while they are good.
    admin: Option<Cluster>,
    /// What its tokens bear; nothing without entropy.
    mark: Option<Mark>,
    /// Whether there may be tokens of its own that it has not found.
    doubt: Option<Doubt>,
    /// Tokens of an earlier run that no broker has listed yet.
    sought: Vec<SavedToken>,
    /// The last ones that were deleted: a broker that is behind lists them still.
    deleted: VecDeque<String>,
    /// What the saved state says.
    saved: Option<Saved>,
    /// The brokers of the target, as of the last proof.
    brokers: Vec<Address>,
    /// The brokers that have not taken the token in use yet.
    pub(super) absent: Vec<Address>,
    last_error: Option<Error>,
    /// When the first token is to be there, as long as there is none.
    deadline: Option<Instant>,
    readiness: Duration,
    created: u64,
    renewed: u64,
    /// The last failure is one that trying again does not help.
    hopeless: bool,
    ended: bool,
}

impl Errands {
    pub(super) fn new(keeper: TokenKeeper, life: Lifecycle) -> Self {
        Self {
            keeper,
            life,
            admin: None,
            mark: entropy::fill().ok().map(Mark::new),
            doubt: None,
            sought: Vec::new(),
            deleted: VecDeque::new(),
            saved: None,
            brokers: Vec::new(),
            absent: Vec::new(),
            last_error: None,
            deadline: None,
            readiness: Duration::ZERO,
            created: 0,
            renewed: 0,
            hopeless: false,
            ended: false,
        }
    }

    pub(super) fn target(&self) -> &Target {
        &self.keeper.target
    }

    pub(super) fn poll(&mut self) -> Action {
        self.life.poll(time::now())
    }

    /// The token in use.
    pub(super) fn newest(&self) -> Option<Token> {
        self.life.current()
    }

    /// Comes to a first token: that of an earlier run, or a new one.
    pub(super) async fn first(&mut self) -> Result<Token, Error> {
        let deadline = time::now() + self.keeper.admin.deadline();
        self.deadline = Some(deadline);
        let first = self.come_to_first(deadline).await;
        self.deadline = None;
        if first.is_err() {
            // A token that nobody gets should not live on.
            self.give_up().await;
        }
        first
    }

    async fn come_to_first(&mut self, deadline: Instant) -> Result<Token, Error> {
        self.adopt(deadline).await?;
        loop {
            if let Some(token) = self.life.current() {
                return Ok(token);
            }
            match self.poll() {
                Action::Wait(until) if until >= deadline => break,
                Action::Wait(until) => tokio::time::sleep_until(until.into()).await,
                action => {
                    let ended = tokio::time::timeout_at(deadline.into(), self.carry_out(action)).await;
                    // What came after the proof, such as saving, may be what was late.
                    if ended.is_err() && self.life.current().is_none() {
                        break;
                    }
                }
            }
            if let (true, Some(error)) = (self.hopeless, &self.last_error) {
                return Err(error.clone());
            }
        }
        Err(self.last_error.clone().unwrap_or_else(|| Error::because(ErrorKind::Timeout, "no token in time")))
    }

    pub(super) async fn carry_out(&mut self, action: Action) {
        match action {
            Action::Create => self.create().instrument(tracing::info_span!("token.create")).await,
            Action::Prove(token) => {
                let span = tracing::info_span!("token.prove", token = token.id());
                self.prove(&token).instrument(span).await;
            }
            Action::Renew(token) => {
                let span = tracing::info_span!("token.renew", token = token.id());
                self.renew(&token).instrument(span).await;
            }
            Action::Expire(token) => {
                let span = tracing::info_span!("token.expire", token = token.id());
                self.expire(&token).instrument(span).await;
            }
            Action::Wait(_) => return,
        }
        self.save().await;
    }

    /// A user's login with a token was refused.
    pub(super) fn on_refused(&mut self, token: &Token) {
        if self.life.on_refused(time::now(), token.id()) {
            tracing::warn!(token = token.id(), "the token in use is refused: another is made");
        }
    }

    async fn create(&mut self) {
        match self.take_unheard().await {
            Ok(false) => {}
            Ok(true) => return,
            Err(error) => return self.failed(error),
        }
        let admin = match self.admin().await {
            Ok(admin) => admin,
            Err(error) => return self.failed(error),
        };
        let asked = time::now();
        let before = self.doubt.replace(Doubt::new(asked, Cause::Unheard));
        // Whoever starts after a crash in what follows knows by which mark to look.
        self.save().await;
        let made = self.bounded(admin.create_delegation_token(self.marked())).await;
        if !made.as_ref().is_err_and(own::may_have_made) {
            self.doubt = before;
        }
        let now = time::now();
        let made = made.and_then(|token| match self.life.on_created(now, asked, Arc::new(token)) {
            true => Ok(()),
            false => Err(Error::because(ErrorKind::Protocol, "the broker made a token that has expired")),
        });
        match made {
            Ok(()) => {
                self.created += 1;
                ::metrics::counter!(metrics::TOKENS_CREATED).increment(1);
            }
            Err(error) => self.failed(error),
        }
    }

    async fn renew(&mut self, token: &Token) {
        let before = time::now() + self.life.left(time::now()).unwrap_or_default();
        let ends = self.life.current().and_then(|token| token.end());
        let admin = match self.admin().await {
            Ok(admin) => admin,
            Err(error) => return self.failed(error),
        };
        let asked = time::now();
        match self.bounded(admin.renew_delegation_token(token, None)).await {
            Ok(expires) => {
                self.life.on_renewed(time::now(), asked, expires);
                self.renewed += 1;
                ::metrics::counter!(metrics::TOKEN_RENEWALS).increment(1);
                self.settle(before, ends).await;
            }
            Err(error) if is_gone(&error) || is_anothers(&error) => {
                self.note(error);
                self.life.on_gone(time::now());
            }
            Err(error) => self.failed(error),
        }
    }

    /// Waits until the brokers know of a renewal: a session that logs in before ends as early as
    /// the old one. Users of the token go without from the moment at which, as far as they know, it `ends`.
    async fn settle(&mut self, before: Instant, ends: Option<Instant>) {
        let Some(token) = self.life.current() else { return };
        let now = time::now();
        let left = self.life.left(now).unwrap_or_default();
        let outlasting = Some(before + SLACK.min(left / 10));
        let most = ends.map_or(SETTLING, |end| end.saturating_duration_since(now) / 2);
        let limit = SETTLING.min(most);
        let terms = Terms { limit, absence: limit, urgent: true, outlasting };
        let found = gate::pass(&self.keeper.target, &token, &self.brokers, terms).await;
        self.learn(&found);
        let now = time::now();
        if let Some(end) = found.session_end {
            self.life.on_session(now, end.saturating_duration_since(now));
        }
    }

    async fn prove(&mut self, token: &Token) {
        let began = time::now();
        let left = self.life.left(began).unwrap_or(readiness::LIMIT * 2);
        let made = token.received().unwrap_or(began);
        let old = began.saturating_duration_since(made) >= PATIENCE;
        let urgent = old || left < readiness::LIMIT;
        let limit = (left / 2).clamp(LEAST, readiness::LIMIT);
        // The proof ends before the deadline ends it: what brokers said would be lost.
        let limit =
            self.deadline.map_or(limit, |end| limit.min(end.saturating_duration_since(began) * 9 / 10));
        let enough = if self.deadline.is_some() { ENOUGH } else { readiness::LIMIT };
        let terms = Terms { limit, absence: limit, urgent, outlasting: None };
        let found = gate::pass(&self.keeper.target, token, &self.brokers, terms).await;
        self.learn(&found);
        let age = time::now().saturating_duration_since(made);
        match found.verdict {
            Verdict::Rejected if age >= enough => self.refused_by_all(token, &found, made).await,
            _ => self.conclude(token, &found, made),
        }
    }

    fn conclude(&mut self, token: &Token, found: &Finding, made: Instant) {
        let now = time::now();
        match found.verdict.clone() {
            Verdict::Ready { absent } => {
                let replaced = self.life.current().is_some();
                self.life.on_proved(now);
                self.absent = absent;
                self.readiness = now.saturating_duration_since(made);
                ::metrics::histogram!(metrics::TOKEN_READINESS).record(self.readiness.as_secs_f64());
                if replaced {
                    ::metrics::counter!(metrics::TOKEN_REPLACEMENTS).increment(1);
                }
                tracing::info!(token = token.id(), readiness = ?self.readiness, "a token is in use");
            }
            Verdict::Impossible => self.reject(found.impossible()),
            Verdict::Rejected | Verdict::Lagging { .. } | Verdict::Unreachable => {
                self.failed(found.not_taken());
            }
        }
    }

    /// No broker of the target takes a token, although most would know it at this age.
    async fn refused_by_all(&mut self, token: &Token, found: &Finding, made: Instant) {
        let age = time::now().saturating_duration_since(made);
        match self.is_listed(token).await {
            Ok(true) => {
                self.life.on_listed();
                let again = self.look_once_more(token).await;
                match again.verdict {
                    // They refuse what is there.
                    Verdict::Rejected => self.reject(found.rejected(age)),
                    _ => self.conclude(token, &again, made),
                }
            }
            // None has learned of it: another token would be learned of as late.
            Ok(false) if age < LATEST => self.failed(found.not_taken()),
            Ok(false) => {
                self.reject(found.not_taken());
                self.hopeless = false;
            }
            Err(error) => {
                self.note(error);
                self.failed(found.not_taken());
            }
        }
    }

    /// Brokers may have learned of the token after they were asked for the last time.
    async fn look_once_more(&mut self, token: &Token) -> Finding {
        let now = time::now();
        let limit = self.deadline.map_or(LEAST, |end| LEAST.min(end.saturating_duration_since(now) * 9 / 10));
        let terms = Terms { limit, absence: limit, urgent: false, outlasting: None };
        let found = gate::pass(&self.keeper.target, token, &self.brokers, terms).await;
        self.learn(&found);
        found
    }

    /// The token that was made is of no use.
    fn reject(&mut self, error: Error) {
        self.life.on_rejected(time::now(), random());
        self.hopeless = true;
        self.note(error);
    }

    async fn admin(&mut self) -> Result<Cluster, Error> {
        if let Some(admin) = &self.admin {
            return Ok(admin.clone());
        }
        let config = self.keeper.admin.clone();
        // A little less than the bound, so that it is the connection that says what is wrong.
        let deadline = config.deadline().min(ONE_TRY).min(self.limit() * 9 / 10);
        let admin = self.bounded(Cluster::connect(config.with_deadline(deadline))).await?;
        self.admin = Some(admin.clone());
        Ok(admin)
    }

    /// Gives up in time for another try while the token in use lives; a shutdown has but this one.
    async fn bounded<T>(&self, operation: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let ended = tokio::time::timeout(self.limit(), Box::pin(operation)).await;
        ended.unwrap_or_else(|_| {
            Err(Error::because(ErrorKind::Timeout, "not answered in time for another try")
                .possibly_written_if(true))
        })
    }

    fn limit(&self) -> Duration {
        let deadline = self.keeper.admin.deadline();
        if self.ended {
            // What is not answered leaves time for other tokens.
            return deadline / 2;
        }
        self.life.left(time::now()).map_or(deadline, |left| (left / 3).max(LEAST).min(deadline))
    }

    /// Learns which brokers there are. How long a session lasts tells of the token that logged in, which is
    /// the one in use only for whoever asked with it.
    fn learn(&mut self, found: &Finding) {
        if !found.brokers.is_empty() {
            self.brokers.clone_from(&found.brokers);
        }
    }

    /// Making or renewing failed. What is not an answer may lie in the connection: the next try
    /// makes new ones.
    fn failed(&mut self, error: Error) {
        self.forget_admin(&error);
        self.hopeless = !error.is_retriable();
        tracing::warn!(%error, "a token could not be made, proved or renewed");
        self.note(error);
        self.life.on_failed(time::now(), random());
    }

    fn forget_admin(&mut self, error: &Error) {
        if !matches!(error.kind(), ErrorKind::Broker(_)) {
            self.admin = None;
        }
    }

    fn note(&mut self, error: Error) {
        ::metrics::counter!(metrics::TOKEN_FAILURES, "kind" => error.kind().label()).increment(1);
        self.last_error = Some(error);
    }
}

/// Whether there is no such token any more.
fn is_gone(error: &Error) -> bool {
    let gone = [BrokerError::DELEGATION_TOKEN_NOT_FOUND, BrokerError::DELEGATION_TOKEN_EXPIRED];
    matches!(error.kind(), ErrorKind::Broker(code) if gone.contains(&code))
}

/// Whether there is such a token, which is not this keeper's to change.
fn is_anothers(error: &Error) -> bool {
    error.kind() == ErrorKind::Broker(BrokerError::DELEGATION_TOKEN_OWNER_MISMATCH)
}

/// A random byte for jitter; without entropy there is none, which does no harm here.
fn random() -> u8 {
    entropy::fill().map_or(128, |[byte]| byte)
}
