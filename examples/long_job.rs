//! A job that outlives its tokens: real Kafka with tokens of thirty seconds, a driver that keeps
//! one alive, and eight executors in processes of their own that read all the time and get each
//! token from a file.
//!
//! `cargo run --release --example long_job [SECONDS]`, 180 if nothing is said. Prints the life of
//! each token and, as its last line, how many reads failed and how many connections were lost.
#![expect(clippy::disallowed_methods, reason = "a program of its own, with a clock of its own")]

use std::error::Error;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use ottla::{
    AtShutdown, Cluster, Config, Credentials, Decoder, FollowedTokenFile, IsolationLevel, OffsetAt,
    OffsetRange, ReadOptions, RunningKeeper, ScramMechanism, Security, Target, TcpConnector, TokenKeeper,
    write_secret_file,
};
use ottla_lab::{Listener, Profile};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::time::Instant;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const EXECUTORS: usize = 8;
const TOPIC: &str = "long-job";
/// How soon an executor sees that there is another token in the file.
const LOOK: Duration = Duration::from_millis(200);

#[tokio::main]
async fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.as_slice() {
        [word, file, seconds, names] if word == "--executor" => {
            execute(Path::new(file), Duration::from_secs(seconds.parse()?), names).await
        }
        [] => drive(Duration::from_secs(180)).await,
        [seconds] => drive(Duration::from_secs(seconds.parse()?)).await,
        _ => Err("long_job [SECONDS]".into()),
    }
}

/// Opens connections to the lab's names, as `name=address,..` gives them.
fn connector(names: &str) -> Outcome<TcpConnector> {
    let mut connector = TcpConnector::new();
    for pair in names.split(',') {
        let (name, address) = pair.split_once('=').ok_or("name=address")?;
        connector = connector.with_name(name, address.parse()?);
    }
    Ok(connector)
}

async fn drive(length: Duration) -> Outcome<()> {
    println!("driver: starting Apache Kafka with tokens of 30 s on loopback");
    let lab = tokio::task::spawn_blocking(stage).await??;
    let names: Vec<String> = lab.names().iter().map(|(name, at)| format!("{name}={at}")).collect();
    let names = names.join(",");
    let (mechanism, user, password) = (ScramMechanism::Sha512, "alice".to_owned(), "alice-secret".into());
    let credentials = Credentials::Scram { mechanism, user, password };
    let bootstrap = lab.bootstrap(Listener::SaslPlaintext).parse()?;
    let admin = Config::new(bootstrap, Security::Plaintext, credentials).with_connector(connector(&names)?);
    let target = Target::of(&admin);
    let keeper = TokenKeeper::new(admin, target.clone()).start().await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("token");
    write_secret_file(&file, &target.token_file(&keeper.source().current())?)?;
    let started = Instant::now();
    tell(&keeper, started);
    let mut executors = Vec::new();
    for _ in 0..EXECUTORS {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--executor").arg(&file).arg(length.as_secs().to_string()).arg(&names);
        executors.push(command.stdout(Stdio::piped()).kill_on_drop(true).spawn()?);
    }
    let mut source = keeper.source();
    while let Ok(token) = tokio::time::timeout_at(started + length, source.changed()).await {
        write_secret_file(&file, &target.token_file(&token)?)?;
        tell(&keeper, started);
    }
    let mut totals = [0; 4];
    for executor in executors {
        let report = report(executor).await?;
        totals.iter_mut().zip(report).for_each(|(total, count)| *total += count);
    }
    keeper.shutdown(AtShutdown::Expire).await?;
    let [reads, logins, failures, reconnects] = totals;
    println!("executors: {reads} reads of the whole topic, {logins} logins on live connections");
    println!("failed reads: {failures}, reconnects: {reconnects}");
    if failures + reconnects == 0 { Ok(()) } else { Err("the job noticed that its tokens changed".into()) }
}

/// Starts Kafka and has Java write a topic.
fn stage() -> Outcome<ottla_lab::Cluster> {
    let lab = ottla_lab::cluster(Profile::ShortToken)?;
    lab.admin(&["create-topic", TOPIC, "8", "1"])?;
    for operation in ["READ", "DESCRIBE"] {
        lab.admin(&["allow", "User:alice", operation, "TOPIC", TOPIC])?;
    }
    let properties = lab.client_properties_file(Listener::Plaintext, &ottla_lab::Login::Nobody)?;
    let topic = format!("topic={TOPIC}");
    let properties = properties.display().to_string();
    lab.java_answer("Produce", &[&properties, &topic, "count=20000", "partitions=8", "value_bytes=100"])?;
    Ok(lab)
}

fn tell(keeper: &RunningKeeper, started: Instant) {
    let state = keeper.state();
    let epoch = state.epoch.map_or(0, |epoch| epoch.renewals);
    println!(
        "{:6.1} s: token {}, renewal {epoch}, lives for {:.1} s more",
        started.elapsed().as_secs_f64(),
        state.token_id,
        state.expires_in.as_secs_f64()
    );
}

/// Reads, logins, failures and reconnects, as an executor printed them.
async fn report(mut executor: Child) -> Outcome<[u64; 4]> {
    let mut line = String::new();
    if let Some(mut pipe) = executor.stdout.take() {
        pipe.read_to_string(&mut line).await?;
    }
    let status = executor.wait().await?;
    let numbers: Result<Vec<u64>, _> = line.split_whitespace().map(str::parse).collect();
    let numbers = numbers.ok().and_then(|numbers| numbers.try_into().ok());
    numbers.ok_or_else(|| format!("an executor ended with {status}").into())
}

/// Reads the whole topic again and again, by the tokens of the file.
async fn execute(file: &Path, length: Duration, names: &str) -> Outcome<()> {
    let followed = FollowedTokenFile::open_with(file, LOOK).await?;
    let cluster = Cluster::connect(followed.config().with_connector(connector(names)?)).await?;
    let started = Instant::now();
    let (mut reads, mut failures) = (0, 0);
    read(&cluster).await?;
    let connections = cluster.statistics().connections;
    while started.elapsed() < length {
        match read(&cluster).await {
            Ok(_) => reads += 1,
            Err(error) => {
                eprintln!("executor: {error:?}");
                failures += 1;
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let statistics = cluster.statistics();
    let reconnects = statistics.connections - connections;
    println!("{reads} {} {failures} {reconnects}", statistics.reauthentications);
    Ok(())
}

async fn read(cluster: &Cluster) -> Result<u64, ottla::Error> {
    let partitions = cluster.partitions(TOPIC).await?;
    let ends = cluster.list_offsets(&partitions, OffsetAt::Latest, IsolationLevel::default()).await?;
    let ranges = ends.into_iter().map(|(partition, end)| OffsetRange::new(partition, 0, end)).collect();
    let (mut reader, mut decoder, mut count) = (cluster.read(ranges, ReadOptions::new()), Decoder::new(), 0);
    while let Some(chunk) = reader.next().await? {
        chunk.for_each_record::<ottla::Error>(&mut decoder, |_| {
            count += 1;
            Ok(())
        })?;
    }
    Ok(count)
}
