//! Runs that can be repeated.

/// From now on this thread does the same again when it is given the same seed: what it would draw
/// from the operating system follows from the seed, and what would run on threads of its own runs in
/// place. With `None` all is as always. TLS draws its own entropy all the same.
pub fn seed_entropy(seed: Option<u64>) {
    crate::entropy::repeatable::seed(seed);
}
