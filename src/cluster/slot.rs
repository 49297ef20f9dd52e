//! The place of one connection of a client: the connection, the dial under way, or the last failure.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::config::Backoff;
use crate::conn::handle::{Connection, Damage};
use crate::conn::token::Token;
use crate::entropy;
use crate::error::Error;

/// The least wait before a broker is asked again with a credential that it has refused. Another
/// credential is tried at once.
const REFUSED: Backoff = Backoff { first: Duration::from_millis(750), max: Duration::from_secs(5) };

/// What became of a broker that nobody is connected to is remembered for so long.
const IDLE: Duration = Duration::from_secs(300);

/// The place of one connection.
#[derive(Default)]
pub(super) struct Slot {
    pub(super) live: Mutex<Option<Live>>,
    pub(super) state: Mutex<State>,
    pub(super) damage: Damage,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) failure: Option<Failure>,
    /// The dial under way, for all who wait for it.
    pub(super) dial: Option<Dial>,
}

/// A dial under way: a task of its own, so that it neither ends nor begins anew when one of those
/// who wait for it gives up.
pub(super) struct Dial {
    pub(super) outcome: watch::Receiver<Option<Result<Connection, Error>>>,
    pub(super) task: AbortHandle,
}

#[derive(Clone)]
pub(super) struct Live {
    pub(super) connection: Connection,
    pub(super) since: Instant,
}

/// The last dial failed.
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) times: u32,
    pub(super) again_at: Instant,
    /// The token that was the newest then. Its secret is not kept for this.
    pub(super) token: Option<Weak<Token>>,
}

impl Slot {
    pub(super) fn live(&self) -> MutexGuard<'_, Option<Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is a connection, or a dial, or was one of late.
    pub(super) fn is_used(&self, now: Instant) -> bool {
        let is_recent = |then: Instant| now.saturating_duration_since(then) < IDLE;
        let state = self.state();
        state.dial.is_some()
            || state.failure.as_ref().is_some_and(|failure| is_recent(failure.again_at))
            || self.live().as_ref().is_some_and(|live| live.connection.is_open() || is_recent(live.since))
    }

    pub(super) fn open(&self) -> Option<Connection> {
        let live = self.live();
        live.as_ref().map(|live| &live.connection).filter(|connection| connection.is_open()).cloned()
    }
}

impl State {
    pub(super) fn fail(&mut self, error: Error, backoff: Backoff, at: Instant, token: Option<Arc<Token>>) {
        let times = self.failure.as_ref().map_or(0, |failure| failure.times).saturating_add(1);
        let delay = match error.needs_new_credentials() {
            true => REFUSED.delay(times, random()).max(backoff.delay(times, random())),
            false => backoff.delay(times, random()),
        };
        let token = token.as_ref().map(Arc::downgrade);
        self.failure = Some(Failure { error, times, again_at: at + delay, token });
    }
}

/// A random byte for jitter; without entropy there is none, which does no harm here.
fn random() -> u8 {
    entropy::fill().map_or(128, |[byte]| byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_nobody_used_of_late_may_be_forgotten() {
        let (slot, now) = (Slot::default(), crate::time::now());
        assert!(!slot.is_used(now));
        let backoff = Backoff { first: Duration::from_millis(50), max: Duration::from_secs(1) };
        slot.state().fail(Error::shutdown(), backoff, now, None);
        assert!(slot.is_used(now) && slot.is_used(now + IDLE));
        assert!(!slot.is_used(now + IDLE + Duration::from_secs(2)));
    }
}
