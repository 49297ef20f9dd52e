//! Lives of tokens in virtual time, each from a seed: brokers and their faults on one side; keepers that are
//! killed and started again, token files that come to harm, and users who read and write on the other; and
//! an oracle beside them that knows every token of the cluster by itself.
//!
//! ```text
//! plan, draw  what a seed decides, as data          kind      what happens
//! world       brokers, and what happens to them     trouble   what hurts whom, and until when
//! keeping     keepers: started, killed, shut down   files     token files, and who replaces them
//! using       users: a call fails for want of a token, or not    crowd     many clients of one token
//! audit       the oracle: what lives, who knows of it, what the keepers say of themselves
//! gauges      what the process exports
//! run         many lives, the shortest plan that breaks a law, what struck
//! ```
//!
//! *To add a fault:* a [`Kind`](simulation) with what a seed draws for it in `draw.rs`, its arm in
//! `World::happen`, and, if it may keep users from a token, a word in `trouble.rs`. It has to strike in one
//! of a hundred lives. *To add a law:* call `Notes::broken` where it is seen; whoever asks looks at the
//! brokers' tokens, never at the client alone.
//!
//! Logins by Kerberos are not lived here: they read files and hash on threads of their own and draw from the
//! system, so that a seed would not give the same life again. `tests/kerberos.rs` has KDCs that are away.

#[path = "sim_tokens/mod.rs"]
mod simulation;

#[test]
fn lives_of_a_thousand_seeds_keep_the_laws() {
    simulation::run_many("sim_tokens", 0..1000);
}

/// Two processes, since addresses, hashes and threads differ between them.
#[test]
fn the_same_seed_gives_the_same_life_in_two_processes() {
    const WORDS: &str = "OTTLA_SIM_TRACE";
    let seeds = 0..10;
    if std::env::var_os(WORDS).is_some() {
        seeds.for_each(|seed| println!("seed {seed}\n{}", simulation::trace_of(seed)));
        return;
    }
    let trace = || {
        let name = "the_same_seed_gives_the_same_life_in_two_processes";
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        let child = child.args([name, "--exact", "--nocapture"]).env(WORDS, "1").output();
        String::from_utf8(child.unwrap().stdout).unwrap()
    };
    let (first, second) = (trace(), trace());
    assert!(first.contains("seed 9"), "the child did not run:\n{first}");
    // But for what the runner of tests says of itself.
    let said = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.starts_with("test ")).map(str::to_owned).collect()
    };
    let (first, second) = (said(&first), said(&second));
    let mut parted = first.iter().zip(&second).filter(|(one, other)| one != other);
    assert_eq!(parted.next(), None);
}
