//! `ottla`: Kafka from a shell, with delegation tokens.
//!
//! ```text
//!   arguments ──► input (files, checked) ──► login (Config, Cluster) ──► token · read · write · topics · kerberos
//!                                                                            │
//!   exit code ◄── failure ◄──────────────────────────────────────────────────┴──► output
//! ```
//! No command prints a secret unless it was asked to, and none takes one as an argument.
#![forbid(unsafe_code)]

mod arguments;
mod completions;
mod failure;
mod input;
mod kerberos;
mod login;
mod moment;
mod output;
mod progress;
mod read;
mod sum;
mod token;
mod topic;
mod topics;
mod warnings;
mod write;

use std::process::ExitCode;
use std::time::Instant;

use arguments::{Arguments, Command};
use clap::Parser;
use failure::Failure;
use ottla::secret::file::FileRules;

fn main() -> ExitCode {
    // Asked for help or wrong, clap prints, and ends with 0 or 2.
    let arguments = Arguments::parse();
    warnings::tell();
    arguments.access.file_owner.iter().copied().for_each(FileRules::trust_owner);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::failed(format!("cannot start threads: {error}")).report(),
    };
    let outcome = runtime.block_on(run(arguments));
    // A thread that is stuck in a pipe nobody reads must not hold the end up.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

async fn run(Arguments { access, command }: Arguments) -> Result<(), Failure> {
    match command {
        // These two end by themselves, so that what was read is not lost.
        Command::Read(options) => read::run(&access, options).await,
        Command::Write(options) => write::run(&access, options).await,
        Command::Token(command) => interruptible(token::run(&access, command)).await,
        Command::Topics(command) => interruptible(topics::run(&access, command)).await,
        Command::Kerberos(command) => interruptible(kerberos::run(&access, command)).await,
        Command::Completions { shell } => completions::print(shell),
    }
}

#[expect(clippy::disallowed_methods, reason = "how long it took is printed")]
fn now() -> Instant {
    Instant::now()
}

async fn interruptible(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::select! {
        outcome = work => outcome,
        _ = tokio::signal::ctrl_c() => Err(Failure::interrupted()),
    }
}
