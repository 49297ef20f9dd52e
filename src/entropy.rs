//! The one place that draws entropy. Pure code takes random bytes as an argument.

/// The operating system has no random bytes to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoEntropy;

/// Fills an array with random bytes from the operating system.
#[expect(clippy::disallowed_methods, reason = "this is the one source of entropy")]
pub(crate) fn fill<const N: usize>() -> Result<[u8; N], NoEntropy> {
    #[cfg(feature = "unstable-internals")]
    if let Some(bytes) = repeatable::draw() {
        return Ok(bytes);
    }
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NoEntropy)?;
    Ok(bytes)
}

/// Whether this thread is to do the same again when it is given the same seed: then nothing may
/// depend on how fast another thread is.
pub(crate) fn is_repeatable() -> bool {
    #[cfg(feature = "unstable-internals")]
    return repeatable::is_on();
    #[cfg(not(feature = "unstable-internals"))]
    false
}

/// Numbers that follow from a seed, thread by thread, for simulations: nothing else can turn them on.
#[cfg(feature = "unstable-internals")]
pub(crate) mod repeatable {
    use std::cell::Cell;

    thread_local! {
        static STATE: Cell<Option<u64>> = const { Cell::new(None) };
    }

    /// From now on this thread draws what follows from `seed`; with `None`, entropy again.
    pub(crate) fn seed(seed: Option<u64>) {
        STATE.set(seed);
    }

    pub(super) fn is_on() -> bool {
        STATE.get().is_some()
    }

    pub(super) fn draw<const N: usize>() -> Option<[u8; N]> {
        let mut state = STATE.get()?;
        let mut bytes = [0; N];
        for chunk in bytes.chunks_mut(8) {
            let drawn = next(&mut state).to_le_bytes();
            chunk.iter_mut().zip(drawn).for_each(|(to, from)| *to = from);
        }
        STATE.set(Some(state));
        Some(bytes)
    }

    /// SplitMix64.
    fn next(state: &mut u64) -> u64 {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(all(test, feature = "unstable-internals"))]
mod tests {
    use super::*;

    #[test]
    fn a_seeded_thread_draws_the_same_again_and_no_other_thread_does() {
        let draw = || {
            repeatable::seed(Some(7));
            let drawn: [[u8; 12]; 2] = [fill().unwrap(), fill().unwrap()];
            assert!(is_repeatable());
            repeatable::seed(None);
            drawn
        };
        let first = draw();
        assert_ne!(first[0], first[1]);
        assert_eq!(first, draw());
        repeatable::seed(Some(7));
        assert!(!std::thread::spawn(is_repeatable).join().unwrap());
        repeatable::seed(None);
        assert_ne!(fill::<12>().unwrap(), first[0]);
    }
}
