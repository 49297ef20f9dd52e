//! However a lab ends, no JVM outlives it; and clusters that belong to one test.

// Once: processes end alike whatever they run.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failure is a failed test")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use ottla_lab::{Listener, OwnCluster, Profile, cluster, own_cluster};
use rustix::process::{Pid, Signal, kill_process};

/// State and parent of a process; `None` if there is none. A zombie has ended.
fn process(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    fields.next()?.parse().ok().filter(|_| state != "Z")
}

fn has_ended_within(limit: Duration, pid: u32) -> bool {
    (0..limit.as_millis() / 50).any(|_| {
        thread::sleep(Duration::from_millis(50));
        process(pid).is_none()
    })
}

/// Runs this test in a process of its own that starts a lab, prints the pid of a broker and
/// sleeps; gives that process and the pid.
fn starter(test: &str) -> (std::process::Child, u32) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("LAB_TEST_STARTER", "1")
        .env_remove("OTTLA_LAB")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let pid = lines.map_while(Result::ok).find_map(|line| line.rsplit_once("broker pid ")?.1.parse().ok());
    (child, pid.unwrap())
}

fn act_as_starter() -> bool {
    if std::env::var_os("LAB_TEST_STARTER").is_none() {
        return false;
    }
    println!("broker pid {}", cluster(Profile::NoSecret).unwrap().pid(1).unwrap());
    thread::sleep(Duration::from_secs(60));
    true
}

#[test]
fn killing_the_starter_leaves_no_jvm_after_five_seconds() {
    if act_as_starter() {
        return;
    }
    let (mut child, broker) = starter("killing_the_starter_leaves_no_jvm_after_five_seconds");
    assert!(process(broker).is_some());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(has_ended_within(Duration::from_secs(5), broker));
}

#[test]
fn killing_the_lab_leaves_no_jvm_after_five_seconds() {
    if act_as_starter() {
        return;
    }
    let (mut child, broker) = starter("killing_the_lab_leaves_no_jvm_after_five_seconds");
    let lab = i32::try_from(process(broker).unwrap()).unwrap();
    kill_process(Pid::from_raw(lab).unwrap(), Signal::KILL).unwrap();
    assert!(has_ended_within(Duration::from_secs(5), broker));
    child.kill().unwrap();
    child.wait().unwrap();
}

fn answers(cluster: &OwnCluster) -> bool {
    let address = cluster.bootstrap(Listener::Plaintext);
    let (name, port) = address.split_once(':').unwrap();
    TcpStream::connect((cluster.names()[name], port.parse().unwrap())).is_ok()
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
    assert!(process(pid).is_some());
    assert!(cluster.broker(2).kill().unwrap_err().to_string().contains("no node 2"));
    drop(cluster);
    assert!(has_ended_within(Duration::from_secs(5), pid));
}

#[test]
fn a_cluster_of_six_brokers_is_refused() {
    assert!(own_cluster(Profile::Default, 6).unwrap_err().to_string().contains("1 to 5"));
}
