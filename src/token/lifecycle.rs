//! When a token is made, renewed, replaced and given back: decisions only, on the monotonic clock.
//!
//! ```text
//!            on_created             on_proved                      on_created, on_proved
//! (nothing) ──────────► being proved ────────► in use ─┬─ on_renewed ─┐   another is in use ─► retired ─► expired
//!                                                ▲     └──────────────┘
//! ```
//! No wall clock is trusted. A token's remaining life is the difference of the broker's own times,
//! counted from the moment at which the broker was asked: the answer may have taken long, and the
//! token lives no less than that.

mod life;
mod patience;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::life::Life;
use self::patience::Patience;
use crate::conn::token::{Token, TokenEpoch, YOUNG};
use crate::time::Timestamp;

/// Between two operations with tokens: each costs every broker the hashing of new credentials, and
/// holds back all of its metadata meanwhile. Each keeper paces its own alone: it has one token to
/// keep, so what bounds the brokers' work is the number of keepers, and those of other processes
/// know nothing of each other. What brings keepers together is an outage, and after a failure each
/// waits for a time of its own.
const PACE: Duration = Duration::from_millis(250);
/// The least time between two tokens that are made because one was refused.
const COOLDOWN: Duration = Duration::from_secs(60);

/// Before a token that is not known yet is deleted again.
const LEAST_WAIT: Duration = Duration::from_secs(1);

/// What a lifecycle is told at its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// Which part of the remaining life passes before a renewal, in thousandths.
    pub(crate) renew_at: u32,
    /// How long an old token is left alone after its successor came into use.
    pub(crate) grace: Duration,
}

/// What is to be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Make a token; then tell `on_created` or `on_failed`.
    Create,
    /// Find out whether the brokers take this token; then tell `on_proved`, `on_rejected` or
    /// `on_failed`.
    Prove(Arc<Token>),
    /// Renew this token; then tell `on_renewed`, `on_gone` or `on_failed`.
    Renew(Arc<Token>),
    /// Delete this token, which nobody uses any more; then tell `on_expired` or `on_expiry_failed`.
    Expire(Arc<Token>),
    /// Nothing before this moment.
    Wait(Instant),
}

/// What a token is to whoever keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Its users have it.
    InUse,
    /// Made, and not known to be taken by the brokers: nobody has it.
    Made,
    /// Users had it, or nobody ever will.
    Retired,
}

/// A token that was used and is not any more.
#[derive(Clone, Debug)]
struct Retired {
    token: Arc<Token>,
    at: Instant,
    /// When it has died by itself, whatever is not known of its life.
    end: Instant,
    /// Of deleting it.
    patience: Patience,
}

impl Retired {
    fn new(token: Arc<Token>, at: Instant, end: Instant) -> Self {
        Self { token, at, end, patience: Patience::default() }
    }

    fn due(&self) -> Instant {
        self.patience.until().map_or(self.at, |until| until.max(self.at))
    }
}

/// The life of the tokens of one user of one cluster. Call `poll`, do what it says, tell the
/// outcome by an `on_*`, and poll again.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    policy: Policy,
    /// Made, and not known to be taken by the brokers.
    fresh: Option<Life>,
    in_use: Option<Life>,
    retired: VecDeque<Retired>,
    /// Of making and renewing.
    patience: Patience,
    /// No operation before this.
    paced_until: Option<Instant>,
    /// The token in use was refused, or is gone: another is due from this moment on.
    wanted_from: Option<Instant>,
    /// When the last token was made in place of one that was refused.
    replaced_refused: Option<Instant>,
}

