//! The binary under a pseudo-terminal, with pipes that close, with Ctrl-C.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use support::{Kafka, LIMIT, command, ended, interrupt, run};

/// A terminal of 100 columns, and what was shown on it so far.
struct Terminal {
    side_of_program: OwnedFd,
    shown: Arc<Mutex<String>>,
}

impl Terminal {
    fn open() -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        tcsetwinsize(&ours, Winsize { ws_row: 30, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let theirs = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let shown = Arc::new(Mutex::new(String::new()));
        let screen = Arc::clone(&shown);
        thread::spawn(move || {
            let (mut ours, mut bytes) = (File::from(ours), [0; 4096]);
            while let Ok(count) = ours.read(&mut bytes)
                && count > 0
            {
                screen.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self { side_of_program: theirs.into(), shown }
    }

    fn stdio(&self) -> Stdio {
        self.side_of_program.try_clone().unwrap().into()
    }

    fn shown(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    #[expect(clippy::disallowed_methods, reason = "tests")]
    fn await_shown(&self, what: &str) {
        let patience = Instant::now() + LIMIT;
        while !self.shown().contains(what) {
            assert!(Instant::now() < patience, "{what:?} is never shown; but {:?}", self.shown());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn on_a_terminal(command: &mut Command) -> &mut Command {
    command.env("TERM", "xterm-256color")
}

#[test]
fn progress_is_shown_on_a_terminal_and_ctrl_c_ends_with_what_was_counted() {
    let kafka = Kafka::start();
    kafka.topic("t", 30);
    let (config, terminal) = (kafka.config("alice"), Terminal::open());
    let arguments = ["read", "--config", &config, "--topic", "t", "--format", "count", "--to", "never"];
    let child = on_a_terminal(command().args(arguments)).stderr(terminal.stdio()).spawn().unwrap();
    terminal.await_shown("60 records");
    kafka.cluster.write("t", 0, &[ottla_testkit::Record::value("one more")]).unwrap();
    terminal.await_shown("61 records");
    interrupt(&child);
    let ran = ended(child);
    assert_eq!((ran.code, &ran.json()[0]["records"]), (Some(130), &61.into()), "{ran:?}");
    terminal.await_shown("interrupted");
}

#[test]
fn a_bounded_read_tells_its_share() {
    let kafka = Kafka::start();
    kafka.topic("t", 30);
    // The last quarter of what is asked for is not written, so that the display stays.
    let (config, terminal) = (kafka.config("alice"), Terminal::open());
    let arguments = ["read", "--config", &config, "--topic", "t", "--format", "raw", "--to", "40"];
    let mut child = on_a_terminal(command().args(arguments)).stderr(terminal.stdio()).spawn().unwrap();
    terminal.await_shown("75% 60 records");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.by_ref().take(60).map(Result::unwrap).count(), 60);
    interrupt(&child);
    assert_eq!((ended(child).code, lines.count()), (Some(130), 0));
}

#[test]
fn no_progress_is_mixed_with_records_on_one_terminal() {
    let kafka = Kafka::start();
    kafka.topic("t", 2);
    let (config, terminal) = (kafka.config("alice"), Terminal::open());
    let arguments = ["read", "--config", &config, "--topic", "t", "--format", "raw"];
    let child =
        on_a_terminal(command().args(arguments)).stdout(terminal.stdio()).stderr(terminal.stdio()).spawn();
    assert_eq!(ended(child.unwrap()).code, Some(0));
    for partition in 0..2 {
        terminal.await_shown(&format!("value-{partition}-1\r\n"));
    }
    let shown = terminal.shown();
    assert!(!shown.contains('%') && !shown.contains('\x1b'), "{shown:?}");
}

#[test]
fn a_pipe_that_closes_ends_the_program_quietly() {
    let kafka = Kafka::start();
    kafka.topic("t", 20_000);
    let config = kafka.config("alice");
    for format in ["raw", "json"] {
        let arguments = ["read", "--config", &config, "--topic", "t", "--format", format, "--executors", "2"];
        let mut child = command().args(arguments).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("value-"), "{line}");
        let ran = ended(child);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{format}");
    }
    let mut child = command().args(["completions", "bash"]).spawn().unwrap();
    drop(child.stdout.take());
    let ran = ended(child);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}

#[test]
fn no_color_takes_the_colours_of_help_away() {
    for (no_color, coloured) in [(None, true), (Some("1"), false)] {
        let terminal = Terminal::open();
        let mut help = command();
        on_a_terminal(help.arg("--help"))
            .envs(no_color.map(|value| ("NO_COLOR", value)))
            .stdout(terminal.stdio());
        assert_eq!(run(&mut help, b"").code, Some(0));
        terminal.await_shown("Exit codes");
        assert_eq!(
            terminal.shown().contains('\x1b'),
            coloured,
            "NO_COLOR={no_color:?}: {:?}",
            terminal.shown()
        );
    }
}
