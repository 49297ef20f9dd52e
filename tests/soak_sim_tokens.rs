//! The lives of `tests/sim_tokens.rs`, fifty thousand of them.

#[path = "sim_tokens/mod.rs"]
mod simulation;

#[test]
fn lives_of_fifty_thousand_seeds_keep_the_laws() {
    simulation::run_many("soak_sim_tokens", 0..50_000);
}
