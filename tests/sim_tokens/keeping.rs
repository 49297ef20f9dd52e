//! A keeper through all its restarts, and what is held against each of them.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use ottla::{AtShutdown, Error, RunningKeeper, TokenKeeper};
use ottla_testkit::{Action, ApiKey, Fault};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep;

use super::draw::LATEST;
use super::files::Distributor;
use super::kind::Kind;
use super::laws::{Law, now};
use super::plan::{CONNECT, DEADLINE, End, Order, REQUEST};
use super::world::World;

/// A start gives up what it made within one try.
const START: Duration = DEADLINE.saturating_add(Duration::from_secs(6));
/// Law 2: the deadline of the admin bounds the call, and a request with its dial.
const SHUTDOWN: Duration = DEADLINE.saturating_add(REQUEST).saturating_add(CONNECT);
/// A program that could not start is started again.
const AGAIN: Duration = Duration::from_secs(10);
/// For what happened so long ago a keeper may still wait.
pub(crate) const MEMORY: Duration = Duration::from_secs(900);

/// What a keeper is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told {
    Order(Kind, Order),
    /// To end for good.
    Last,
}

struct Keeper {
    world: World,
    number: usize,
    distributor: Option<Distributor>,
}

/// Keeps until it is told to end for good.
pub(crate) async fn keep(world: World, number: usize, mut orders: UnboundedReceiver<Told>) {
    let mut keeper = Keeper { world, number, distributor: None };
    let mut cuts = VecDeque::new();
    loop {
        while !Box::pin(keeper.start(cuts.pop_front().flatten())).await {
            if keeper.world.notes.is_broken() {
                return;
            }
        }
        match orders.recv().await {
            Some(Told::Order(kind, order)) => {
                cuts.extend(order.cut);
                keeper.obey(kind, order).await;
            }
            Some(Told::Last) | None => return keeper.end(AtShutdown::Expire).await,
        }
    }
}

impl Keeper {
    fn note(&self, what: &str) {
        self.world.notes.trace(&format!("keeper {}: {what}", self.number));
    }

    fn broken(&self, law: Law, what: &str) {
        self.world.notes.broken(law, &format!("keeper {}: {what}", self.number));
    }

    /// Starts it, or drops the start after so many polls. Tells whether it runs.
    async fn start(&mut self, cut: Option<u64>) -> bool {
        let keeping = &self.world.plan.keepers[self.number];
        let mut keeper = TokenKeeper::new(self.world.admin(self.number), self.world.target())
            .with_grace(keeping.grace)
            .with_renewal_ratio(keeping.ratio);
        if keeping.saved {
            keeper = keeper.with_saved_state(self.world.saved_state(self.number));
        } else {
            self.world.strikes(Kind::NothingSaved);
        }
        let began = now();
        let start = self.world.notes.limited("start", START, keeper.start());
        match Box::pin(cut_short(start, cut)).await {
            None => {
                self.world.strikes(Kind::StartCutShort);
                self.note("the start is cut short");
                self.world.abandon(self.number);
                false
            }
            Some(Ok(running)) => {
                self.begins(running);
                true
            }
            Some(Err(error)) => {
                self.note(&format!("it does not start: {error}"));
                if !self.world.hurts_keepers(began) {
                    self.broken(Law::Tokens, &format!("it does not start: {error:?}"));
                }
                let is_told = error.needs_new_credentials() && !error.is_retriable();
                if !is_told && self.world.is_only_refused(self.number, began) {
                    self.broken(Law::Causes, &format!("its admin is refused, and it says: {error:?}"));
                }
                self.world.abandon(self.number);
                sleep(AGAIN).await;
                false
            }
        }
    }

    fn begins(&mut self, running: RunningKeeper) {
        let source = running.source();
        self.note(&format!("begins with {}, {} made", source.current().id(), running.state().created));
        if self.world.plan.has_file(self.number) {
            self.distributor = Some(Distributor::start(&self.world, self.number, source.clone()));
        }
        let mut slot = self.world.slot(self.number);
        slot.keeper = Some(running);
        slot.source = Some(source);
        slot.generation += 1;
        (slot.since, slot.unheard) = (Some(now()), None);
    }

