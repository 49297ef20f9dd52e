//! Work that may block: beside the reactor, or in place where a run is to be repeatable.

use crate::entropy;

/// The runtime ended before the work was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended;

/// Does `work` on a thread that may block.
///
/// # Cancel safety
/// A dropped call leaves the work to end by itself.
pub(super) async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Ended> {
    if entropy::is_repeatable() {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(|_| Ended)
}
