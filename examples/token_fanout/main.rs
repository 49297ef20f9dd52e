//! The main job: log in once, make a delegation token, let executors in other processes read
//! topic partitions with it, and check that every record was read exactly once.
//!
//! Without arguments it starts a real Kafka on loopback (it needs Java and Maven) and has Java
//! write what the executors then read. `--help` has the rest.

mod arguments;
mod driver;
mod executor;
mod message;
#[path = "../program/mod.rs"]
mod program;
mod report;

use std::process::ExitCode;

use arguments::{Arguments, Role};

fn main() -> ExitCode {
    let arguments = Arguments::parse(std::env::args().skip(1));
    program::run("token_fanout", arguments::HELP, arguments, async |arguments| {
        match arguments.role {
            Role::Driver => driver::run(arguments).await?,
            Role::Executor => executor::run(arguments).await?,
        }
        Ok(ExitCode::SUCCESS)
    })
}
