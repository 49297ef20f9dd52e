//! The salted passwords of SCRAM, each hashed once and off the reactor.
//!
//! One token logs in to every broker, on several connections of any number of clients, and again at
//! each re-authentication; a broker changes its salt only when the token is renewed. The keys of a
//! token are wiped when it has a successor.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::entropy;
use crate::sasl::{Derivation, SaltedPassword};
use crate::secret::Secret;

/// The runtime stopped before the hash was ready: it is shutting down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HashingStopped;

/// So many runtimes may end with the hash that somebody on another one waits for.
const RUNTIMES: usize = 3;

/// A bounded cache of salted passwords. Logins that need the same key at the same time wait for
/// one hash; the key that was not used for the longest time makes room, and is wiped.
#[derive(Debug)]
pub(crate) struct Keys {
    kept: Mutex<Kept>,
    capacity: usize,
    #[cfg(test)]
    hashed: std::sync::atomic::AtomicUsize,
}

#[derive(Debug, Default)]
struct Kept {
    /// The last one was used last.
    slots: VecDeque<Slot>,
    /// The only password of which keys are kept, if there is one.
    only: Option<Secret>,
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
            kept: Mutex::default(),
            capacity,
            #[cfg(test)]
            hashed: std::sync::atomic::AtomicUsize::default(),
        }
    }

    /// Gives the key of `derivation`, which costs a lookup, or milliseconds on a thread that may
    /// block if the key is not known yet.
    ///
    /// # Cancel safety
    /// A dropped call stops no hash: it goes on for those who wait for it, and for the next call. Clients of
    /// one token may live on several runtimes: a hash that ended with another one's is begun again.
    pub(crate) async fn key(&self, derivation: Derivation) -> Result<SaltedPassword, HashingStopped> {
        for _ in 0..RUNTIMES {
            let mut promise = self.promise(derivation.clone());
            if let Ok(key) = promise.wait_for(Option::is_some).await {
                return key.clone().ok_or(HashingStopped);
            }
        }
        Err(HashingStopped)
    }

    /// Wipes the keys of all other passwords, and keeps none of them from now on.
    pub(crate) fn keep_only(&self, password: Secret) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.slots.retain(|slot| slot.derivation.is_of(&password));
        kept.only = Some(password);
    }

    fn promise(&self, derivation: Derivation) -> watch::Receiver<Option<SaltedPassword>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { slots, only } = &mut *kept;
        if only.as_ref().is_some_and(|only| !derivation.is_of(only)) {
            // A login that began with a token which has a successor by now.
            return self.hash(derivation);
        }
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
