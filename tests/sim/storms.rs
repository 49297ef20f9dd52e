//! Law 3: what brings nothing is asked again after a growing pause.

use std::time::Duration;

use ottla_testkit::ApiKey;
use tokio::time::sleep;

use super::laws::Law;
use super::world::World;

/// Requests that one task may make for a partition in a minute without progress.
const MOST: u64 = 40;
/// Fetches in a minute that a broker held as long as a client lets it.
const HELD: u64 = 120;

/// Counts requests, minute by minute, for as long as the world lasts.
pub(crate) async fn watch(world: World) {
    let tasks = (world.plan.readings.len() + world.plan.writings.len()) as u64;
    let partitions = u64::try_from(world.plan.partitions).unwrap();
    let brokers = u64::try_from(world.plan.brokers).unwrap();
    let of = |api| world.brokers.counters().requests(api);
    let apis = [ApiKey::Fetch, ApiKey::Metadata, ApiKey::ListOffsets, ApiKey::InitProducerId];
    let mut before = apis.map(of);
    let mut progress = world.progress();
    loop {
        for _ in 0..60 {
            sleep(Duration::from_secs(1)).await;
            if world.net.is_stormy() {
                world.notes.broken(Law::Storms, "a client asks on and on without a pause".to_owned());
            }
        }
        let (after, progressed) = (apis.map(of), world.progress());
        for ((api, before), after) in apis.iter().zip(before).zip(after) {
            let held = if *api == ApiKey::Fetch { HELD * brokers * tasks } else { 0 };
            let most = MOST * partitions * tasks + held + 2 * (progressed - progress);
            if after - before > most {
                let text = format!("{} requests of {api:?} in a minute, {most} are many", after - before);
                world.notes.broken(Law::Storms, text);
            }
        }
        (before, progress) = (after, progressed);
    }
}
