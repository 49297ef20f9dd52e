//! The driver: it logs in, makes the token, hands it out, and adds up what came back.
#![expect(clippy::disallowed_methods, reason = "a program of its own, with a clock of its own")]

use std::error::Error;
use std::io::Read;
use std::process::Stdio;

use ottla::ids::TopicPartition;
use ottla::{
    AtShutdown, Bootstrap, Cluster, Config, Credentials, IsolationLevel, Kerberos, OffsetAt, OffsetRange,
    ScramMechanism, Security, Target, Tls, Token, TokenKeeper, TokenSource,
};
use ottla_lab::{Listener, Profile, Tally};
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::arguments::{Arguments, Login};
use crate::executor::{self, connector};
use crate::message::Message;
use crate::report::Report;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What there is to read, and how.
struct Job {
    admin: Config,
    target: Target,
    topic: String,
    /// What Java wrote, where Java was asked to.
    written: Option<Tally>,
}

pub(crate) async fn run(mut arguments: Arguments) -> Outcome<()> {
    let job = match arguments.config.clone() {
        Some(_) => from_config(&arguments)?,
        None => {
            let (job, names) = tokio::task::spawn_blocking(move || on_the_lab(&arguments)).await??;
            arguments = names;
            job
        }
    };
    let admin = job.admin.clone().with_connector(connector(&arguments.resolve));
    let target = job.target.clone().with_connector(connector(&arguments.resolve));
    // It is handed out when every broker of the target takes it.
    let keeper = TokenKeeper::new(admin, target).start().await?;
    let token = keeper.source().current();
    let readiness = keeper.state().readiness;
    let admin = keeper.state().admin;
    println!("driver: token {} of {}, taken by all brokers after {readiness:.2?}", token.id(), owner(&token));
    println!("connections: driver {}", admin.connections);
    println!("logins: driver {}, by what must not travel", admin.logins);
    let outcome = fan_out(&arguments, &job, &token).await;
    keeper.shutdown(AtShutdown::Expire).await?;
    println!("driver: token {} is deleted", token.id());
    outcome
}

async fn fan_out(arguments: &Arguments, job: &Job, token: &Token) -> Outcome<()> {
    let ranges = ranges(arguments, job, token).await?;
    let expected: i64 = ranges.iter().map(|range| range.until - range.from).sum();
    println!("driver: {} partitions, {expected} offsets", ranges.len());
    let executors = arguments.executors.min(ranges.len().max(1));
    let token_file = job.target.token_file(token)?;
    let started = tokio::time::Instant::now();
    let mut running = JoinSet::new();
    for n in 0..executors {
        let ranges = ranges.iter().skip(n).step_by(executors).cloned().collect();
        let message = Message { token_file: token_file.clone(), ranges };
        let arguments = arguments.clone();
        running
            .spawn(async move { execute(n, message, &arguments).await.map_err(|error| error.to_string()) });
    }
    let mut total = Report::default();
    while let Some(report) = running.join_next().await {
        total.add(&report??);
    }
    println!("executors: {} records in {:.2?}", total.tally.count, started.elapsed());
    println!("connections: executors {}", total.connections);
    println!("logins: executors {} by token", total.logins);
    println!("requests: executors {}", total.requests);
    judge(job, &total, executors, expected)
}

fn judge(job: &Job, total: &Report, executors: usize, expected: i64) -> Outcome<()> {
    if total.complete != executors as u64 {
        return Err("a range was not read to its end".into());
    }
    let Some(written) = job.written else {
        println!("read: {} records of {expected} offsets", total.tally.count);
        return Ok(());
    };
    if total.tally != written || i64::try_from(written.count) != Ok(expected) {
        return Err(format!(
            "Java wrote {written:?}, {expected} offsets; the executors read {:?}",
            total.tally
        )
        .into());
    }
    println!("checked: count, bytes and checksum are those of what Java wrote");
    Ok(())
}

/// Finds the ranges to read, with the token.
async fn ranges(arguments: &Arguments, job: &Job, token: &Token) -> Result<Vec<OffsetRange>, ottla::Error> {
    let config = job.target.config(TokenSource::fixed(token.clone()));
    let cluster = Cluster::connect(config.with_connector(connector(&arguments.resolve))).await?;
    let partitions = cluster.partitions(job.topic.as_str()).await?;
    let isolation = IsolationLevel::ReadUncommitted;
    let from = cluster.list_offsets(&partitions, OffsetAt::Earliest, isolation).await?;
    let until = cluster.list_offsets(&partitions, OffsetAt::Latest, isolation).await?;
    let range = |topic_partition: TopicPartition| {
        let (from, until) = (*from.get(&topic_partition)?, *until.get(&topic_partition)?);
        Some(OffsetRange::new(topic_partition, from, until))
    };
    Ok(partitions.into_iter().filter_map(range).filter(|range| range.from < range.until).collect())
}

