//! Runs that can be repeated.

/// From now on this thread does the same again when it is given the same seed: what it would draw
/// from the operating system follows from the seed, and what would run on threads of its own runs in
/// place. With `None` all is as always. TLS draws its own entropy all the same.
pub fn seed_entropy(seed: Option<u64>) {
    crate::entropy::repeatable::seed(seed);
    crate::secret::file::repeatable::set_in_place(seed.is_some());
}

/// From now on this thread's wall clock shows this, and goes with tokio's clock; with `None` it is the
/// machine's again.
pub fn set_wall_clock(wall: Option<crate::time::Timestamp>) {
    crate::time::repeatable::set_wall(wall);
}
