//! The worlds of `tests/sim.rs`, two hundred thousand of them.

#[path = "sim/mod.rs"]
mod simulation;

#[test]
fn worlds_of_two_hundred_thousand_seeds_keep_the_laws() {
    simulation::run_many("soak_sim", 0..200_000);
}
