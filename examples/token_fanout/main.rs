//! The main job: log in once, make a delegation token, let executors in other processes read
//! topic partitions with it, and check that every record was read exactly once.
//!
//! Without arguments it starts a real Kafka on loopback (it needs Java and Maven) and has Java
//! write what the executors then read. `--help` has the rest.

mod arguments;
mod driver;
mod executor;
mod message;
mod report;

use std::process::ExitCode;

use arguments::{Arguments, Role};

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            print!("{}", arguments::HELP);
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("token_fanout: {why}; see --help");
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("token_fanout: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        match arguments.role {
            Role::Driver => driver::run(arguments).await,
            Role::Executor => executor::run(arguments).await,
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("token_fanout: {}", ottla::explained(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
