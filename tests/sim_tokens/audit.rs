//! The oracle: counts the tokens of the cluster, and holds what keepers say of themselves against them.

use std::collections::BTreeMap;
use std::time::Duration;

use ottla::{Error, KeeperState};
use ottla_testkit::{ApiKey, Token};
use tokio::time::{Instant, sleep};

use super::keeping::MEMORY;
use super::laws::{Law, now};
use super::plan::{OWNERS, What};
use super::world::World;

/// Law 3, for the requests about the tokens of one keeper.
const MOST: usize = 40;
const MINUTE: Duration = Duration::from_secs(60);
/// No keeper makes token after token, whatever becomes of them: so many in a quarter of an hour, with all
/// that its restarts make.
const MADE: usize = 20;
/// So late an answer may come.
const ANSWER: Duration = Duration::from_secs(10);
/// What milliseconds round away.
const ROUNDING: Duration = Duration::from_millis(2);
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
    let is_told = state.last_error.as_ref().is_some_and(Error::needs_new_credentials);
    if state.failures > 0 && !is_told && world.is_only_refused(keeper, now() - MEMORY) {
        broken(Law::Causes, "its admin is refused, and it says otherwise");
    }
    // The controller may not know of a renewal yet, however long ago it was asked for.
    if state.age > world.plan.propagation + ANSWER
        && !world.hurts_keepers(now() - MINUTE)
        && let Some(token) = world.brokers.tokens().into_iter().find(|token| token.id == id)
        && living.contains(&id)
        && let Some(what) = untrue(world, keeper, &token, &state)
    {
        broken(Law::Gauges, &what);
    }
}

/// What is told of a token that is not so, if anything is.
fn untrue(world: &World, keeper: usize, token: &Token, state: &KeeperState) -> Option<String> {
    let end = token.expires.min(token.max);
    let left = Duration::from_millis(u64::try_from(end - world.brokers.now()).unwrap_or(0));
    let clocks_agree = !world.plan.events.iter().any(|event| matches!(event.what, What::BrokersClock(_)));
    if clocks_agree && state.expires_in > left + ROUNDING {
        return Some(format!("it says that the token lives longer than {left:?}"));
    }
    // Whoever follows a file is in another process, and has gauges of its own; not so here.
    if world.plan.has_file(keeper) {
        return None;
    }
    [("issued_at", token.issued), ("expires_at", end)].into_iter().find_map(|(name, millis)| {
        let told = world.gauges.moment(name, OWNERS[keeper]);
        #[expect(clippy::cast_precision_loss, reason = "exact for 285,000 years")]
        let is_true = told.is_some_and(|told| (told - millis as f64).abs() < 1.0);
        (!is_true).then(|| format!("the gauge {name} says {told:?}, the controller {millis}"))
    })
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
        let many = too_many(&times, most, MINUTE);
        let made = if api == ApiKey::CreateDelegationToken as i16 {
            too_many(&times, MADE * world.plan.keepers.len(), MINUTE * 15)
        } else {
            None
        };
        if let Some((first, last)) = many.or(made) {
            let text = format!("too many requests of API {api} from {first:?} to {last:?}");
            return world.notes.broken(Law::Storms, &text);
        }
    }
}

/// The first and the last of more than so many within a time, if there were.
fn too_many(times: &[Duration], most: usize, within: Duration) -> Option<(Duration, Duration)> {
    let pairs = times.iter().copied().zip(times.iter().copied().skip(most));
    pairs.into_iter().find(|(first, last)| *last - *first < within)
}
