//! What the scenarios on real brokers share: clusters, a topic, keepers, and those who read.

use std::sync::Arc;
use std::time::Duration;

use ottla::{
    Cluster, Config, Credentials, KeeperState, NewRecord, NewTopic, RunningKeeper, ScramMechanism, Target,
    TokenKeeper, WriteOptions,
};
use ottla_lab::{Listener, OwnCluster, Profile};
use tokio::task::spawn_blocking;

use crate::support::embedded::read_all;
use crate::support::lab;
use crate::support::readers::{Book, Readers};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
/// For whatever takes seconds on an idle machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);

const PARTITIONS: i32 = 4;
const RECORDS: usize = 200;

/// How many tokens, renewals or replacements: few in `tests/run`, many in its group soak.
pub(crate) fn rounds(few: u64, many: u64) -> u64 {
    if crate::SOAK { many } else { few }
}

/// The lab's cluster of this profile.
pub(crate) async fn shared(profile: Profile) -> ottla_lab::Cluster {
    spawn_blocking(move || lab::cluster(profile)).await.unwrap()
}

/// A cluster that the caller may stop.
pub(crate) async fn own(brokers: u16) -> Arc<OwnCluster> {
    let started = spawn_blocking(move || ottla_lab::own_cluster(Profile::Default, brokers));
    Arc::new(started.await.unwrap().unwrap())
}

/// Does what blocks to a cluster of one's own.
pub(crate) async fn with(
    kafka: &Arc<OwnCluster>,
    what: impl FnOnce(&OwnCluster) -> ottla_lab::Result<()> + Send + 'static,
) {
    let kafka = Arc::clone(kafka);
    spawn_blocking(move || what(&kafka)).await.unwrap().unwrap();
}

/// A topic with records, and what has to be read of it.
pub(crate) struct Topic {
    pub(crate) name: String,
    expected: Vec<(i32, i64)>,
}

impl Topic {
    /// Writes a topic of this run's own.
    pub(crate) async fn written(kafka: &ottla_lab::Cluster, name: &str) -> Self {
        let name = format!("life-{name}-{}", std::process::id());
        let anybody = lab::connect(kafka, Listener::Plaintext, Credentials::None).await.unwrap();
        let replicas = i16::try_from(kafka.brokers()).unwrap();
        let topic = NewTopic::new(name.as_str()).with_partitions(PARTITIONS);
        anybody.create_topics(vec![topic.with_replication_factor(replicas)]).await.unwrap();
        while anybody.partitions(name.as_str()).await.is_err() {
            tokio::time::sleep(SECOND / 20).await;
        }
        let writer = anybody.write(WriteOptions::new());
        for _ in 0..RECORDS {
            writer.send(&name, NewRecord::value(b"x")).await.unwrap();
        }
        writer.flush().await.unwrap();
        let expected = read_all(&anybody, &name).await.unwrap();
        assert_eq!(expected.len(), RECORDS);
        Self { name, expected }
    }

    /// Starts reading it, again and again.
    pub(crate) fn read_by(&self, clients: &[Cluster], pause: Duration) -> Readers {
        Readers::start(clients.to_vec(), &self.name, &self.expected, pause)
    }
}

/// Somebody of the lab, by SCRAM on SASL_PLAINTEXT; the admin is a super user.
pub(crate) fn config(kafka: &ottla_lab::Cluster, user: &str) -> Config {
    lab::config(kafka, Listener::SaslPlaintext, lab::scram(ScramMechanism::Sha256, user))
}

/// A keeper of somebody's tokens, for use where it logs in itself.
pub(crate) fn keeper(kafka: &ottla_lab::Cluster, user: &str) -> TokenKeeper {
    let admin = config(kafka, user);
    let target = Target::of(&admin).with_mechanism(ScramMechanism::Sha256);
    TokenKeeper::new(admin, target)
}

/// Clients that log in by the tokens of a keeper.
pub(crate) async fn executors(
    kafka: &ottla_lab::Cluster,
    listener: Listener,
    keeper: &RunningKeeper,
    count: usize,
) -> Vec<Cluster> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mechanism = ScramMechanism::Sha256;
        let credentials = Credentials::Token { mechanism, source: keeper.source() };
        clients.push(lab::connect(kafka, listener, credentials).await.unwrap());
    }
    clients
}

/// Waits for a state of a keeper, and gives it with how long that took.
pub(crate) async fn until(
    keeper: &RunningKeeper,
    what: &str,
    mut reached: impl FnMut(&KeeperState) -> bool,
) -> (KeeperState, Duration) {
    let began = tokio::time::Instant::now();
    loop {
        let state = keeper.state();
        if reached(&state) {
            return (state, began.elapsed());
        }
        // Twenty replacements take six minutes.
        let patience = if crate::SOAK { 4 * PATIENCE } else { PATIENCE };
        assert!(began.elapsed() < patience, "{what}: {state:?}");
        tokio::time::sleep(SECOND / 20).await;
    }
}

/// Prints what readers saw, and asserts that no read failed.
pub(crate) fn tell(kafka: &ottla_lab::Cluster, when: &str, book: &Book) {
    println!(
        "Kafka {}, {when}: {} reads, the longest {:?}, longest gap {:?}, {} dials failed",
        kafka.version(),
        book.reads,
        book.longest,
        book.longest_gap,
        book.dial_failures
    );
    assert!(book.failures.is_empty() && book.reads > 0, "{when}: {:?}", book.failures);
}

/// How many connections clients made so far.
pub(crate) fn connections(clients: &[Cluster]) -> u64 {
    clients.iter().map(|client| client.statistics().connections).sum()
}

/// The end of some times, sorted: half of them, 99 %, all.
pub(crate) fn print_times(kafka: &ottla_lab::Cluster, what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len() - 1)).copied();
    println!(
        "Kafka {}, {what}, {} times: p50 {:?}, p99 {:?}, max {:?}",
        kafka.version(),
        times.len(),
        at(50).unwrap(),
        at(99).unwrap(),
        at(100).unwrap()
    );
}
