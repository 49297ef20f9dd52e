//! Tokens of thirty seconds, on every version of Kafka side by side.

use std::time::Duration;

use ottla::{Cluster, RunningKeeper};
use ottla_lab::{Listener, Profile};
use tokio::task::spawn_blocking;

use super::stage::{Topic, connections, executors, keeper, tell};
use crate::support::within;

/// Live connections in this process, on all clusters together.
const CONNECTIONS: usize = 100;
const READING: Duration = Duration::from_secs(150);

/// What becomes of one cluster.
struct Run {
    keeper: RunningKeeper,
    kafka: ottla_lab::Cluster,
    clients: Vec<Cluster>,
    topic: Topic,
}

impl Run {
    async fn begin(version: &str, connections: usize) -> Self {
        let version = version.to_owned();
        let started = spawn_blocking(move || ottla_lab::cluster_of_version(Profile::ShortToken, &version));
        let kafka = started.await.unwrap().unwrap();
        let topic = Topic::written(&kafka, "every-version").await;
        let keeper = keeper(&kafka, "admin").start().await.unwrap();
        let clients = executors(&kafka, Listener::SaslPlaintext, &keeper, connections).await;
        Self { keeper, kafka, clients, topic }
    }

    fn killed(&self) -> f64 {
        self.kafka.metric_sum("expired-connections-killed-count").unwrap()
    }
}

/// Both versions stand in one test.
mod once {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a03_a_hundred_connections_read_across_tokens_of_thirty_seconds_on_every_version_side_by_side() {
        within(READING * 4, "the test", async {
            let versions = ottla_lab::versions();
            let mut runs = Vec::new();
            for version in &versions {
                runs.push(Run::begin(version, CONNECTIONS.div_ceil(versions.len())).await);
            }
            let live = || runs.iter().map(|run| connections(&run.clients)).sum::<u64>();
            assert!(live() >= CONNECTIONS as u64, "{}", live());
            let before: Vec<(u64, f64)> =
                runs.iter().map(|run| (connections(&run.clients), run.killed())).collect();
            let readers: Vec<_> =
                runs.iter().map(|run| run.topic.read_by(&run.clients, Duration::from_secs(2))).collect();
            tokio::time::sleep(READING).await;
            for ((run, readers), before) in runs.iter().zip(readers).zip(before) {
                tell(&run.kafka, "150 s", &readers.end().await);
                let state = run.keeper.state();
                println!("{} tokens, {} renewals, {:?}", state.created, state.renewed, state.last_error);
                assert!(state.created >= 3 && state.renewed >= 4, "{state:?}");
                let after = (connections(&run.clients), run.killed());
                assert_eq!(after, before, "none is made anew, none killed");
            }
        })
        .await;
    }
}
