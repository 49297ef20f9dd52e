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
    pub(crate) end: Instant,
    /// Whether `end` is only the least that can be said.
    at_least: bool,
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
        let (made, since) = (now, asked);
        let most = period;
        Some(Self { token, known, made, since, end, at_least: false, period, most, exhausted: false })
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
        let (made, since, most) = (now, now, period);
        Some(Self { token, known, made, since, end, at_least: true, period, most, exhausted: false })
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
        self.at_least || now < self.end
    }

    /// Lets go of the secret of a token that is dead; tells whether there was one.
    pub(crate) fn forget_if_dead(&mut self, now: Instant) -> bool {
        let forgets = !self.may_be_alive(now) && !self.token.secret_hmac().is_empty();
        if forgets {
            self.token = Arc::new(self.token.ended(self.end));
        }
        forgets
    }

    /// A renewal that was asked for at `asked` moved the end to `expires`.
    pub(crate) fn renew(&mut self, asked: Instant, expires: Timestamp) {
        let old = self.known.expires;
        let gain = expires.saturating_since(old);
        let by_gain = (self.end + gain)
            .checked_sub(old.saturating_since(expires))
            .map_or(Duration::ZERO, |end| end.saturating_duration_since(asked));
        let capped = expires >= self.known.max;
        // Both say the same unless a clock was set. A guess from below does not count.
        let remaining = match (capped, self.at_least) {
            (true, _) => by_gain,
            (false, true) => self.period,
            (false, false) => by_gain.min(self.period),
        };
        if !capped {
            self.at_least = false;
            self.period = remaining.max(by_gain).min(self.most);
        }
        self.exhausted = gain < self.period / LEAST_GAIN;
        self.known.expires = expires;
        self.known.renewals = self.known.renewals.saturating_add(1);
        self.since = asked;
        self.end = asked + remaining;
        self.token = Arc::new(Token::clone(&self.token).with_life(self.known));
    }

    /// A login showed that it lives at least until `end`.
    pub(crate) fn lives_until(&mut self, end: Instant) {
        self.end = self.end.max(end);
    }

    /// The token, with its end where that is known.
    pub(crate) fn token(&self) -> Token {
        let token = Token::clone(&self.token);
        if self.at_least { token } else { token.with_end(self.end) }
    }
}
