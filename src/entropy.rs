//! The one place that draws entropy. Pure code takes random bytes as an argument.

/// The operating system has no random bytes to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoEntropy;

/// Fills an array with random bytes from the operating system.
#[expect(clippy::disallowed_methods, reason = "this is the one source of entropy")]
pub(crate) fn fill<const N: usize>() -> Result<[u8; N], NoEntropy> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NoEntropy)?;
    Ok(bytes)
}
