//! `ottla read`: partitions by any number of readers, records to one standard output.
//!
//! ```text
//!   plan (ranges) ──► reader ─┐                 ┌─► progress (standard error, terminals only)
//!                ──► reader ─┼─► Sum (counters) ┘
//!                ──► reader ─┴─► sink (one thread) ──► standard output
//! ```

mod grown;
mod lines;
mod plan;
mod sink;

use std::sync::Arc;
use std::time::Duration;

use ottla::{Cluster, Decoder, IsolationLevel, Loss, OffsetRange, OnDataLoss};
use serde_json::json;
use tokio::task::JoinSet;

use self::lines::Lines;
use self::sink::Sink;
use crate::arguments::Access;
use crate::arguments::read::{Format, Isolation, ReadOptions};
use crate::failure::{Exit, Failure, say};
use crate::moment::End;
use crate::progress::Progress;
use crate::sum::Sum;
use crate::{login, output};

/// How long output that nobody takes holds up an end by Ctrl-C.
const LAST_WRITES: Duration = Duration::from_secs(1);

pub(crate) async fn run(access: &Access, options: ReadOptions) -> Result<(), Failure> {
    let started = crate::now();
    let sum = Arc::new(Sum::default());
    let (sink, written) = Sink::start();
    let outcome = tokio::select! {
        outcome = read(access, &options, &sum, sink) => outcome,
        _ = tokio::signal::ctrl_c() => Err(Failure::interrupted()),
    };
    // What standard output says about itself is the reason for what the readers say.
    let interrupted = outcome.as_ref().is_err_and(|failure| failure.exit == Exit::Interrupted);
    match interrupted {
        false => written.finished().await?,
        true => tokio::time::timeout(LAST_WRITES, written.finished()).await.unwrap_or(Ok(()))?,
    }
    if options.format == Format::Count && (outcome.is_ok() || interrupted) {
        let wall_s = (started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        output::print_json(&json!({ "records": sum.records(), "bytes": sum.bytes(), "wall_s": wall_s }))?;
    }
    told(&outcome?)
}

/// Reads all, and gives what was lost.
async fn read(
    access: &Access,
    options: &ReadOptions,
    sum: &Arc<Sum>,
    sink: Sink,
) -> Result<Vec<Loss>, Failure> {
    let login::Opened { config, text, followed: _followed } = login::open(access).await?;
    let how = how(options, text.secret_bytes())?;
    drop(text);
    let cluster = Cluster::connect(config.clone()).await?;
    let ranges = plan::ranges(&cluster, options, how.isolation_level()).await?;
    let length = (options.to != End::Never).then(|| ranges.iter().map(length).sum());
    let _progress = Progress::begin(length, options.format != Format::Count, sum);
    let mut growth = JoinSet::new();
    if options.to == End::Never && options.partition.is_empty() {
        let known = ranges.iter().map(|range| range.topic_partition.partition).collect();
        growth.spawn(grown::tell(cluster.clone(), Arc::from(options.topic.as_str()), known));
    }
    let mut readers = JoinSet::new();
    for (n, ranges) in plan::shares(ranges, options.executors.into()).into_iter().enumerate() {
        let cluster = if n == 0 { Ok(cluster.clone()) } else { Err(config.clone()) };
        let share = Share { ranges, options: how.clone(), lines: Lines::new(options.format) };
        let (sum, sink) = (Arc::clone(sum), sink.clone());
        readers.spawn(async move {
            let cluster = match cluster {
                Ok(cluster) => cluster,
                Err(config) => Cluster::connect(config).await?,
            };
            share.read(cluster, &sum, &sink).await
        });
    }
    let mut losses = Vec::new();
    while let Some(ended) = readers.join_next().await {
        let ended = ended.map_err(|_| Failure::failed("a reader broke"))?;
        losses.extend(ended?);
    }
    Ok(losses)
}

/// What one reader reads, and how it prints it.
struct Share {
    ranges: Vec<OffsetRange>,
    options: ottla::ReadOptions,
    lines: Lines,
}

impl Share {
    async fn read(mut self, cluster: Cluster, sum: &Sum, sink: &Sink) -> Result<Vec<Loss>, Failure> {
        let mut reader = cluster.read(self.ranges, self.options);
        let mut decoder = Decoder::new();
        while let Some(chunk) = reader.next().await? {
            let text = self.lines.of(&chunk, &mut decoder, sum)?;
            drop(chunk);
            if !text.is_empty() {
                sink.send(text).await?;
            }
        }
        Ok(reader.losses().to_vec())
    }
}

fn length(range: &OffsetRange) -> u64 {
    u64::try_from(range.until.saturating_sub(range.from)).unwrap_or(0)
}

/// How to read: as the configuration says, unless the command line says something else.
fn how(options: &ReadOptions, text: &[u8]) -> Result<ottla::ReadOptions, Failure> {
    let configured = ottla::ReadOptions::from_properties(text).map_err(ottla::Error::from)?;
    let on_data_loss = if options.skip_lost { OnDataLoss::Skip } else { OnDataLoss::Fail };
    let how = configured.with_data_loss(on_data_loss);
    Ok(match options.isolation {
        None => how,
        Some(Isolation::ReadUncommitted) => how.with_isolation_level(IsolationLevel::ReadUncommitted),
        Some(Isolation::ReadCommitted) => how.with_isolation_level(IsolationLevel::ReadCommitted),
    })
}

/// Tells of every loss; one is enough for an exit code of its own.
fn told(losses: &[Loss]) -> Result<(), Failure> {
    for Loss { topic_partition, offsets, reason, .. } in losses {
        let last = offsets.end.saturating_sub(1).max(offsets.start);
        say(&format!("lost: {topic_partition}, offsets {} to {last}: {reason}", offsets.start));
    }
    match losses.len() {
        0 => Ok(()),
        n => Err(Failure::new(Exit::DataLoss, format!("{n} ranges of records are no longer there"))),
    }
}
