//! The task of a keeper: waits for what is due next, and for what comes in between.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::errands::Errands;
use super::gate;
use super::keeper::AtShutdown;
use super::lifecycle::Action;
use super::state::{KeeperStep, Snapshot};
use crate::cluster::topology::Address;
use crate::conn::credentials::TokenWriter;
use crate::error::Error;
use crate::time;

/// Between two looks at brokers that could not be reached when the token was proved.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

pub(super) struct Work {
    pub(super) errands: Errands,
    pub(super) writer: TokenWriter,
    pub(super) stopped: watch::Receiver<Option<AtShutdown>>,
    pub(super) snapshot: Arc<Mutex<Snapshot>>,
}

/// A look at brokers that are missing, under way.
type Look = JoinHandle<Vec<Address>>;

impl Work {
    /// Works until it is told to stop.
    pub(super) async fn run(mut self) -> Result<(), Error> {
        let mut look: Option<Look> = None;
        let outcome = loop {
            let due = self.errands.poll();
            // It may be one that has just died.
            self.hand_out();
            self.tell();
            let stopped = *self.stopped.borrow();
            if let Some(tokens) = stopped {
                let ended = forgetting(&self.writer, self.errands.end(tokens)).await;
                // Whoever still holds a source holds no secret of a token that is deleted.
                self.hand_out();
                break ended;
            }
            let due = match due {
                Action::Wait(until) => until,
                action => {
                    forgetting(&self.writer, self.errands.carry_out(action)).await;
                    continue;
                }
            };
            let again_at = time::now() + LOOK_AGAIN;
            let search = self.errands.search_due();
            let missing = look.is_none() && !self.errands.absent.is_empty();
            tokio::select! {
                () = sleep(due) => {}
                refused = self.writer.refused() => self.errands.on_refused(&refused),
                stop = self.stopped.changed() => if stop.is_err() { return Ok(()) },
                () = sleep(search.unwrap_or(due)), if search.is_some() => {
                    forgetting(&self.writer, self.errands.search()).await;
                }
                found = looked(&mut look) => {
                    look = None;
                    self.errands.absent.retain(|address| !found.contains(address));
                }
                () = sleep(again_at), if missing => {
                    let (target, absent) = (self.errands.target().clone(), self.errands.absent.clone());
                    let token = self.writer.current();
                    look = Some(tokio::spawn(gate::look_again(target, (*token).clone(), absent)));
                }
            }
        };
        if let Some(look) = look {
            look.abort();
        }
        self.tell();
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).next = KeeperStep::Ended;
        outcome
    }

    fn tell(&self) {
        let snapshot = self.errands.snapshot();
        self.errands.record();
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }

    /// Gives the token in use to its users, if it is another one or has a longer life.
    fn hand_out(&self) {
        if let Some(token) = self.errands.newest()
            && token != *self.writer.current()
        {
            self.writer.supersede(token);
        }
    }
}

/// Awaits a step. A token whose end is known and comes meanwhile leaves its users at that moment: a step
/// lasts as long as brokers let it.
async fn forgetting<T>(writer: &TokenWriter, step: impl Future<Output = T>) -> T {
    let mut step = pin!(step);
    loop {
        let present = writer.current();
        let end = present.end().filter(|_| !present.secret_hmac().is_empty());
        tokio::select! {
            biased;
            outcome = &mut step => return outcome,
            () = sleep(end.unwrap_or_else(time::now)), if end.is_some() => {
                writer.supersede(present.ended(time::now()));
            }
        }
    }
}

async fn sleep(until: Instant) {
    tokio::time::sleep_until(until.into()).await;
}

async fn looked(look: &mut Option<Look>) -> Vec<Address> {
    match look {
        Some(look) => look.await.unwrap_or_default(),
        None => std::future::pending().await,
    }
}
