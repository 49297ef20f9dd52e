//! The main job on one machine with nothing installed: three Kafka brokers inside this process, a
//! driver that makes a delegation token, and eight executors that read twelve partitions with it.
//!
//! `cargo run --release --example quickstart` takes about a quarter of a minute and leaves nothing
//! behind. `--help` says how to run it against a cluster of yours.

mod arguments;
mod driver;
mod executor;
mod ledger;
mod life;
mod show;
mod stage;
mod table;

use std::process::ExitCode;

use arguments::Arguments;
use driver::Ending;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            print!("{}", arguments::HELP);
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("quickstart: {why}; see --help");
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("quickstart: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(driver::run(&arguments)) {
        Ok(Ending::Complete) => ExitCode::SUCCESS,
        Ok(Ending::Incomplete) => ExitCode::FAILURE,
        Ok(Ending::Interrupted) => ExitCode::from(130),
        Err(error) => {
            eprintln!("quickstart: {}", ottla::explained(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
