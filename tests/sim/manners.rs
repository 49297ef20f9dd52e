//! How the application treats its calls: waits for them, gives them up half way, pauses between them.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::dice::Dice;
use super::kind::Kind;
use super::laws::{Law, Notes, now};
use super::tasks::Manners;
use super::world::World;

/// An application's patience, drawn from its own seed.
#[derive(Debug)]
pub(crate) struct Patience {
    dice: Dice,
    manners: Manners,
    world: World,
}

impl Patience {
    pub(crate) fn new(manners: &Manners, world: &World) -> Self {
        Self { dice: Dice::new(manners.seed), manners: manners.clone(), world: world.clone() }
    }

    pub(crate) fn dice(&mut self) -> &mut Dice {
        &mut self.dice
    }

    /// Pauses, or not.
    pub(crate) async fn pause(&mut self) {
        if self.dice.one_in(self.manners.pause_one_in) {
            let most = u64::try_from(self.manners.pause.as_millis()).unwrap();
            let pause = Duration::from_millis(self.dice.below(most) + 1);
            sleep(pause).await;
            if pause > Duration::from_secs(10) {
                self.world.strikes(Kind::LongPause);
            }
        }
    }

    /// Makes a call, or gives it up somewhere: then `None`.
    pub(crate) async fn call<T>(&mut self, call: impl Future<Output = T>) -> Option<T> {
        if self.manners.cancel_one_in == 0 || !self.dice.one_in(self.manners.cancel_one_in) {
            return Some(call.await);
        }
        let outcome = self.give_up(call).await;
        if outcome.is_none() {
            self.world.strikes(Kind::CallGivenUp);
        }
        outcome
    }

    async fn give_up<T>(&mut self, call: impl Future<Output = T>) -> Option<T> {
        if self.dice.one_in(2) {
            let limit = Duration::from_millis(self.dice.pick(&[1, 5, 200, 4_000]));
            return timeout(limit, call).await.ok();
        }
        let mut left = self.dice.below(4);
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
}

/// Awaits a call that has to end within a limit, and soon where nothing is wrong (law 2).
pub(crate) async fn limited<T>(
    notes: &Notes,
    what: &str,
    limit: Duration,
    heals: Duration,
    call: impl Future<Output = T>,
) -> T {
    let began = now();
    let outcome = call.await;
    let took = now() - began;
    let quiet = notes.quiet(notes.passed().saturating_sub(took));
    if quiet > heals {
        let text = format!("{what} goes on for {} ms in which nothing is wrong", quiet.as_millis());
        notes.broken(Law::Ending, text);
    }
    if took > limit {
        notes.broken(Law::Ending, format!("{what} took {} ms of {}", took.as_millis(), limit.as_millis()));
    }
    outcome
}
