//! The driver: it logs in, makes the token, hands it out, and adds up what came back.
#![expect(clippy::disallowed_methods, reason = "a program of its own, with a clock of its own")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use ottla::ids::TopicPartition;
use ottla::{Cluster, IsolationLevel, NewToken, OffsetAt, OffsetRange, Token, TokenSource};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::arguments::Arguments;
use crate::executor::{Done, Executor};
use crate::ledger::Ledger;
use crate::show::Show;
use crate::stage::{Stage, TOKEN_EXPIRY, TOKEN_MAX};
use crate::table::{Table, Work};

type Failure = Box<dyn Error + Send + Sync>;

/// How long the brokers may take to learn of a new token.
const READINESS: Duration = Duration::from_secs(20);
/// How long the deletion of the token may take after Ctrl-C.
const FAREWELL: Duration = Duration::from_secs(5);
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
    let stage = tokio::select! {
        stage = Stage::set(arguments, &show) => stage?,
        _ = tokio::signal::ctrl_c() => return Ok(Ending::Interrupted),
    };
    let driver = Cluster::connect(stage.driver.clone()).await?;
    if stage.embedded.is_some() {
        show.event("driver", "logged in as alice by SCRAM: by keytab once the embedded KDC is there");
    } else {
        show.event("driver", "logged in");
    }
    let token = driver.create_delegation_token(NewToken::new()).await?;
    show.event("token", &made(&token));
    if stage.embedded.is_some() {
        let (expiry, max) = (TOKEN_EXPIRY.as_secs(), TOKEN_MAX.as_secs());
        show.event("token", &format!("expires after {expiry} s, at most {max} s: nobody renews it yet"));
    }
    let table = tokio::select! {
        table = fan_out(arguments, &stage, &token, &show) => Some(table),
        _ = tokio::signal::ctrl_c() => None,
    };
    show.close();
    if timeout(FAREWELL, driver.expire_delegation_token(&token, None)).await.is_ok_and(|done| done.is_ok()) {
        show.event("token", "deleted");
    } else {
        show.event("token", "could not be deleted: it lives until it expires");
    }
    let Some(table) = table else { return Ok(Ending::Interrupted) };
    let mut table = table?;
    let statistics = driver.statistics();
    table.driver.connections = statistics.connections;
    table.driver.logins = statistics.logins;
    table.driver.reauthentications = statistics.reauthentications;
    show.line(&format!("\n{table}"));
    Ok(if table.is_complete() { Ending::Complete } else { Ending::Incomplete })
}

async fn fan_out(
    arguments: &Arguments,
    stage: &Stage,
    token: &Token,
    show: &Arc<Show>,
) -> Result<Table, Failure> {
    let ranges = ready(stage, token).await?;
    show.event("token", "known to the brokers: executors get it");
    let ledger = Arc::new(Ledger::new(&ranges));
    let bars: Vec<(String, u64)> = ranges
        .iter()
        .map(|range| {
            (range.topic_partition.to_string(), u64::try_from(range.until - range.from).unwrap_or(0))
        })
        .collect();
    show.open_bars(&bars);
    let places = ranges.iter().map(|range| range.topic_partition.clone()).zip(0..).collect();
    let places = Arc::new(places);
    let shares: Vec<OffsetRange> = ranges.iter().flat_map(cut).collect();
    let started = Instant::now();
    let mut running = JoinSet::new();
    for n in 0..arguments.executors {
        let executor = Executor {
            config: stage.target.config(TokenSource::fixed(token.clone())),
            ranges: shares.iter().skip(n).step_by(arguments.executors).cloned().collect(),
            pace: arguments.pace,
            ledger: Arc::clone(&ledger),
            show: Arc::clone(show),
            bars: Arc::clone(&places),
        };
        running.spawn(executor.run());
    }
    let (mut executors, mut bytes) = (Work::default(), 0);
    while let Some(done) = running.join_next().await {
        let Done { work, bytes: more } = done??;
        executors.add(&work);
        bytes += more;
    }
    let took = started.elapsed();
    show.event("executors", "have read everything");
    Ok(Table { sum: ledger.sum(), executors, driver: Work::default(), bytes, took })
}

fn made(token: &Token) -> String {
    let owner = token.owner().map_or_else(|| "an unknown owner".to_owned(), ToString::to_string);
    format!("{} made, acts as {owner}", token.id())
}

/// Waits until the token is known where it is used, and finds the ranges to read, with the token.
async fn ready(stage: &Stage, token: &Token) -> Result<Vec<OffsetRange>, Failure> {
    let deadline = Instant::now() + READINESS;
    loop {
        match ranges(stage, token).await {
            Ok(ranges) => return Ok(ranges),
            // A token that is not known yet is refused as a wrong password is.
            Err(error) if error.needs_new_credentials() && Instant::now() < deadline => {
                sleep(Duration::from_millis(50)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// The partitions from their first record to their last. Every leader is asked, so every leader
/// knows the token when this has succeeded.
async fn ranges(stage: &Stage, token: &Token) -> Result<Vec<OffsetRange>, ottla::Error> {
    let cluster = Cluster::connect(stage.target.config(TokenSource::fixed(token.clone()))).await?;
    let partitions = cluster.partitions(stage.topic.as_str()).await?;
    let isolation = IsolationLevel::ReadUncommitted;
    let from = cluster.list_offsets(&partitions, OffsetAt::Earliest, isolation).await?;
    let until = cluster.list_offsets(&partitions, OffsetAt::Latest, isolation).await?;
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
