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
#[path = "../program/mod.rs"]
mod program;
mod show;
mod stage;
mod table;

use std::process::ExitCode;

use arguments::Arguments;
use driver::Ending;

fn main() -> ExitCode {
    let arguments = Arguments::parse(std::env::args().skip(1));
    program::run("quickstart", arguments::HELP, arguments, async |arguments| {
        Ok(match driver::run(&arguments).await? {
            Ending::Complete => ExitCode::SUCCESS,
            Ending::Incomplete => ExitCode::FAILURE,
            Ending::Interrupted => ExitCode::from(130),
        })
    })
}
