//! The driver: it logs in, has a keeper make tokens, hands them out, and adds up what came back.
#![expect(clippy::disallowed_methods, reason = "a program of its own, with a clock of its own")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use ottla::ids::TopicPartition;
use ottla::{
    AtShutdown, Cluster, IsolationLevel, OffsetAt, OffsetRange, RunningKeeper, TokenKeeper, TokenSource,
};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::arguments::Arguments;
use crate::executor::{Done, Executor};
use crate::ledger::Ledger;
use crate::life::{self, Clients};
use crate::show::Show;
use crate::stage::{Embedded, Stage};
use crate::table::{Table, Work};

type Failure = Box<dyn Error + Send + Sync>;

/// How long the deletion of the tokens may take at the end.
const FAREWELL: Duration = Duration::from_secs(5);
/// When to renew or replace, as a part of a token's life. The default, three quarters, suits a life
/// of a day; of four seconds it leaves less than a busy machine may need.
const RENEW_AT: f64 = 0.5;
/// How long a token is left alone after another has taken its place.
const GRACE: Duration = Duration::from_secs(1);
/// Into how many ranges each partition is cut, so that executors have equal shares.
const CUTS: i64 = 2;

/// How the run ended, where nothing failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Every record was read exactly once.
    Complete,
    Incomplete,
    Interrupted,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<Ending, Failure> {
    let show = Arc::new(Show::start());
    let prepared = async {
        let stage = Stage::set(arguments, &show).await?;
        let driver = Cluster::connect(stage.driver.clone()).await?;
        show.event("driver", stage.login);
        let ranges = ranges(&driver, &stage.topic).await?;
        let mut keeper = TokenKeeper::new(stage.driver.clone(), stage.target.clone());
        if stage.embedded.is_some() {
            keeper = keeper.with_grace(GRACE).with_renewal_ratio(RENEW_AT);
        }
        Ok::<_, Failure>((stage, driver, ranges, keeper.start().await?))
    };
    let (stage, _driver, ranges, keeper) = tokio::select! {
        prepared = prepared => prepared?,
        _ = tokio::signal::ctrl_c() => return Ok(Ending::Interrupted),
    };
    let clients = Clients::default();
    let table = tokio::select! {
        table = fan_out(arguments, &stage, &ranges, keeper.source(), &clients, &show) => Some(table),
        () = life::tell(&keeper, clients.clone(), &show) => None,
        _ = tokio::signal::ctrl_c() => None,
    };
    show.close();
    let state = keeper.state();
    give_back(keeper, &show).await;
    let Some(table) = table else { return Ok(Ending::Interrupted) };
    let mut table = table?;
    (table.tokens_made, table.tokens_renewed) = (state.created, state.renewed);
    if let Some(servers) = &stage.embedded {
        let kdc = servers.kdc.counters();
        let requests = kdc.as_requests + kdc.tgs_requests;
        table.executors.kdc_requests = requests.saturating_sub(servers.driver_at_kdc.connections());
    }
    table.driver = stage.embedded.as_ref().map(|servers| rest(servers, &table.executors));
    show.line(&format!("\n{table}"));
    Ok(if table.is_complete() { Ending::Complete } else { Ending::Incomplete })
}

async fn give_back(keeper: RunningKeeper, show: &Show) {
    match timeout(FAREWELL, keeper.shutdown(AtShutdown::Expire)).await {
        Ok(Ok(())) => show.event("token", "deleted: nothing is left behind"),
        Ok(Err(error)) => show.event("token", &format!("lives until it expires: {error}")),
        Err(_) => show.event("token", "could not be deleted in time: it lives until it expires"),
    }
}

/// What the servers counted and no executor did: driver and keeper.
fn rest(servers: &Embedded, executors: &Work) -> Work {
    let all = servers.brokers.counters();
    Work {
        kdc_requests: servers.driver_at_kdc.connections(),
        connections: all.connections - executors.connections,
        logins: all.logins - executors.logins,
        reauthentications: all.reauthentications - executors.reauthentications,
        reconnects: 0,
    }
}

async fn fan_out(
    arguments: &Arguments,
    stage: &Stage,
    ranges: &[OffsetRange],
    source: TokenSource,
    clients: &Clients,
    show: &Arc<Show>,
) -> Result<Table, Failure> {
    let ledger = Arc::new(Ledger::new(ranges));
    let bar = |range: &OffsetRange| {
        (range.topic_partition.to_string(), u64::try_from(range.until - range.from).unwrap_or(0))
    };
    show.open_bars(&ranges.iter().map(bar).collect::<Vec<_>>());
    let places = Arc::new(ranges.iter().map(|range| range.topic_partition.clone()).zip(0..).collect());
    let shares: Vec<OffsetRange> = ranges.iter().flat_map(cut).collect();
    let started = Instant::now();
    let mut running = JoinSet::new();
    for n in 0..arguments.executors {
        let executor = Executor {
            config: stage.target.config(source.clone()),
            ranges: shares.iter().skip(n).step_by(arguments.executors).cloned().collect(),
            pace: arguments.pace,
            ledger: Arc::clone(&ledger),
            show: Arc::clone(show),
            clients: clients.clone(),
            bars: Arc::clone(&places),
        };
        running.spawn(executor.run());
    }
    show.event("executors", &format!("{} begin to read, each with the token alone", arguments.executors));
    let mut table = Table::default();
    while let Some(done) = running.join_next().await {
        let Done { work, bytes } = done??;
        table.executors.add(&work);
        table.bytes += bytes;
    }
    (table.sum, table.took) = (ledger.sum(), started.elapsed());
    show.event("executors", "have read everything");
    Ok(table)
}

/// The partitions from their first record to their last.
async fn ranges(driver: &Cluster, topic: &str) -> Result<Vec<OffsetRange>, ottla::Error> {
    let partitions = driver.partitions(topic).await?;
    let isolation = IsolationLevel::ReadUncommitted;
    let from = driver.list_offsets(&partitions, OffsetAt::Earliest, isolation).await?;
    let until = driver.list_offsets(&partitions, OffsetAt::Latest, isolation).await?;
    let range = |topic_partition: TopicPartition| {
        let (from, until) = (*from.get(&topic_partition)?, *until.get(&topic_partition)?);
        Some(OffsetRange::new(topic_partition, from, until))
    };
    Ok(partitions.into_iter().filter_map(range).filter(|range| range.from < range.until).collect())
}

fn cut(range: &OffsetRange) -> Vec<OffsetRange> {
    let length = range.until - range.from;
    let edge = |n: i64| range.from + length * n / CUTS;
    (0..CUTS).map(|n| OffsetRange::new(range.topic_partition.clone(), edge(n), edge(n + 1))).collect()
}