    async fn obey(&mut self, kind: Kind, order: Order) {
        match order.end {
            End::Killed => self.kill(),
            End::KilledAtWork { turns, answers, after } => {
                if !answers.is_zero() {
                    let apis = [
                        ApiKey::CreateDelegationToken,
                        ApiKey::RenewDelegationToken,
                        ApiKey::ExpireDelegationToken,
                    ];
                    let late = |api| Fault::new(Action::Delay(answers)).on_api(api).times(1);
                    apis.into_iter().for_each(|api| self.world.brokers.faults().add(late(api)));
                }
                let next = self.world.slot(self.number).keeper.as_ref().map(|it| it.state().next_in);
                let rest = self.world.plan.heals().saturating_sub(self.world.notes.passed());
                sleep((next.unwrap_or_default() + after).min(rest)).await;
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
                self.kill();
            }
            End::Leave => self.end(AtShutdown::Leave).await,
            End::Expire => self.end(AtShutdown::Expire).await,
        }
        self.world.strikes(kind);
        sleep(order.away).await;
    }

    fn kill(&mut self) {
        self.note("is killed");
        self.distributor = None;
        let mut slot = self.world.slot(self.number);
        (slot.keeper, slot.source) = (None, None);
        drop(slot);
        self.world.abandon(self.number);
    }

    async fn end(&mut self, tokens: AtShutdown) {
        self.distributor = None;
        let keeper = {
            let mut slot = self.world.slot(self.number);
            slot.source = None;
            slot.keeper.take()
        };
        let Some(keeper) = keeper else { return };
        let (began, source) = (now(), keeper.source());
        let ended = self.world.notes.limited("shutdown", SHUTDOWN, keeper.shutdown(tokens)).await;
        self.note(&format!("is shut down, {tokens:?}: {ended:?}"));
        if let (Ok(()), AtShutdown::Expire) = (&ended, tokens) {
            if source.current().secret_hmac().secret_bytes() != b"" {
                self.broken(Law::Tokens, "a source has the secret of a token that has ended");
            }
            self.expired().await;
        } else if let Err(error) = &ended {
            self.not_ended(error, began);
        }
        self.world.abandon(self.number);
    }

    /// After a shutdown that said that no token lives.
    async fn expired(&self) {
        // Until the controller knows.
        sleep(LATEST + Duration::from_secs(10)).await;
        let left = self.world.slot(self.number).left.clone();
        let living: Vec<String> =
            self.world.living(self.number).into_iter().filter(|id| !left.contains(id)).collect();
        if !living.is_empty() {
            self.broken(Law::Bounded, &format!("after it was shut down {living:?} live"));
        }
        if self.world.saved_state(self.number).exists() {
            self.broken(Law::Bounded, "the saved state of tokens that are gone is left");
        }
    }

    /// A shutdown failed.
    fn not_ended(&self, error: &Error, began: tokio::time::Instant) {
        if !self.world.hurts_keepers(began - MEMORY) {
            self.broken(Law::Causes, &format!("it does not shut down: {error:?}"));
        }
        let saved = self.world.plan.keepers[self.number].saved;
        let used = self.world.slot(self.number).used.clone();
        let lives = self.world.living(self.number).iter().any(|id| used.contains(id));
        if saved && lives && !self.world.saved_state(self.number).exists() {
            self.broken(Law::Bounded, "a token lives, and its saved state is gone");
        }
    }
}

impl World {
    /// A keeper has gone. Without a saved state its tokens die by themselves, those too of which brokers
    /// have not heard yet.
    pub(crate) fn abandon(&self, keeper: usize) {
        if self.plan.keepers[keeper].saved {
            return;
        }
        let leave = move |world: &Self| {
            let living = world.living(keeper);
            let mut slot = world.slot(keeper);
            let unused: Vec<String> = living.into_iter().filter(|id| !slot.used.contains(id)).collect();
            slot.left.extend(unused);
        };
        self.later(LATEST + Duration::from_secs(10), leave);
        let living = self.living(keeper);
        self.slot(keeper).left.extend(living);
    }
}

/// Awaits a call, or drops it after so many polls: then `None`.
async fn cut_short<T>(call: impl Future<Output = T>, after: Option<u64>) -> Option<T> {
    let Some(mut left) = after else { return Some(call.await) };
    let mut call = pin!(call);
    poll_fn(|cx| match call.as_mut().poll(cx) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}
