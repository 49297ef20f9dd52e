//! Programs that run for a bounded time, and die with the thread that started them.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::deadline::Deadline;
use crate::error::{Context, Error, Result};

/// A command that the kernel kills when the *thread* that spawned it ends, and so with its process.
pub(crate) fn bound_to_this_thread(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program).stdin(Stdio::null());
    command
}

/// Refuses to go on without the programs that the lab runs, and says which package has them.
pub(crate) fn require_programs() -> Result<()> {
    let needed = [
        ("setpriv", "--version", "util-linux"),
        ("java", "-version", "openjdk-17-jdk-headless"),
        ("javac", "-version", "openjdk-17-jdk-headless"),
        ("mvn", "--version", "maven"),
    ];
    match needed.into_iter().find(|(program, _, _)| on_path(program).is_none()) {
        None => Ok(()),
        Some((program, _, package)) => Err(missing(program, package)),
    }
}

/// Finds a program of MIT krb5, which Debian also keeps where only root looks.
pub(crate) fn find_program(program: &str) -> Result<PathBuf> {
    on_path(program).ok_or_else(|| missing(program, "krb5-kdc krb5-admin-server krb5-user"))
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    dirs.map(|dir| dir.join(program)).find(|path| path.is_file())
}

fn missing(program: &str, package: &str) -> Error {
    Error::new(format!(
        "the lab needs `{program}`, which is not on PATH; on Debian: apt-get install {package}"
    ))
}

/// Runs `command` to its end and collects what it prints. After `limit` it is killed, which is
/// an error that shows the end of its output.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<Output> {
    let name = format!("{command:?}").chars().take(300).collect::<String>();
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context(|| format!("run {name}"))?;
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let status = Deadline::after(limit).wait_for(|| child.try_wait().transpose());
    if status.is_none() {
        end(&mut child)?;
    }
    let (stdout, stderr) = (collected(stdout), collected(stderr));
    match status {
        Some(status) => Ok(Output { status: status.context(|| format!("await {name}"))?, stdout, stderr }),
        None => {
            Err(Error::new(format!("{name} ran longer than {limit:?}: {}", last_words(&stdout, &stderr))))
        }
    }
}

/// Runs `command` and takes anything but success for an error.
pub(crate) fn run_well(command: &mut Command, limit: Duration) -> Result<Output> {
    let output = run(command, limit)?;
    if output.status.success() {
        return Ok(output);
    }
    let name = format!("{command:?}").chars().take(300).collect::<String>();
    Err(Error::new(format!("{name}: {}: {}", output.status, last_words(&output.stdout, &output.stderr))))
}

/// As [`run_well`], with something to read.
pub(crate) fn run_well_with_input(command: &mut Command, input: &str, limit: Duration) -> Result<Output> {
    let (reader, mut writer) = std::io::pipe().context(|| "make a pipe".into())?;
    command.stdin(reader);
    let input = input.to_owned();
    // A program may end without having read all.
    thread::spawn(move || drop(writer.write_all(input.as_bytes())));
    run_well(command, limit)
}

fn end(child: &mut Child) -> Result<()> {
    child.kill().context(|| "kill a program that ran too long".into())?;
    child.wait().context(|| "await a killed program".into()).map(drop)
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // An error ends the output; what came before it is still worth showing.
            drop(pipe.read_to_end(&mut bytes));
        }
        bytes
    })
}

fn collected(thread: JoinHandle<Vec<u8>>) -> Vec<u8> {
    thread.join().unwrap_or_default()
}

fn last_words(stdout: &[u8], stderr: &[u8]) -> String {
    let both = [stdout, stderr].concat();
    let text = String::from_utf8_lossy(&both);
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(20)).copied().collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_runs_too_long_is_killed_and_its_output_shown() {
        let mut slow = bound_to_this_thread("sh");
        slow.args(["-c", "echo begun; exec sleep 60"]);
        let error = run(&mut slow, Duration::from_millis(200)).unwrap_err().to_string();
        assert!(error.contains("longer than 200ms") && error.contains("begun"), "{error}");
    }

    #[test]
    fn a_failure_shows_the_status_and_the_last_words() {
        let mut failing = bound_to_this_thread("sh");
        failing.args(["-c", "echo why >&2; exit 3"]);
        let error = run_well(&mut failing, Duration::from_secs(10)).unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.contains("why"), "{error}");
    }
}
