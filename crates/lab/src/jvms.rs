//! The brokers' processes, all spawned by one thread.

use std::collections::HashMap;
use std::process::{Child, Command};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::deadline::Deadline;
use crate::error::{Context, Error, Result};

type Children = HashMap<u32, Child>;
type Job = (Command, Sender<std::io::Result<u32>>);

/// Spawns, watches and ends processes. The parent-death signal follows the thread that spawned,
/// so one thread that lives as long as the process spawns all of them.
#[derive(Clone, Debug)]
pub(crate) struct Jvms {
    children: Arc<Mutex<Children>>,
    jobs: Sender<Job>,
}

impl Jvms {
    pub(crate) fn new() -> Self {
        let children = Arc::new(Mutex::new(Children::new()));
        let (jobs, received) = mpsc::channel::<Job>();
        let spawned = Arc::clone(&children);
        thread::spawn(move || {
            for (mut command, answer) in received {
                let mut spawned = locked(&spawned);
                let outcome = command.spawn().map(|child| {
                    let pid = child.id();
                    spawned.insert(pid, child);
                    pid
                });
                drop(answer.send(outcome));
            }
        });
        Self { children, jobs }
    }

    /// Starts a process and gives its id.
    pub(crate) fn spawn(&self, command: Command) -> Result<u32> {
        let (answer, outcome) = mpsc::channel();
        let gone = |_| Error::new("the spawning thread is gone");
        self.jobs.send((command, answer)).map_err(|_| gone(mpsc::RecvError))?;
        outcome.recv().map_err(gone)?.context(|| "spawn a JVM".into())
    }

    /// Tells whether the process has ended; an unknown one has.
    pub(crate) fn has_ended(&self, pid: u32) -> bool {
        let mut children = locked(&self.children);
        children.get_mut(&pid).is_none_or(|child| !matches!(child.try_wait(), Ok(None)))
    }

    /// Kills the process at once and waits until it is gone.
    pub(crate) fn kill(&self, pid: u32) -> Result<()> {
        let child = locked(&self.children).remove(&pid);
        let Some(mut child) = child else { return Ok(()) };
        child.kill().context(|| format!("kill {pid}"))?;
        child.wait().context(|| format!("await {pid}")).map(drop)
    }

    /// Asks the process to stop (SIGTERM), and kills it if it has not after `patience`.
    pub(crate) fn stop(&self, pid: u32, patience: Duration) -> Result<()> {
        let id = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let id = id.ok_or_else(|| Error::new(format!("{pid} is no process id")))?;
        if !self.has_ended(pid) {
            kill_process(id, Signal::TERM).context(|| format!("stop {pid}"))?;
        }
        let ended = Deadline::after(patience).wait_for(|| self.has_ended(pid).then_some(()));
        self.kill(pid)?;
        ended.ok_or_else(|| Error::new(format!("process {pid} did not stop in {patience:?} and was killed")))
    }

    /// Kills everything and lets nothing new begin: for the end of the lab.
    pub(crate) fn kill_all_for_good(&self) -> MutexGuard<'_, impl Sized> {
        let mut children = locked(&self.children);
        for child in children.values_mut() {
            drop(child.kill());
        }
        for child in children.values_mut() {
            drop(child.wait());
        }
        children
    }
}

fn locked(children: &Mutex<Children>) -> MutexGuard<'_, Children> {
    children.lock().unwrap_or_else(PoisonError::into_inner)
}
