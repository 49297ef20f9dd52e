//! The requests of one connection, in the order in which they were sent.
//!
//! A broker answers the requests of a connection one by one in their order, so the next response
//! belongs to the oldest request: anything else is a broken stream.

use std::collections::VecDeque;
use std::time::Instant;

use crate::ids::CorrelationId;
use crate::wire::api::ApiKey;

/// The number by which a caller knows its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RequestId(pub(crate) u64);

/// Whether the bytes of a failed request may have reached the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// Not one byte was handed to the socket.
    No,
    /// The broker may have seen it, and done what it asks.
    Possibly,
}

/// Who waits for a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// A caller.
    Caller(RequestId),
    /// Nobody any more: the caller went away. The response is read and dropped.
    Nobody,
    /// The session itself: ApiVersions and the login.
    Session,
}

/// A request that was sent and not yet answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) correlation_id: CorrelationId,
    pub(crate) awaited: Awaited,
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    pub(crate) deadline: Instant,
}

/// The queue of requests that were sent and not yet answered.
#[derive(Debug, Default)]
pub(crate) struct Inflight {
    sent: VecDeque<Sent>,
    /// Those with an earlier deadline than all that were sent after them: the first is the
    /// earliest of all, and finding it costs nothing with a thousand requests in flight.
    earliest: VecDeque<Sent>,
    next: i32,
}

impl Inflight {
    /// Draws the next correlation id: 0, 1, 2, … `i32::MAX`, 0.
    pub(crate) fn next_correlation_id(&mut self) -> CorrelationId {
        let id = CorrelationId(self.next);
        self.next = self.next.checked_add(1).unwrap_or(0);
        id
    }

    pub(crate) fn push(&mut self, sent: Sent) {
        while self.earliest.back().is_some_and(|before| before.deadline >= sent.deadline) {
            self.earliest.pop_back();
        }
        self.earliest.push_back(sent);
        self.sent.push_back(sent);
    }

    /// The request that the next response answers.
    pub(crate) fn oldest(&self) -> Option<&Sent> {
        self.sent.front()
    }

    pub(crate) fn pop(&mut self) -> Option<Sent> {
        let sent = self.sent.pop_front()?;
        if self.earliest.front().is_some_and(|first| first.correlation_id == sent.correlation_id) {
            self.earliest.pop_front();
        }
        Some(sent)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.sent.len()
    }

    /// Whether one of them is a caller's, be it gone.
    pub(crate) fn serves_callers(&self) -> bool {
        self.sent.iter().any(|sent| sent.awaited != Awaited::Session)
    }

    /// Forgets who waits for `id`; true if it was in flight.
    pub(crate) fn orphan(&mut self, id: RequestId) -> bool {
        let found = self.sent.iter_mut().find(|sent| sent.awaited == Awaited::Caller(id));
        found.map(|sent| sent.awaited = Awaited::Nobody).is_some()
    }

    /// The request with the earliest deadline.
    pub(crate) fn earliest_deadline(&self) -> Option<&Sent> {
        self.earliest.front()
    }

    /// The callers that still wait, oldest first.
    pub(crate) fn callers(&self) -> impl Iterator<Item = RequestId> {
        self.sent.iter().filter_map(|sent| match sent.awaited {
            Awaited::Caller(id) => Some(id),
            Awaited::Nobody | Awaited::Session => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_earliest_deadline_is_that_of_all_requests_in_flight() {
        let start = crate::time::now();
        let mut inflight = Inflight::default();
        for seconds in [30, 40, 10, 20] {
            let deadline = start + Duration::from_secs(seconds);
            let correlation_id = inflight.next_correlation_id();
            let (awaited, api) = (Awaited::Nobody, ApiKey::Metadata);
            inflight.push(Sent { correlation_id, awaited, api, version: 0, deadline });
        }
        let earliest =
            |inflight: &Inflight| inflight.earliest_deadline().map(|s| (s.deadline - start).as_secs());
        let mut seen = vec![earliest(&inflight)];
        while inflight.pop().is_some() {
            seen.push(earliest(&inflight));
        }
        assert_eq!(seen, [Some(10), Some(10), Some(10), Some(20), None]);
    }

    #[test]
    fn correlation_ids_wrap_around_without_turning_negative() {
        let mut inflight = Inflight { next: i32::MAX, ..Inflight::default() };
        assert_eq!(inflight.next_correlation_id(), CorrelationId(i32::MAX));
        assert_eq!(inflight.next_correlation_id(), CorrelationId(0));
    }
}
