//! What a long life leaves behind.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use ottla::{AtShutdown, Credentials, RunningKeeper, ScramMechanism, Target, TokenKeeper};
use ottla_lab::{Listener, Profile};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::stage::{PATIENCE, SECOND, executors, rounds};
use crate::support::{lab, within};

/// Nobody else in this process uses it on these clusters, so that its sockets can be counted.
const LISTENER: Listener = Listener::SaslSsl;

fn ports(kafka: &ottla_lab::Cluster) -> u16 {
    let address = kafka.address(1, LISTENER).unwrap();
    address.rsplit(':').next().unwrap().parse().unwrap()
}

/// The connections of this process to these ports, as the kernel lists them.
fn sockets(ports: &BTreeSet<u16>) -> usize {
    let descriptors = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let own: BTreeSet<String> = descriptors
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let table = fs::read_to_string("/proc/self/net/tcp").unwrap();
    let lines = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ours = lines.filter(|words| {
        let port = words.get(2).and_then(|remote| remote.rsplit(':').next());
        let port = port.and_then(|port| u16::from_str_radix(port, 16).ok());
        port.is_some_and(|port| ports.contains(&port))
            && words.get(9).is_some_and(|inode| own.contains(*inode))
    });
    ours.count()
}

/// The tokens of bob's that are alive, of those that these keepers made.
async fn alive(kafka: &ottla_lab::Cluster, made: &BTreeSet<String>) -> usize {
    let bob = lab::connect(kafka, LISTENER, lab::scram(ScramMechanism::Sha256, "bob")).await.unwrap();
    let listed = bob.describe_delegation_tokens(None).await.unwrap();
    listed.iter().filter(|it| made.contains(it.token.id())).count()
}

/// One of the clusters.
struct Run {
    kafka: ottla_lab::Cluster,
    keeper: RunningKeeper,
    made: BTreeSet<String>,
}

impl Run {
    /// Tokens of thirty seconds that are renewed after three.
    async fn begin(version: &str) -> Self {
        let version = version.to_owned();
        let started = spawn_blocking(move || ottla_lab::cluster_of_version(Profile::ShortToken, &version));
        let kafka = started.await.unwrap().unwrap();
        let admin = lab::config(&kafka, LISTENER, lab::scram(ScramMechanism::Sha256, "bob"));
        let target = Target::of(&lab::config(&kafka, LISTENER, Credentials::None));
        let keeper = TokenKeeper::new(admin, target).with_renewal_ratio(0.1).with_grace(SECOND);
        let keeper = keeper.start().await.unwrap();
        Self { kafka, keeper, made: BTreeSet::new() }
    }

    fn look(&mut self) -> u64 {
        let state = self.keeper.state();
        assert!(state.alive <= 2, "{state:?}");
        self.made.insert(state.token_id);
        state.renewed
    }
}

mod once {
    use super::*;

    #[tokio::test]
    async fn a19_renewals_on_two_clusters_leave_nothing_behind() {
        let renewals = rounds(20, 200);
        within(PATIENCE * 8, "the test", async {
            let mut runs = Vec::new();
            for version in ottla_lab::versions() {
                runs.push(Run::begin(version).await);
            }
            let mut clients = Vec::new();
            for run in &runs {
                clients.extend(executors(&run.kafka, LISTENER, &run.keeper, 4).await);
            }
            let ports: BTreeSet<u16> = runs.iter().map(|run| ports(&run.kafka)).collect();
            let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
            tokio::time::sleep(2 * SECOND).await;
            let before = (tasks(), sockets(&ports));
            while runs.iter_mut().map(Run::look).fold(u64::MAX, u64::min) < renewals {
                tokio::time::sleep(SECOND / 2).await;
            }
            // A proof may be under way, and an old token within its grace.
            let began = Instant::now();
            let mut left = BTreeMap::new();
            let after = loop {
                let after = (tasks(), sockets(&ports));
                for run in &mut runs {
                    run.look();
                    left.insert(run.kafka.version().to_owned(), alive(&run.kafka, &run.made).await);
                }
                if after.0 <= before.0 && after.1 <= before.1 && left.values().all(|&count| count <= 1) {
                    break after;
                }
                assert!(began.elapsed() < PATIENCE / 2, "{before:?} became {after:?}, alive: {left:?}");
                tokio::time::sleep(SECOND / 5).await;
            };
            println!(
                "tasks and sockets: {before:?} before, {after:?} after {renewals} renewals; tokens {left:?}"
            );
            for run in runs {
                println!("Kafka {}: {} tokens", run.kafka.version(), run.made.len());
                run.keeper.shutdown(AtShutdown::Expire).await.unwrap();
            }
        })
        .await;
    }
}
