//! The oracle: counts the tokens of the cluster, and holds what keepers say of themselves against them.

use std::collections::BTreeMap;
use std::time::Duration;

use ottla_testkit::ApiKey;
use tokio::time::{Instant, sleep};

use super::keeping::MEMORY;
use super::laws::{Law, now};
use super::plan::What;
use super::world::World;

/// Law 3, for the requests about the tokens of one keeper.
const MOST: usize = 40;
const MINUTE: Duration = Duration::from_secs(60);
/// A life counts from the moment at which the answer came: so late it may come.
const ANSWER: Duration = Duration::from_secs(10);
/// What proofs and the pace of a keeper take.
const SLACK: Duration = Duration::from_secs(90);

/// Looks now and then, for as long as the world lasts.
pub(crate) async fn audit(world: World) {
    let between = world.plan.period / 13;
    loop {
        sleep(between).await;
        world.note_struck();
        if world.net.is_stormy() {
            world.notes.broken(Law::Storms, "a client asks on and on without a pause");
        }
        for keeper in 0..world.plan.keepers.len() {
            look_at(&world, keeper, now() - between);
        }
    }
}

fn look_at(world: &World, keeper: usize, last: Instant) {
    let living = world.living(keeper);
    let mut slot = world.slot(keeper);
    let (Some(running), Some(source)) = (&slot.keeper, &slot.source) else { return };
    let (state, current) = (running.state(), source.current());
    let id = current.id().to_owned();
    if slot.used.insert(id.clone()) {
        slot.since = Some(now());
    }
    slot.left.remove(&id);
    let known: Vec<&String> = living.iter().filter(|id| !slot.left.contains(*id)).collect();
    let since = slot.since.unwrap_or(last);
    let unheard = (known.len() > state.alive).then(|| slot.unheard.unwrap_or_else(now));
    slot.unheard = unheard;
    let told = format!("{} of {known:?} live, {id} is in use: {state:?}", known.len());
    drop(slot);
    if state.next_in.is_zero() {
        // It is at work.
        return;
    }
    let broken = |law, what: &str| world.notes.broken(law, &format!("keeper {keeper}: {what}: {told}"));
    if state.token_id != id {
        broken(Law::Gauges, "it says that another token is in use");
    }
    let settling = now() - MEMORY;
    if unheard.is_some_and(|since| since <= settling) && !world.hurts_keepers(settling) {
        broken(Law::Bounded, "a token lives of which it does not know");
    }
    if known.len() > 2 && !world.hurts_keepers(now() - MEMORY) {
        broken(Law::Bounded, "more than two tokens live");
    }
    let settled = world.plan.keepers[keeper].grace + SLACK;
    if known.len() > 1 && now() - since > settled && !world.hurts_keepers(now() - MEMORY.max(settled)) {
        broken(Law::Bounded, "an old token lives after the grace");
    }
    if state.failures > 0 && !world.hurts_keepers(now() - MEMORY) {
        broken(Law::Causes, "it fails without a cause");
    }
    let clocks_agree = !world.plan.events.iter().any(|event| matches!(event.what, What::BrokersClock(_)));
    // The controller may not know of a renewal yet.
    if clocks_agree && !world.hurts_keepers(now() - MINUTE) {
        let tokens = world.brokers.tokens();
        let end = tokens.iter().find(|token| token.id == id).map_or(0, |token| token.expires.min(token.max));
        let left = Duration::from_millis(u64::try_from(end - world.brokers.now()).unwrap_or(0));
        let is_gone = !living.contains(&id);
        if !is_gone && state.expires_in > left + ANSWER {
            broken(Law::Gauges, &format!("it says that the token lives longer than {left:?}"));
        }
    }
}

/// Counts what was asked about tokens, when all is over.
pub(crate) fn judge(world: &World) {
    let most = MOST * world.plan.keepers.len();
    let mut times: BTreeMap<i16, Vec<Duration>> = BTreeMap::new();
    for asked in world.brokers.asked() {
        if matches!(
            asked.api,
            ApiKey::CreateDelegationToken
                | ApiKey::RenewDelegationToken
                | ApiKey::ExpireDelegationToken
                | ApiKey::DescribeDelegationToken
        ) {
            times.entry(asked.api as i16).or_default().push(asked.at);
        }
    }
    for (api, times) in times {
        let many = times.iter().zip(times.iter().skip(most)).find(|(one, other)| **other - **one < MINUTE);
        if let Some((first, last)) = many {
            let text = format!("{most} requests of API {api} from {first:?} to {last:?}");
            return world.notes.broken(Law::Storms, &text);
        }
    }
}
