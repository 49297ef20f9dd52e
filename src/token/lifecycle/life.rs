//! How long one token lives, and what a renewal would give it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::conn::token::{Token, TokenLife};
use crate::time::Timestamp;

/// A renewal that gives less than this part of a period is not worth its cost.
const LEAST_GAIN: u32 = 10;

/// The life of one token, on the monotonic clock.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) token: Arc<Token>,
    known: TokenLife,
    /// When it was made, or found again.
    pub(crate) made: Instant,
    /// From when its remaining life counts.
    pub(crate) since: Instant,
    /// Until when it lives at least.
    pub(crate) end: Instant,
    /// Until when it lives at most: later than `end` as long as no more is known than a session told.
    pub(crate) latest: Instant,
    /// What a renewal gives.
    pub(crate) period: Duration,
    /// What it gave at first. Only the next token shows that brokers give more: a renewal that seems to
    /// may do so because a clock was set, or because its answer took long.
    most: Duration,
    /// The last renewal gave next to nothing.
    exhausted: bool,
}

impl Life {
    /// A token that was asked for at `asked` and is there now; nothing if its own times say that it is
    /// dead.
    pub(crate) fn begun(now: Instant, asked: Instant, token: Arc<Token>) -> Option<Self> {
        let known = token.life()?;
        let period = known.expires.saturating_since(known.issued);
        if period.is_zero() {
            return None;
        }
        let end = asked.checked_add(period)?;
        // By what the answer took it may live longer: nobody counts on that, nor waits for it.
        let (made, since, latest, most) = (now, asked, end, period);
        Some(Self { token, known, made, since, end, latest, period, most, exhausted: false })
    }

    /// A token of an earlier run.
    pub(crate) fn adopted(
        now: Instant,
        token: Arc<Token>,
        remaining: Duration,
        period: Duration,
    ) -> Option<Self> {
        let known = token.life()?;
        let end = now.checked_add(remaining)?;
        // It may have been made this moment, and be renewed to its maximum by a request whose answer is lost.
        let longest = known.max.saturating_since(known.issued);
        let latest = now.checked_add(longest)?.max(end);
        let (made, since, most) = (now, now, period);
        Some(Self { token, known, made, since, end, latest, period, most, exhausted: false })
    }

    /// Whether `end` is only the least that can be said.
    fn is_at_least(&self) -> bool {
        self.end < self.latest
    }

    pub(crate) fn left(&self, now: Instant) -> Duration {
        self.end.saturating_duration_since(now)
    }

    /// When the next step is due, after `permille` thousandths of what remained.
    pub(crate) fn due(&self, permille: u32) -> Instant {
        if self.exhausted {
            return self.since;
        }
        self.since + (self.end - self.since) / 1000 * permille
    }

    /// Whether a renewal at `due` gives enough.
    pub(crate) fn is_worth_renewing(&self, due: Instant) -> bool {
        let most = self.end + self.known.max.saturating_since(self.known.expires);
        let renewed = (due + self.period).min(most);
        // Where the end is a guess from below, so is the gain.
        let gain = renewed.saturating_duration_since(self.end);
        !self.exhausted && gain >= self.period / LEAST_GAIN && !gain.is_zero()
    }

    /// Whether the brokers may still know the token.
    pub(crate) fn may_be_alive(&self, now: Instant) -> bool {
        now < self.latest
    }

    /// Lets go of the secret of a token that is dead; tells whether there was one.
    pub(crate) fn forget_if_dead(&mut self, now: Instant) -> bool {
        let forgets = !self.may_be_alive(now) && !self.token.secret_hmac().is_empty();
        if forgets {
            self.token = Arc::new(self.token.ended(self.latest));
        }
        forgets
    }

    /// It was deleted. By the brokers' clock it has ended as much sooner as it does here.
    pub(crate) fn end_now(&mut self, now: Instant) {
        let sooner =
            i64::try_from(self.latest.saturating_duration_since(now).as_millis()).unwrap_or(i64::MAX);
        self.known.expires = Timestamp::from_millis(self.known.expires.as_millis().saturating_sub(sooner));
        self.token = Arc::new(Token::clone(&self.token).with_life(self.known));
        (self.end, self.latest) = (now, now);
        self.forget_if_dead(now);
    }

    /// A renewal that was asked for at `asked` moved the end to `expires`.
    pub(crate) fn renew(&mut self, asked: Instant, expires: Timestamp) {
        let old = self.known.expires;
        let gain = expires.saturating_since(old);
        let by_gain = (self.end + gain)
            .checked_sub(old.saturating_since(expires))
            .map_or(Duration::ZERO, |end| end.saturating_duration_since(asked));
        let capped = expires >= self.known.max;
        let is_guess = self.is_at_least();
        // Both say the same unless a clock was set. A guess from below does not count.
        let remaining = match (capped, is_guess) {
            (true, _) => by_gain,
            (false, true) => self.period,
            (false, false) => by_gain.min(self.period),
        };
        if !capped {
            self.period = remaining.max(by_gain).min(self.most);
        }
        self.exhausted = gain < self.period / LEAST_GAIN;
        self.known.expires = expires;
        self.known.renewals = self.known.renewals.saturating_add(1);
        self.since = asked;
        self.end = asked + remaining;
        self.latest = if capped && is_guess { self.latest.max(self.end) } else { self.end };
        self.token = Arc::new(Token::clone(&self.token).with_life(self.known));
    }

    /// A login showed that it lives at least until `end`.
    pub(crate) fn lives_until(&mut self, end: Instant) {
        self.end = self.end.max(end);
        self.latest = self.latest.max(end);
    }

    /// The token, with its end where that is known.
    pub(crate) fn token(&self) -> Token {
        let token = Token::clone(&self.token);
        if self.is_at_least() { token } else { token.with_end(self.end) }
    }
}
