//! However a lab ends, no process of its clusters outlives it, and nothing of it stays behind.

// Once: processes end alike whatever they run.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failure is a failed test")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use ottla_lab::{Listener, OwnCluster, Profile, own_cluster};
use rustix::process::{Pid, Signal, kill_process};

const FIVE_SECONDS: Duration = Duration::from_secs(5);

/// The parent of a process; `None` if there is none. A zombie has ended.
fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    fields.next()?.parse().ok().filter(|_| state != "Z")
}

/// Every process that a lab has started: JVMs and KDCs.
fn children(lab: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|&pid| parent(pid) == Some(lab)).collect()
}

fn happens_within(limit: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    (0..limit.as_millis() / 50).any(|_| {
        thread::sleep(Duration::from_millis(50));
        is_so()
    })
}

fn have_ended_within(limit: Duration, pids: &[u32]) -> bool {
    happens_within(limit, || pids.iter().all(|&pid| parent(pid).is_none()))
}

/// A process that has started a lab with a broker and two KDCs, and sleeps.
struct Starter {
    process: Child,
    lab: u32,
    /// The lab's own directory.
    dir: PathBuf,
    /// Where the broker listens.
    address: String,
}

impl Starter {
    /// Runs a test of this file in a process of its own, which acts as a starter.
    fn spawn(test: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env("LAB_TEST_STARTER", "1")
            .env_remove("OTTLA_LAB")
            .env("OTTLA_LAB_PROGRAM", env!("CARGO_BIN_EXE_ottla-lab"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = lines.map_while(Result::ok).find(|line| line.contains("started: ")).unwrap();
        let words: Vec<_> = line.split_once("started: ").unwrap().1.split(' ').collect();
        let lab = parent(words[0].parse().unwrap()).unwrap();
        Self { process, lab, dir: words[1].into(), address: words[2].to_owned() }
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn act_as_starter() -> bool {
    if std::env::var_os("LAB_TEST_STARTER").is_none() {
        return false;
    }
    let cluster = own_cluster(Profile::Kerberos, 1).unwrap();
    let dir = cluster.ca_pem_path().ancestors().nth(2).unwrap().display().to_string();
    let port = cluster.bootstrap(Listener::Plaintext).replace("b1", "127.0.0.1");
    println!("started: {} {dir} {port}", cluster.pid(1).unwrap());
    thread::sleep(Duration::from_secs(60));
    true
}

#[test]
fn two_labs_live_side_by_side_and_end_one_by_one() {
    const TEST: &str = "two_labs_live_side_by_side_and_end_one_by_one";
    if act_as_starter() {
        return;
    }
    let other = thread::spawn(|| Starter::spawn(TEST));
    let (mut one, mut other) = (Starter::spawn(TEST), other.join().unwrap());
    assert_ne!((one.lab, &one.dir), (other.lab, &other.dir));
    let left = children(other.lab);
    for starter in [&one, &other] {
        TcpStream::connect(&starter.address).unwrap();
    }
    one.kill();
    assert!(happens_within(FIVE_SECONDS, || !one.dir.exists()));
    TcpStream::connect(&other.address).unwrap();
    assert!(other.dir.exists() && left.iter().all(|&pid| parent(pid).is_some()));
    other.kill();
    assert!(have_ended_within(FIVE_SECONDS, &left));
}

fn answers(cluster: &OwnCluster) -> bool {
    let address = cluster.bootstrap(Listener::Plaintext);
    let (name, port) = address.split_once(':').unwrap();
    TcpStream::connect((cluster.names()[name], port.parse().unwrap())).is_ok()
}

#[test]
fn a_cluster_of_six_brokers_is_refused() {
    assert!(own_cluster(Profile::Default, 6).unwrap_err().to_string().contains("1 to 5"));
}

/// They end what they run on, and have the machine for themselves.
mod alone {
    use super::*;

    #[test]
    fn killing_the_starter_leaves_no_process_and_no_file_after_five_seconds() {
        if act_as_starter() {
            return;
        }
        let mut starter =
            Starter::spawn("alone::killing_the_starter_leaves_no_process_and_no_file_after_five_seconds");
        let mut processes = children(starter.lab);
        assert_eq!(processes.len(), 3, "a broker and two KDCs");
        processes.push(starter.lab);
        assert!(starter.dir.join("socket").exists());
        starter.kill();
        assert!(have_ended_within(FIVE_SECONDS, &processes));
        assert!(!starter.dir.exists());
    }

    #[test]
    fn killing_the_lab_leaves_no_process_after_five_seconds_and_its_files_to_the_next_lab() {
        const TEST: &str =
            "alone::killing_the_lab_leaves_no_process_after_five_seconds_and_its_files_to_the_next_lab";
        if act_as_starter() {
            return;
        }
        let mut starter = Starter::spawn(TEST);
        let processes = children(starter.lab);
        assert_eq!(processes.len(), 3, "a broker and two KDCs");
        kill_process(Pid::from_raw(i32::try_from(starter.lab).unwrap()).unwrap(), Signal::KILL).unwrap();
        assert!(have_ended_within(FIVE_SECONDS, &processes));
        starter.kill();
        let mut next = Starter::spawn(TEST);
        assert!(!starter.dir.exists());
        next.kill();
        assert!(happens_within(FIVE_SECONDS, || !next.dir.exists()));
    }

    #[test]
    fn an_own_cluster_can_be_killed_stopped_and_started_and_ends_when_it_is_dropped() {
        let cluster = own_cluster(Profile::Default, 1).unwrap();
        let broker = cluster.broker(1);
        assert!(answers(&cluster));
        assert!(broker.start().unwrap_err().to_string().contains("is running"));
        broker.kill().unwrap();
        assert!(!answers(&cluster));
        broker.start().unwrap();
        assert!(answers(&cluster));
        broker.stop().unwrap();
        assert!(!answers(&cluster));
        broker.start().unwrap();
        let pid = cluster.pid(1).unwrap();
        assert!(parent(pid).is_some());
        assert!(cluster.broker(2).kill().unwrap_err().to_string().contains("no node 2"));
        drop(cluster);
        assert!(have_ended_within(FIVE_SECONDS, &[pid]));
    }
}
