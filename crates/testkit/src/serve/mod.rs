//! Connections: the same code over sockets, pipes in memory, and TLS over both.

mod connection;
mod door;
mod fault;
mod frame;
mod harmed;
mod session;

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

pub(crate) use door::Door;
pub(crate) use session::{Exchange, Login, Phase, Session, Step};

use crate::clock::{Clock, Now};
use crate::state::State;

/// What all connections of a cluster share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    state: Mutex<State>,
    /// Wakes the fetches that wait for something to be written.
    pub(crate) changed: Notify,
}

impl Shared {
    pub(crate) fn new(clock: Clock, state: State) -> Self {
        Self { clock, state: Mutex::new(state), changed: Notify::new() }
    }

    /// The state as of now: what was due by the clock has happened.
    pub(crate) fn lock(&self) -> (MutexGuard<'_, State>, Now) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        state.tokens.advance(now);
        (state, now)
    }
}
