//! Many clients of one token: what they ask of brokers that have just come back, all of them at once.

use ottla::ids::TopicPartition;
use ottla::{Cluster, Config, Error, IsolationLevel, OffsetAt, TokenSource};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::kind::Kind;
use super::laws::Law;
use super::plan::TOPIC;
use super::using::LIMIT;
use super::world::World;

const CLIENTS: usize = 12;
/// Of each client at each broker: one, another with a newer token, and what a refusal costs.
const LOGINS: u64 = 4;
/// Where the token is refused: a call tries so often in its minute.
const REFUSED: u64 = 25;
/// Of whoever else there is, meanwhile.
const OTHERS: u64 = 60;

/// Uses the tokens of the first keeper from time to time, by all clients at one moment.
pub(crate) async fn crowd(world: World) {
    let (between, mut clients, mut generation) = (world.plan.period / 5, Vec::new(), 0);
    loop {
        sleep(between).await;
        let now = {
            let slot = world.slot(0);
            slot.source.clone().map(|source| (source, slot.generation))
        };
        let Some((source, newest)) = now else { continue };
        if generation != newest {
            generation = newest;
            clients = (0..CLIENTS).map(|_| None).collect();
        }
        let is_usable = || world.is_usable(source.current().id());
        let (before, was_usable) = (logins(&world), is_usable());
        clients = round(&world, &source, clients).await;
        let (asked, brokers) = (logins(&world) - before, u64::from(world.plan.brokers.unsigned_abs()));
        let each = if was_usable && is_usable() { LOGINS } else { REFUSED };
        let most = CLIENTS as u64 * brokers * each + OTHERS;
        if asked > most {
            let text = format!("{CLIENTS} clients of {brokers} brokers log in {asked} times, not {most}");
            world.notes.broken(Law::Storms, &text);
        }
        world.strikes(Kind::Crowd);
    }
}

fn logins(world: &World) -> u64 {
    let counted = world.brokers.counters();
    counted.logins + counted.failed_logins + counted.reauthentications
}

/// One call of each client; gives the clients back.
async fn round(world: &World, source: &TokenSource, clients: Vec<Option<Cluster>>) -> Vec<Option<Cluster>> {
    let mut calls = JoinSet::new();
    for (number, client) in clients.into_iter().enumerate() {
        let partition = i32::try_from(number).unwrap() % world.plan.brokers;
        let config = world.patient(world.target().config(source.clone()));
        let notes = world.notes.clone();
        calls.spawn(async move {
            let mut client = client;
            // Whether a token works is for its users to say.
            let _ = notes.limited("a call of many", LIMIT, ask(&mut client, config, partition)).await;
            (number, client)
        });
    }
    let mut clients = calls.join_all().await;
    clients.sort_by_key(|(number, _)| *number);
    clients.into_iter().map(|(_, client)| client).collect()
}

async fn ask(client: &mut Option<Cluster>, config: Config, partition: i32) -> Result<(), Error> {
    let client = match client {
        Some(client) => client,
        None => client.insert(Cluster::connect(config).await?),
    };
    let asked = [TopicPartition::new(TOPIC, partition)];
    client.list_offsets(&asked, OffsetAt::Latest, IsolationLevel::default()).await.map(|_| ())
}
