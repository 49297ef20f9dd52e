//! Law 3: what brings nothing is asked again after a growing pause.

use std::collections::BTreeMap;
use std::time::Duration;

use ottla_testkit::{ApiKey, Asked, BrokerId};
use tokio::time::sleep;

use super::laws::Law;
use super::world::World;

/// Requests that one task may make for a partition in a minute without progress.
const MOST: usize = 40;
const MINUTE: Duration = Duration::from_secs(60);
/// A broker held a fetch for about as long as a client lets it.
const HELD: Duration = Duration::from_millis(400);

/// Ends what asks on and on at one moment, which would take real time and no virtual one.
pub(crate) async fn watch(world: World) {
    loop {
        sleep(Duration::from_secs(1)).await;
        if world.net.is_stormy() {
            world.notes.broken(Law::Storms, "a client asks on and on without a pause".to_owned());
        }
    }
}

/// Counts what all that was asked brought, when all is over.
pub(crate) fn judge(world: &World) {
    let plan = &world.plan;
    let tasks = plan.readings.len() + plan.writings.len() + plan.callings.len();
    let partitions = world.places().len();
    for ((api, topic, partition), times) in in_vain(&world.brokers.asked()) {
        let most = MOST * tasks * if partition.is_none() { partitions } else { 1 };
        if let Some(first) =
            times.iter().zip(times.iter().skip(most)).find(|(one, other)| **other - **one < MINUTE)
        {
            let text = format!(
                "{most} requests of {api} for {topic} {partition:?} from {} ms to {} ms bring nothing",
                first.0.as_millis(),
                first.1.as_millis()
            );
            return world.notes.broken(Law::Storms, text);
        }
    }
}

type Times = BTreeMap<(&'static str, String, Option<i32>), Vec<Duration>>;

/// When requests were made that brought nothing, by what they asked for.
fn in_vain(asked: &[Asked]) -> Times {
    let mut brought: BTreeMap<(BrokerId, u64, Duration), bool> = BTreeMap::new();
    let key = |asked: &Asked| (asked.broker, asked.connection, asked.at);
    for one in asked {
        *brought.entry(key(one)).or_default() |= one.code == 0 && one.bytes > 0;
    }
    let mut times = Times::new();
    for one in asked.iter().filter(|one| one.held() < HELD && !brought[&key(one)]) {
        let what = match one.api {
            ApiKey::Fetch | ApiKey::ListOffsets | ApiKey::OffsetForLeaderEpoch | ApiKey::Produce => {
                ("records and offsets", one.partition)
            }
            ApiKey::Metadata => ("Metadata", None),
            ApiKey::InitProducerId => ("InitProducerId", None),
            _ => continue,
        };
        times.entry((what.0, one.topic.clone().unwrap_or_default(), what.1)).or_default().push(one.at);
    }
    times
}