/// Has one executor read its ranges, in a process of its own.
async fn execute(n: usize, message: Message, arguments: &Arguments) -> Outcome<Report> {
    if arguments.alone {
        return executor::read(message, &arguments.resolve).await;
    }
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--executor").stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    for (name, address) in &arguments.resolve {
        command.arg("--resolve").arg(format!("{name}={address}"));
    }
    let mut process = command.spawn()?;
    if let Some(pipe) = process.stdin.take() {
        message.send(pipe).await?;
    }
    let mut line = String::new();
    if let Some(mut pipe) = process.stdout.take() {
        pipe.read_to_string(&mut line).await?;
    }
    let status = process.wait().await?;
    if !status.success() {
        return Err(format!("executor {n} ended with {status}").into());
    }
    Ok(line.parse()?)
}

fn owner(token: &Token) -> String {
    token.owner().map_or_else(|| "an unknown owner".to_owned(), ToString::to_string)
}

fn from_config(arguments: &Arguments) -> Outcome<Job> {
    let (Some(file), Some(topic)) = (&arguments.config, &arguments.topic) else {
        return Err("--config and --topic are needed".into());
    };
    let (admin, warnings) = match file.as_os_str() == "-" {
        true => {
            let mut text = Vec::new();
            std::io::stdin().lock().take(1 << 20).read_to_end(&mut text)?;
            Config::from_properties(&text)?
        }
        false => Config::from_file(file)?,
    };
    for warning in warnings {
        eprintln!("token_fanout: {}: {warning}", file.display());
    }
    let mut target = Target::of(&admin);
    if let Some(bootstrap) = &arguments.target_bootstrap {
        target = target.with_bootstrap(bootstrap.parse()?);
    }
    match arguments.target_protocol.as_deref() {
        None | Some("SASL_SSL") => {}
        Some("SASL_PLAINTEXT") => target = target.with_security(Security::Plaintext),
        Some(other) => return Err(format!("--target-protocol {other}: SASL_SSL or SASL_PLAINTEXT").into()),
    }
    let target = target.with_mechanism(arguments.mechanism);
    Ok(Job { admin, target, topic: topic.clone(), written: None })
}

/// Starts a real Kafka and has Java write a topic of 12 partitions.
fn on_the_lab(arguments: &Arguments) -> Outcome<(Job, Arguments)> {
    println!("lab: starting Apache Kafka on loopback");
    let profile = if arguments.login == Login::Kerberos { Profile::Kerberos } else { Profile::Default };
    let lab = ottla_lab::cluster(profile)?;
    let topic = format!("fanout-{}", std::process::id());
    lab.admin(&["create-topic", &topic, "12", "3"])?;
    for operation in ["READ", "DESCRIBE"] {
        lab.admin(&["allow", "User:alice", operation, "TOPIC", &topic])?;
    }
    let properties = lab.client_properties_file(Listener::Plaintext, &ottla_lab::Login::Nobody)?;
    let properties = properties.display().to_string();
    let (topic_word, count) = (format!("topic={topic}"), format!("count={}", arguments.records));
    let words = [properties.as_str(), &topic_word, &count, "partitions=12", "value_bytes=100", "key_bytes=8"];
    let line = lab.java_answer("Produce", &words)?;
    let written = Tally::parse(&line).ok_or("Java's tally cannot be read")?;
    println!("lab: Java wrote {} records", written.count);
    let roots = || Tls::builder().with_roots_file(lab.ca_pem_path());
    let (listener, tls, credentials) = match arguments.login {
        Login::Scram => (Listener::SaslSsl, roots().build()?, alice()),
        Login::Mtls => {
            let (chain, key) = lab.certificate("alice");
            (Listener::Ssl, roots().with_identity_files(chain, key).build()?, Credentials::None)
        }
        Login::Kerberos => {
            let realms = lab.kerberos()?;
            let login = Kerberos::keytab("alice@EXAMPLE.TEST", realms.keytab("alice"));
            let login = login.with_krb5_conf(realms.krb5_conf());
            (Listener::SaslSsl, roots().build()?, Credentials::Kerberos(login))
        }
    };
    let bootstrap: Bootstrap = lab.bootstrap(listener).parse()?;
    let admin = Config::new(bootstrap, Security::Tls(tls), credentials);
    let target = match arguments.target_protocol.as_deref() {
        Some("SASL_PLAINTEXT") => {
            Target::new(lab.bootstrap(Listener::SaslPlaintext).parse()?, Security::Plaintext)
        }
        _ => Target::new(lab.bootstrap(Listener::SaslSsl).parse()?, Security::Tls(roots().build()?)),
    };
    let target = target.with_mechanism(arguments.mechanism);
    let mut arguments = arguments.clone();
    arguments.resolve.extend(lab.names());
    Ok((Job { admin, target, topic, written: Some(written) }, arguments))
}

fn alice() -> Credentials {
    let (user, password) = ("alice".to_owned(), "alice-secret".into());
    Credentials::Scram { mechanism: ScramMechanism::Sha512, user, password }
}
