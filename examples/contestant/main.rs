//! Reads or writes a whole topic and prints what that cost, for runs side by side with other
//! clients: `contestant read BOOTSTRAP TOPIC`, `contestant write BOOTSTRAP TOPIC COUNT VALUE_BYTES`.
//!
//! Written are records without keys, until all are acknowledged. All partitions are read from their earliest offset to the end that they have at the start. The
//! lengths of keys and values are summed, the first bytes of the values XORed, so that runs of
//! different clients can be compared. `PB_CODEC` packs what is written; `PB_CA` names a file with the CA certificates of a TLS
//! listener; `PB_RT=2` runs on two threads in place of one, which costs more and takes less time.

mod text;

use std::error::Error;
use std::time::Instant;

use ottla::{
    Bootstrap, Chunk, Cluster, Codec, Config, Credentials, Decoder, IsolationLevel, NewRecord, OffsetAt,
    OffsetRange, ReadOptions, Security, Tls, WriteOptions,
};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What the records add up to.
#[derive(Default)]
struct Sum {
    records: u64,
    bytes: u64,
    xor: u8,
}

impl Sum {
    fn touch(&mut self, key: usize, value: &[u8]) {
        self.records += 1;
        self.bytes += (key + value.len()) as u64;
        self.xor ^= value.first().copied().unwrap_or(0);
    }

    fn add(&mut self, chunk: &Chunk, decoder: &mut Decoder) -> Result<(), ottla::Error> {
        chunk.for_each_record(decoder, |record| {
            self.touch(record.key.map_or(0, <[u8]>::len), record.value.unwrap_or_default());
            Ok(())
        })
    }
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["read", bootstrap, topic] => run("read", read(bootstrap.to_owned(), topic.to_owned())),
        ["write", bootstrap, topic, count, length] => {
            let size = (count.parse()?, length.parse()?);
            run("write", write(bootstrap.to_owned(), topic.to_owned(), size))
        }
        _ => {
            eprintln!(
                "usage: contestant read BOOTSTRAP TOPIC | contestant write BOOTSTRAP TOPIC COUNT VALUE_BYTES"
            );
            std::process::exit(2);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "to measure takes a clock")]
fn run(what: &str, work: impl Future<Output = Outcome<Sum>> + Send + 'static) -> Outcome<()> {
    let start = Instant::now();
    let two_threads = std::env::var("PB_RT").is_ok_and(|value| value == "2");
    let runtime = match two_threads {
        true => tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?,
        false => tokio::runtime::Builder::new_current_thread().enable_all().build()?,
    };
    // Spawned, so that all tasks run on the workers and hand over without a change of thread.
    let sum = runtime.block_on(async { tokio::spawn(work).await })??;
    report(what, &sum, start.elapsed().as_secs_f64());
    Ok(())
}

async fn connect(bootstrap: &str) -> Outcome<Cluster> {
    let security = match std::env::var("PB_CA") {
        Ok(file) => Security::Tls(Tls::builder().with_roots_file(file).build()?),
        Err(_) => Security::Plaintext,
    };
    let bootstrap: Bootstrap = bootstrap.parse()?;
    Ok(Cluster::connect(Config::new(bootstrap, security, Credentials::None)).await?)
}

async fn write(bootstrap: String, topic: String, (count, length): (usize, usize)) -> Outcome<Sum> {
    let codec = match std::env::var("PB_CODEC").as_deref() {
        Ok("gzip") => Codec::Gzip,
        Ok("snappy") => Codec::Snappy,
        Ok("lz4") => Codec::Lz4,
        Ok("zstd") => Codec::Zstd,
        _ => Codec::Uncompressed,
    };
    let writer = connect(&bootstrap).await?.write(WriteOptions::new().with_codec(codec));
    let topic = writer.topic(&topic).await?;
    let (mut sum, text) = (Sum::default(), text::Text::new());
    for number in 0..count {
        let value = text.value(number, length);
        sum.touch(0, value);
        topic.send(NewRecord::value(value)).await?;
    }
    writer.flush().await?;
    Ok(sum)
}

async fn read(bootstrap: String, topic: String) -> Outcome<Sum> {
    let cluster = connect(&bootstrap).await?;
    let partitions = cluster.partitions(topic).await?;
    let level = IsolationLevel::ReadUncommitted;
    let from = cluster.list_offsets(&partitions, OffsetAt::Earliest, level).await?;
    let until = cluster.list_offsets(&partitions, OffsetAt::Latest, level).await?;
    let ranges = partitions.into_iter().filter_map(|partition| {
        let (from, until) = (*from.get(&partition)?, *until.get(&partition)?);
        Some(OffsetRange::new(partition, from, until))
    });
    let mut reader = cluster.read(ranges.collect(), ReadOptions::new());
    let (mut sum, mut decoder) = (Sum::default(), Decoder::new());
    while let Some(chunk) = reader.next().await? {
        sum.add(&chunk, &mut decoder)?;
    }
    Ok(sum)
}

fn report(what: &str, sum: &Sum, wall: f64) {
    let (user, system) = cpu_seconds().unwrap_or_default();
    println!(
        r#"{{"contestant":"ottla","op":"{what}","records":{},"bytes":{},"xor":{},"wall_s":{wall:.3},"cpu_user_s":{user:.3},"cpu_sys_s":{system:.3},"peak_rss_mb":{:.1}}}"#,
        sum.records,
        sum.bytes,
        sum.xor,
        peak_rss_mb().unwrap_or_default()
    );
}

/// User and system time of this process, as Linux counts it: in hundredths of a second.
fn cpu_seconds() -> Option<(f64, f64)> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || Some(fields.next()?.parse::<f64>().ok()? / 100.0);
    Some((next()?, next()?))
}

fn peak_rss_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").trim().parse::<f64>().ok()? / 1024.0)
}
