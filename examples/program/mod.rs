//! How a program begins and ends: its command line, a runtime, an exit code.

use std::error::Error;
use std::process::ExitCode;

/// Runs a program by its parsed command line, or helps.
pub(crate) fn run<A, F>(
    name: &str,
    help: &str,
    arguments: Result<Option<A>, String>,
    program: impl FnOnce(A) -> F,
) -> ExitCode
where
    F: Future<Output = Result<ExitCode, Box<dyn Error + Send + Sync>>>,
{
    let arguments = match arguments {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            print!("{help}");
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("{name}: {why}; see --help");
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{name}: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(program(arguments)).unwrap_or_else(|error| {
        eprintln!("{name}: {}", ottla::explained(error.as_ref()));
        ExitCode::FAILURE
    })
}
