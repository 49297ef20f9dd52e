//! Who sends: each clone of a writer is told of its own records.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Error;

/// One who sends, while batches have its records or somebody holds its handle.
#[derive(Debug)]
pub(super) struct Sender {
    state: Mutex<State>,
    /// Who hears of it when this one is gone: the first of the writer.
    first: Option<Arc<Self>>,
}

#[derive(Debug, Default)]
struct State {
    /// The first failure that was not told.
    failed: Option<Error>,
    is_gone: bool,
}

impl Sender {
    /// The first of a writer.
    pub(super) fn first() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), first: None })
    }

    /// Another one of the same writer.
    pub(super) fn another(of: &Arc<Self>) -> Arc<Self> {
        let first = Arc::clone(of.first.as_ref().unwrap_or(of));
        Arc::new(Self { state: Mutex::default(), first: Some(first) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note that a batch with records of this sender failed.
    pub(super) fn tell(&self, error: &Error) {
        let mut state = self.state();
        match self.first.as_ref().filter(|_| state.is_gone) {
            Some(first) => {
                drop(state);
                first.tell(error);
            }
            None => {
                state.failed.get_or_insert_with(|| error.clone());
            }
        }
    }

    /// Gives the first failure that was not told.
    pub(super) fn take_failure(&self) -> Option<Error> {
        self.state().failed.take()
    }

    /// Gives the first failure that was not told, of this sender or of those that are gone, and leaves the latter
    /// to be told again.
    pub(super) fn last_failure(&self) -> Option<Error> {
        let left = || self.first.as_ref().and_then(|first| first.state().failed.clone());
        self.take_failure().or_else(left)
    }
}

/// Handles of one sender: when the last one is dropped, what it was not told is for the first sender.
#[derive(Debug)]
pub(super) struct Handle(pub(super) Arc<Sender>);

impl Drop for Handle {
    fn drop(&mut self) {
        let untold = {
            let mut state = self.0.state();
            state.is_gone = true;
            match self.0.first {
                Some(_) => state.failed.take(),
                None => None,
            }
        };
        if let Some(error) = untold {
            self.0.tell(&error);
        }
    }
}

/// The senders of the records of one batch.
#[derive(Clone, Debug, Default)]
pub(super) struct Senders {
    last: Option<Arc<Sender>>,
    others: Vec<Arc<Sender>>,
}

impl Senders {
    /// Adds one, unless it is there.
    #[inline]
    pub(super) fn add(&mut self, sender: &Arc<Sender>) {
        if !self.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, sender)) {
            self.add_another(sender);
        }
    }

    #[inline(never)]
    fn add_another(&mut self, sender: &Arc<Sender>) {
        let before = self.last.replace(Arc::clone(sender));
        self.others.retain(|one| !Arc::ptr_eq(one, sender));
        self.others.extend(before);
    }

    /// Tells all of them.
    pub(super) fn tell(&self, error: &Error) {
        self.last.iter().chain(&self.others).for_each(|sender| sender.tell(error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(of: &Sender) -> Option<String> {
        of.take_failure().map(|error| error.to_string())
    }

    fn error(text: &str) -> Error {
        Error::because(crate::error::ErrorKind::Timeout, text)
    }

    #[test]
    fn each_sender_hears_of_its_own_batches_once() {
        let first = Sender::first();
        let (a, b) = (Sender::another(&first), Sender::another(&first));
        let mut senders = Senders::default();
        for sender in [&a, &b, &a, &b, &b] {
            senders.add(sender);
        }
        senders.tell(&error("lost"));
        senders.tell(&error("lost again"));
        assert_eq!((failure(&a), failure(&a)), (Some("lost".into()), None));
        assert_eq!((failure(&b), failure(&first)), (Some("lost".into()), None));
    }

    #[test]
    fn what_nobody_was_told_is_for_the_first() {
        let first = Sender::first();
        let handle = Handle(Sender::another(&first));
        let gone = Arc::clone(&handle.0);
        gone.tell(&error("before"));
        drop(handle);
        assert_eq!(failure(&first), Some("before".into()));
        gone.tell(&error("after"));
        let another = Sender::another(&gone);
        assert_eq!(another.last_failure().map(|error| error.to_string()), Some("after".into()));
        assert_eq!(failure(&first), Some("after".into()), "the last word steals nothing");
    }
}
