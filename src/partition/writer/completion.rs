//! How whoever wants it learns what became of a record: one completion for a batch, shared by the
//! receipts of its records. A batch that was taken apart has an outcome for each part.

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::error::Error;
use crate::ids::TopicPartition;
use crate::time::Timestamp;

/// Where a record was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Acknowledgement {
    /// The partition.
    pub topic_partition: TopicPartition,
    /// Its offset. `None` where the broker only says that it had the record already, which it
    /// does when an earlier answer was lost.
    pub offset: Option<i64>,
    /// When the broker appended it, if the topic's timestamps say that.
    pub append_time: Option<Timestamp>,
}

/// The outcome of a batch, of which that of its first record is told.
pub(super) type Outcome = Result<Acknowledgement, Error>;

/// The outcomes of one batch, and who waits for them.
#[derive(Debug, Default)]
pub(super) struct Completion(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    outcomes: Vec<(Range<i32>, Outcome)>,
    waiting: Vec<Waker>,
}

impl Completion {
    /// Tells everybody what became of the records at these places; the first outcome of a place counts.
    pub(super) fn complete(&self, places: Range<i32>, outcome: Outcome) {
        let waiting = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if state.outcomes.iter().any(|(known, _)| known.start <= places.start && places.end <= known.end)
            {
                return;
            }
            state.outcomes.push((places, outcome));
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// Becomes what became of one record. It costs a reference to what the records of a batch share.
///
/// Dropping it changes nothing: the record is written all the same.
#[must_use = "use `send` where the outcome of a single record does not matter"]
pub struct Receipt {
    completion: Arc<Completion>,
    place: i32,
}

impl Receipt {
    pub(super) fn new(completion: Arc<Completion>, place: i32) -> Self {
        Self { completion, place }
    }
}

impl Future for Receipt {
    /// `Err` says by [`possibly_written`](Error::possibly_written) whether the record may be in
    /// the partition all the same.
    type Output = Result<Acknowledgement, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.completion.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.outcomes.iter().find(|(places, _)| places.contains(&self.place)) {
            Some((places, Ok(first))) => {
                let mut own = first.clone();
                let place = self.place.saturating_sub(places.start);
                own.offset = own.offset.map(|offset| offset.saturating_add(place.into()));
                Poll::Ready(Ok(own))
            }
            Some((_, Err(error))) => Poll::Ready(Err(error.clone())),
            None => {
                if !state.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                    state.waiting.push(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt").field("place", &self.place).finish_non_exhaustive()
    }
}
