//! Worlds in virtual time, each from a seed: brokers with their logs and faults on one side, an impatient
//! application on the other, and an oracle beside them that knows every log by itself.
//!
//! ```text
//! schedule   what a seed decides, as data          kind      what happens, and for how long it hurts
//! world      brokers, the end of trouble           net       the network between them and the clients
//! happen     what happens to them, and whom it struck       outage  what happens to the network
//! reading, writing, calling, manners   the application      tasks   what it does, as data
//! follow     law 1 for one range                   receipts  law 4 for the records of one task
//! oracle     every log, by the brokers' own word   laws      what was noted, and what is excused
//! storms, sessions   law 3                         run, shrink, tally   many worlds, the shortest schedule, what struck
//! ```
//!
//! *To add a fault:* a [`Kind`](simulation) in `kind.rs` with what a seed draws for it and for how long it
//! hurts (an error is excused only where troubles without a pause last as long as the client's own limit, and what
//! had one in its way has to go on within `Plan::heals` after it),
//! and its arm in `World::happen`, which counts it where somebody met it. It has to strike in one of a hundred worlds. *To add a law:* call
//! `Notes::broken` where it is seen; whoever asks looks at the oracle, never at the client.
//!
//! `OTTLA_SIM=7`, or `=0..100`, says which seeds; `OTTLA_SIM_FAILURES` after how many failures to stop;
//! `OTTLA_SIM_ASKED` adds all requests to the trace of one; `OTTLA_SIM_WHOLE` looks for no shortest schedule.

#[path = "sim/mod.rs"]
mod simulation;

#[test]
fn worlds_of_two_thousand_seeds_keep_the_laws() {
    simulation::run_many("sim", 0..2_000);
}

/// Two processes, since addresses, hashes and threads differ between them.
#[test]
fn the_same_seed_gives_the_same_trace_in_two_processes() {
    const WORDS: &str = "OTTLA_SIM_TRACE";
    let seeds = 0..40;
    if std::env::var_os(WORDS).is_some() {
        seeds.for_each(|seed| println!("seed {seed}\n{}", simulation::trace_of(seed)));
        return;
    }
    let trace = || {
        let this = std::env::current_exe().unwrap();
        let name = "the_same_seed_gives_the_same_trace_in_two_processes";
        let child =
            std::process::Command::new(this).args([name, "--exact", "--nocapture"]).env(WORDS, "1").output();
        String::from_utf8(child.unwrap().stdout).unwrap()
    };
    let (first, second) = (trace(), trace());
    assert!(first.contains("seed 39"), "the child did not run:\n{first}");
    let parted = first
        .lines()
        .zip(second.lines())
        .find(|(one, other)| one != other && !one.starts_with("test result"));
    assert_eq!(parted, None);
}
