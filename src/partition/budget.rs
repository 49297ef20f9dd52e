//! One count of bytes for everything that was fetched and not yet dropped.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The bytes that may be held at a time. Clones share them; who waits is served in turn.
#[derive(Clone)]
pub(super) struct Budget {
    free: Arc<Semaphore>,
    limit: usize,
}

/// A part of the budget, free again when this is dropped.
#[derive(Debug)]
pub(super) struct Hold {
    permit: Option<OwnedSemaphorePermit>,
    free: Arc<Semaphore>,
}

impl Budget {
    pub(super) fn new(limit: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS))), limit }
    }

    /// What a request for so many bytes takes: all, if it is more than there is.
    fn share(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.min(self.limit)).unwrap_or(u32::MAX)
    }

    /// Waits until so many bytes are free, and holds them.
    ///
    /// # Cancel safety
    /// A dropped call loses its turn and holds nothing.
    pub(super) async fn reserve(&self, bytes: usize) -> Hold {
        // The semaphore is never closed.
        let permit = Arc::clone(&self.free).acquire_many_owned(self.share(bytes)).await.ok();
        Hold { permit, free: Arc::clone(&self.free) }
    }

    /// Holds so many bytes, if they are free and nobody waits for them.
    pub(super) fn try_reserve(&self, bytes: usize) -> Option<Hold> {
        let permit = Arc::clone(&self.free).try_acquire_many_owned(self.share(bytes)).ok()?;
        Some(Hold { permit: Some(permit), free: Arc::clone(&self.free) })
    }
}

impl Hold {
    /// Makes the hold as large as what came. It never waits: what is more than is free is not
    /// counted.
    pub(super) fn resize(&mut self, bytes: usize) {
        let Some(permit) = &mut self.permit else { return };
        let held = permit.num_permits();
        if bytes <= held {
            drop(permit.split(held - bytes));
            return;
        }
        let more = (bytes - held).min(self.free.available_permits());
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        if let Ok(more) = Arc::clone(&self.free).try_acquire_many_owned(more) {
            permit.merge(more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_larger_than_the_budget_gets_all_of_it() {
        let budget = Budget::new(100);
        let hold = budget.reserve(1000).await;
        assert!(budget.try_reserve(1).is_none());
        drop(hold);
        assert!(budget.try_reserve(100).is_some());
    }

    #[tokio::test]
    async fn a_hold_follows_what_came() {
        let budget = Budget::new(100);
        let mut hold = budget.reserve(50).await;
        hold.resize(10);
        assert_eq!(budget.free.available_permits(), 90);
        hold.resize(60);
        assert_eq!(budget.free.available_permits(), 40);
        hold.resize(1000);
        assert_eq!(budget.free.available_permits(), 0);
        drop(hold);
        assert_eq!(budget.free.available_permits(), 100);
    }
}
