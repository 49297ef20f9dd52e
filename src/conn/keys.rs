//! The salted passwords of SCRAM, each hashed once and off the reactor.
//!
//! One token logs in to every broker, on several connections, and again at each
//! re-authentication; a broker changes its salt only when the token is renewed.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::entropy;
use crate::sasl::{Derivation, SaltedPassword};

/// The runtime stopped before the hash was ready: it is shutting down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HashingStopped;

/// A bounded cache of salted passwords. Logins that need the same key at the same time wait for
/// one hash; the key that was not used for the longest time makes room, and is wiped.
#[derive(Debug)]
pub(crate) struct Keys {
    /// The last one was used last.
    slots: Mutex<VecDeque<Slot>>,
    capacity: usize,
    #[cfg(test)]
    hashed: std::sync::atomic::AtomicUsize,
}

/// A key, or the promise of one.
#[derive(Debug)]
struct Slot {
    derivation: Derivation,
    key: watch::Receiver<Option<SaltedPassword>>,
}

impl Keys {
    /// A broker has a salt for each token and mechanism: enough for 256 brokers.
    const CAPACITY: usize = 256;

    pub(crate) fn new() -> Self {
        Self::with_capacity(Self::CAPACITY)
    }

    fn with_capacity(capacity: usize) -> Self {
        Self {
            slots: Mutex::default(),
            capacity,
            #[cfg(test)]
            hashed: std::sync::atomic::AtomicUsize::default(),
        }
    }

    /// Gives the key of `derivation`, which costs a lookup, or milliseconds on a thread that may
    /// block if the key is not known yet.
    ///
    /// # Cancel safety
    /// A dropped call stops no hash: it goes on for those who wait for it, and for the next call.
    pub(crate) async fn key(&self, derivation: Derivation) -> Result<SaltedPassword, HashingStopped> {
        let mut promise = self.promise(derivation);
        let key = promise.wait_for(Option::is_some).await.map_err(|_| HashingStopped)?;
        key.clone().ok_or(HashingStopped)
    }

    fn promise(&self, derivation: Derivation) -> watch::Receiver<Option<SaltedPassword>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let known = slots.iter().position(|slot| slot.derivation == derivation);
        let slot = match known.and_then(|index| slots.remove(index)) {
            Some(slot) if !slot.is_broken() => slot,
            _ => Slot { key: self.hash(derivation.clone()), derivation },
        };
        let promise = slot.key.clone();
        if slots.len() >= self.capacity {
            slots.pop_front();
        }
        slots.push_back(slot);
        promise
    }

    fn hash(&self, derivation: Derivation) -> watch::Receiver<Option<SaltedPassword>> {
        #[cfg(test)]
        self.hashed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (sender, receiver) = watch::channel(None);
        let derive = move || sender.send_replace(Some(derivation.derive()));
        if entropy::is_repeatable() {
            derive();
        } else {
            tokio::task::spawn_blocking(derive);
        }
        receiver
    }
}

impl Slot {
    /// The runtime that hashed is gone, but the cache outlived it.
    fn is_broken(&self) -> bool {
        self.key.has_changed().is_err() && self.key.borrow().is_none()
    }
}

#[cfg(test)]
mod tests;