impl Lifecycle {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            policy,
            fresh: None,
            in_use: None,
            retired: VecDeque::new(),
            patience: Patience::default(),
            paced_until: None,
            wanted_from: None,
            replaced_refused: None,
        }
    }

    /// What to do now. Changes nothing but the memory of tokens that have died by themselves: of the
    /// one in use nothing is left but who it was, and another is wanted.
    pub(crate) fn poll(&mut self, now: Instant) -> Action {
        self.retired.retain(|retired| now < retired.end);
        if self.fresh.as_ref().is_some_and(|fresh| !fresh.may_be_alive(now)) {
            self.fresh = None;
        }
        if self.in_use.as_mut().is_some_and(|life| life.forget_if_dead(now)) && self.wanted_from.is_none() {
            self.want_another(now);
        }
        let (due, action) = self.next();
        let Some(due) = due.filter(|due| now < *due) else { return action };
        match self.retirement() {
            Some((at, token)) if at <= now => Action::Expire(token),
            retirement => {
                let ends = self.ends().filter(|end| now < *end);
                Action::Wait(ends.chain(retirement.map(|(at, _)| at)).fold(due, Instant::min))
            }
        }
    }

    /// When tokens die by themselves: their secrets are of no use from then on.
    fn ends(&self) -> impl Iterator<Item = Instant> {
        let lives = self.in_use.iter().chain(&self.fresh).map(|life| life.latest);
        lives.chain(self.retired.iter().map(|retired| retired.end))
    }

    /// The next thing to do about the token in use, and when; `None` is at once.
    pub(crate) fn next(&self) -> (Option<Instant>, Action) {
        let (due, action) = match (&self.fresh, &self.in_use) {
            (Some(fresh), _) => (None, Action::Prove(Arc::clone(&fresh.token))),
            (None, None) => (None, Action::Create),
            (None, Some(life)) => match self.wanted_from {
                Some(from) => (Some(from), Action::Create),
                None => {
                    let due = life.due(self.policy.renew_at);
                    let renewed = Action::Renew(Arc::clone(&life.token));
                    (Some(due), if life.is_worth_renewing(due) { renewed } else { Action::Create })
                }
            },
        };
        // A proof is no operation that costs the brokers, so it is not paced.
        let paced = self.paced_until.filter(|_| !matches!(action, Action::Prove(_)));
        ([due, self.patience.until(), paced].into_iter().flatten().max(), action)
    }

    fn retirement(&self) -> Option<(Instant, Arc<Token>)> {
        let next = self.retired.iter().min_by_key(|retired| retired.due())?;
        let due = self.paced_until.map_or(next.due(), |paced| paced.max(next.due()));
        Some((due, Arc::clone(&next.token)))
    }

    /// A broker that was asked at `asked` made `token`, and its answer came at `now`. False if the
    /// token is dead by its own times: then making it has failed.
    pub(crate) fn on_created(&mut self, now: Instant, asked: Instant, token: Arc<Token>) -> bool {
        self.paced_until = Some(now + PACE);
        let Some(life) = Life::begun(now, asked, token) else { return false };
        if self.wanted_from.take().is_some() {
            self.replaced_refused = Some(now);
        }
        self.patience.on_success();
        if let Some(older) = self.fresh.replace(life) {
            self.retire(now, &older);
        }
        true
    }

    /// A token of an earlier run was found alive. `remaining` is how long a login with it lasts,
    /// the least that it has to live; `period` is what a renewal gave then.
    pub(crate) fn on_adopted(
        &mut self,
        now: Instant,
        token: Arc<Token>,
        remaining: Duration,
        period: Duration,
    ) {
        self.in_use = Life::adopted(now, token, remaining, period);
    }

    /// A token of one's own was found that nobody is to use: it is deleted, not forgotten; after the
    /// grace if it was used.
    pub(crate) fn on_found(&mut self, now: Instant, token: Arc<Token>, was_used: bool) {
        let life = token.life().map(|life| life.expires.saturating_since(life.issued));
        let at = if was_used { now + self.policy.grace } else { now };
        if let Some(end) = life.and_then(|life| now.checked_add(life)) {
            self.retired.push_back(Retired::new(token, at, end));
        }
    }

    /// The brokers take the token that is being proved: it comes into use.
    pub(crate) fn on_proved(&mut self, now: Instant) {
        self.on_listed();
        let Some(fresh) = self.fresh.take() else { return };
        self.patience.on_success();
        self.wanted_from = None;
        if let Some(old) = self.in_use.replace(fresh) {
            self.retire(now, &old);
        }
    }

    /// A broker lists the token that is being proved.
    pub(crate) fn on_listed(&mut self) {
        if let Some(fresh) = &mut self.fresh {
            fresh.token = Arc::new(Token::clone(&fresh.token).with_known());
        }
    }

    /// The brokers do not take the token that is being proved, and it is too old for that to pass.
    pub(crate) fn on_rejected(&mut self, now: Instant, random: u8) {
        if let Some(bad) = self.fresh.take() {
            self.retired.push_back(Retired::new(bad.token, now, bad.latest));
        }
        self.on_failed(now, random);
    }

    /// The token in use now ends at `expires`, by the clock of the broker, which was asked at `asked`.
    pub(crate) fn on_renewed(&mut self, now: Instant, asked: Instant, expires: Timestamp) {
        self.paced_until = Some(now + PACE);
        self.patience.on_success();
        if let Some(life) = &mut self.in_use {
            life.renew(asked, expires);
        }
    }

    /// The broker does not know the token in use any more, or not as ours.
    pub(crate) fn on_gone(&mut self, now: Instant) {
        self.paced_until = Some(now + PACE);
        self.want_another(now);
    }

    /// Somebody's login with a token of this id was refused. Tells whether that is news.
    pub(crate) fn on_refused(&mut self, now: Instant, id: &str) -> bool {
        let current = self.in_use.as_ref().filter(|life| life.token.id() == id);
        let grown = current.is_some_and(|life| now >= life.made + YOUNG);
        if !grown || self.wanted_from.is_some() || self.fresh.is_some() {
            return false;
        }
        self.want_another(now);
        true
    }

    fn want_another(&mut self, now: Instant) {
        // A token that lives for less than that cannot wait for so long.
        let cooldown = self.period().map_or(COOLDOWN, |period| period.min(COOLDOWN));
        let cool = self.replaced_refused.map_or(now, |last| last + cooldown);
        self.wanted_from = Some(now.max(cool));
    }

    /// A login with the token in use lasts so long: it lives at least until then.
    pub(crate) fn on_session(&mut self, now: Instant, lifetime: Duration) {
        if let Some(life) = &mut self.in_use {
            life.lives_until(now + lifetime);
        }
    }

    /// The token is deleted, or was gone already.
    pub(crate) fn on_expired(&mut self, now: Instant, id: &str) {
        self.paced_until = Some(now + PACE);
        self.retired.retain(|retired| retired.token.id() != id);
        self.fresh.take_if(|life| life.token.id() == id);
        if let Some(life) = self.in_use.as_mut().filter(|life| life.token.id() == id) {
            life.end_now(now);
            self.want_another(now);
        }
    }

    /// What was to be done did not work out: it is tried again, well before the token in use dies.
    /// One random byte spreads the wait.
    pub(crate) fn on_failed(&mut self, now: Instant, random: u8) {
        let left = self.in_use.as_ref().map(|life| life.left(now));
        self.patience.on_failure(now, left, random);
    }

    /// A token that no broker has shown to know could not be deleted: the controller does not know
    /// it either, and may still come to. It is deleted later, and others meanwhile.
    pub(crate) fn on_unheard_of(&mut self, now: Instant, id: &str) {
        self.paced_until = Some(now + PACE);
        if let Some(retired) = self.retired.iter_mut().find(|retired| retired.token.id() == id) {
            let made = retired.token.received().unwrap_or(now);
            // Whoever takes long may take half as long again.
            retired.at = now + (now.saturating_duration_since(made) / 2).max(LEAST_WAIT);
        }
    }

    /// A token could not be deleted. Others are not held up by it.
    pub(crate) fn on_expiry_failed(&mut self, now: Instant, id: &str, random: u8) {
        self.paced_until = Some(now + PACE);
        if let Some(retired) = self.retired.iter_mut().find(|retired| retired.token.id() == id) {
            retired.patience.on_failure(now, None, random);
        }
    }

    fn retire(&mut self, now: Instant, old: &Life) {
        let (token, end) = (Arc::clone(&old.token), old.latest);
        if now < end {
            self.retired.push_back(Retired::new(token, now + self.policy.grace, end));
        }
    }

    /// The token in use, with what is known of its end if that is exact.
    pub(crate) fn current(&self) -> Option<Token> {
        self.in_use.as_ref().map(Life::token)
    }

    pub(crate) fn epoch(&self) -> Option<TokenEpoch> {
        self.in_use.as_ref().and_then(|life| life.token.epoch())
    }

    /// How long the token in use still lives.
    pub(crate) fn left(&self, now: Instant) -> Option<Duration> {
        self.in_use.as_ref().map(|life| life.left(now))
    }

    /// What a renewal gives, as far as is known.
    pub(crate) fn period(&self) -> Option<Duration> {
        self.in_use.as_ref().map(|life| life.period)
    }

    /// When the token in use was made or renewed, or a login showed it alive.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.in_use.as_ref().map(|life| life.since)
    }

    /// All tokens that may still be alive, the one in use first. A dead one cannot be deleted: the
    /// brokers may have swept it, and do not know it.
    pub(crate) fn alive(&self, now: Instant) -> Vec<Arc<Token>> {
        self.standings(now).into_iter().map(|(_, token)| Arc::clone(token)).collect()
    }

    /// What those tokens are.
    pub(crate) fn standings(&self, now: Instant) -> Vec<(Standing, &Arc<Token>)> {
        let in_use = self.in_use.iter().map(|life| (Standing::InUse, life));
        let made = self.fresh.iter().map(|life| (Standing::Made, life));
        let lives = in_use.chain(made).filter(|(_, life)| life.may_be_alive(now));
        let retired = self.retired.iter().filter(|retired| now < retired.end);
        let retired = retired.map(|retired| (Standing::Retired, &retired.token));
        lives.map(|(standing, life)| (standing, &life.token)).chain(retired).collect()
    }

    /// Whether making a token has failed, and is to be tried again.
    pub(crate) fn is_to_make_again(&self) -> bool {
        self.failures() > 0 && matches!(self.next().1, Action::Create)
    }

    /// How often in a row making or renewing failed.
    pub(crate) fn failures(&self) -> u32 {
        self.patience.failures()
    }
}

#[cfg(test)]
mod tests;
