//! A task that makes calls by a client with little time (law 2), and has them succeed where nothing is wrong.

use std::time::Duration;

use ottla::Error;
use tokio::time::sleep;

use super::dice::Dice;
use super::kind::Kind;
use super::laws::Law;
use super::manners::{Patience, limited};
use super::reading::is_denied;
use super::schedule::Shape;
use super::tasks::{Manners, manners};
use super::world::World;

/// What one task of the application asks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Calling {
    pub(crate) start: Duration,
    /// What a call may take.
    pub(crate) deadline: Duration,
    pub(crate) manners: Manners,
}

/// A call may end so much later than its time is over: within the request that is under way, which ends then.
const NOTICED: Duration = Duration::from_millis(100);

impl Shape {
    pub(crate) fn calling(&self, dice: &mut Dice) -> Calling {
        let deadline = Duration::from_secs(dice.pick(&[1, 4, 15]));
        Calling { start: self.start(dice), deadline, manners: manners(dice) }
    }
}

/// Makes calls until the world is healed.
pub(crate) async fn call(world: World, calling: Calling) {
    sleep(calling.start).await;
    let config = || world.config().with_deadline(calling.deadline);
    let mut patience = Patience::new(&calling.manners, &world);
    let mut client = None;
    while !world.is_healed() && !world.notes.is_broken() {
        let known = if patience.dice().one_in(8) { None } else { client.take() };
        match known {
            None => {
                let connected = timed(&world, &calling, "connect", ottla::Cluster::connect(config())).await;
                client = connected;
            }
            Some(known) => {
                let topic = patience.dice().pick(world.plan.topics);
                timed(&world, &calling, "partitions", ottla::Cluster::partitions(&known, topic)).await;
                client = Some(known);
            }
        }
        sleep(Duration::from_millis(500)).await;
        patience.pause().await;
    }
}

/// A call that may fail where something was wrong.
async fn timed<T>(
    world: &World,
    calling: &Calling,
    what: &str,
    call: impl Future<Output = Result<T, Error>>,
) -> Option<T> {
    let began = world.notes.passed();
    let outcome = limited(&world.notes, what, calling.deadline + NOTICED, world.plan.heals(), call).await;
    outcome.inspect_err(|error| failed(world, what, error, began)).ok()
}

fn failed(world: &World, what: &str, error: &Error, began: Duration) {
    world.notes.trace(&format!("caller: {what}: {error}"));
    world.strikes(Kind::CallEndsInVain);
    if is_denied(error) && world.was_denied(began) {
        world.strikes(Kind::DenialHeard);
    } else if is_denied(error) || !world.notes.is_troubled(began) {
        world.notes.broken(Law::Parts, format!("{what} fails: {error:?}"));
    }
}
