//! `ottla write`: lines, or records that are made up, into a topic.
//!
//! ```text
//!   standard input ──► lines (one thread) ──► record ──► writer ──► brokers
//! ```

mod lines;
mod record;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ottla::{Cluster, ErrorKind, NewRecord, TopicWriter, Writer};
use serde_json::json;
use tokio::sync::Notify;

use self::lines::Lines;
use self::record::OwnedRecord;
use crate::arguments::Access;
use crate::arguments::write::{Compression, WriteOptions};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::sum::Sum;
use crate::{login, output, topic};

/// How long what was read already may take to be written after Ctrl-C, or when records were late.
const LAST_WRITES: Duration = Duration::from_secs(5);

pub(crate) async fn run(access: &Access, options: WriteOptions) -> Result<(), Failure> {
    if reads_twice(access, &options) {
        return Err(Failure::usage("standard input cannot be both the configuration and the records"));
    }
    let started = crate::now();
    let login::Opened { config, text, followed: _followed } = login::open(access).await?;
    let how = how(access, &options, text.secret_bytes())?;
    drop(text);
    let cluster = Cluster::connect(config).await?;
    topic::partitions(&cluster, &options.topic).await?;
    let taken = Arc::new(Sum::default());
    let written = Arc::new(Sum::default());
    let (counted, late) = (Arc::clone(&written), Arc::new(Late::default()));
    let is_late = Arc::clone(&late);
    let writer = cluster.write(how.with_batch_listener(move |batch| match &batch.base_offset {
        Ok(_) => counted.add(batch.records.into(), 0, batch.records.into()),
        Err(error) => is_late.take_note(error),
    }));
    let topic = writer.topic(&options.topic).await?;
    let progress = Progress::begin(options.count, false, &taken);
    let end = tokio::select! {
        read = send_all(&topic, &options, &taken) => End::Read(read),
        _ = tokio::signal::ctrl_c() => End::Interrupted,
        error = late.error() => End::Late(error),
    };
    let interrupted = matches!(end, End::Interrupted);
    // What was taken is written, whatever came then.
    let failure = match end {
        End::Read(read) => {
            let closed = writer.close().await;
            read.and_then(|()| closed.map_err(|error| failed(error, &taken, &written)))
        }
        End::Interrupted => {
            let in_doubt = ends_in_doubt(&writer).await;
            Err(Failure::interrupted().while_at(share(&taken, &written, in_doubt)))
        }
        End::Late(error) => {
            let in_doubt = ends_in_doubt(&writer).await;
            let in_doubt = in_doubt || error.possibly_written();
            Err(Failure::from(error).while_at(share(&taken, &written, in_doubt)))
        }
    };
    drop(progress);
    if failure.is_ok() || interrupted {
        let wall_s = (started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        output::print_json(
            &json!({ "records": written.records(), "bytes": taken.bytes(), "wall_s": wall_s }),
        )?;
    }
    failure
}

/// How the taking of records ended.
enum End {
    Read(Result<(), Failure>),
    Interrupted,
    /// Records could not be delivered in time, and more would fare no better.
    Late(ottla::Error),
}

/// The first failure by time.
#[derive(Default)]
struct Late {
    error: OnceLock<ottla::Error>,
    told: Notify,
}

impl Late {
    fn take_note(&self, error: &ottla::Error) {
        if error.kind() == ErrorKind::Timeout && self.error.set(error.clone()).is_ok() {
            self.told.notify_one();
        }
    }

    async fn error(&self) -> ottla::Error {
        loop {
            match self.error.get() {
                Some(error) => return error.clone(),
                None => self.told.notified().await,
            }
        }
    }
}

/// Gives what was taken a little time to be written, and says whether more may be than is known.
async fn ends_in_doubt(writer: &Writer) -> bool {
    let closed = tokio::time::timeout(LAST_WRITES, writer.close()).await;
    closed.map_or(true, |closed| closed.is_err_and(|error| error.possibly_written()))
}

fn reads_twice(access: &Access, options: &WriteOptions) -> bool {
    let is_stdin =
        |file: &Option<std::path::PathBuf>| file.as_ref().is_some_and(|file| file.as_os_str() == "-");
    options.count.is_none() && (is_stdin(&access.config) || is_stdin(&access.token_file))
}

fn failed(error: ottla::Error, taken: &Sum, written: &Sum) -> Failure {
    let in_doubt = error.possibly_written();
    Failure::from(error).while_at(share(taken, written, in_doubt))
}

fn share(taken: &Sum, written: &Sum, in_doubt: bool) -> String {
    let (taken, written) = (taken.records(), written.records());
    let doubt = if in_doubt { ", and more may be" } else { "" };
    format!("{written} of {taken} records are written{doubt}")
}

/// How to write: as the configuration says, unless the command line says something else.
fn how(access: &Access, options: &WriteOptions, text: &[u8]) -> Result<ottla::WriteOptions, Failure> {
    let mut configured = ottla::WriteOptions::from_properties(text).map_err(ottla::Error::from)?;
    if let Some(timeout) = access.timeout {
        configured = configured.with_delivery_timeout(timeout);
    }
    let codec = match options.compression {
        None => return Ok(configured),
        Some(Compression::None) => ottla::Codec::Uncompressed,
        Some(Compression::Gzip) => ottla::Codec::Gzip,
        Some(Compression::Snappy) => ottla::Codec::Snappy,
        Some(Compression::Lz4) => ottla::Codec::Lz4,
        Some(Compression::Zstd) => ottla::Codec::Zstd,
    };
    Ok(configured.with_codec(codec))
}

async fn send_all(topic: &TopicWriter, options: &WriteOptions, taken: &Sum) -> Result<(), Failure> {
    match options.count.zip(options.size) {
        Some((count, size)) => send_made_up(topic, count, size, taken).await,
        None => send_lines(topic, options, taken).await,
    }
}

/// Values that count up, so that no two are alike and none packs to nothing.
async fn send_made_up(topic: &TopicWriter, count: u64, size: u32, taken: &Sum) -> Result<(), Failure> {
    let size = usize::try_from(size).unwrap_or(0);
    let mut value = Vec::with_capacity(size + 32);
    for number in 0..count {
        value.clear();
        let mut state = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        while value.len() < size {
            state = (state ^ (state >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            value.extend_from_slice(format!("{state:016x}").as_bytes());
        }
        value.truncate(size);
        topic.send(NewRecord::value(&value)).await?;
        taken.add(1, size as u64, 1);
    }
    Ok(())
}

async fn send_lines(topic: &TopicWriter, options: &WriteOptions, taken: &Sum) -> Result<(), Failure> {
    let mut lines = Lines::start();
    let mut number = 0_u64;
    while let Some(text) = lines.next().await? {
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            number += 1;
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let record = OwnedRecord::read(line, options)
                .map_err(|why| Failure::failed(format!("line {number} of standard input: {why}")))?;
            let headers = record.headers();
            topic.send(record.borrowed(&headers)).await?;
            taken.add(1, record.len_bytes(), 1);
        }
    }
    Ok(())
}
