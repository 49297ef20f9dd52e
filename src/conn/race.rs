//! One of several places, whichever answers first: a silent one holds up nobody (RFC 8305, KIP-302).
//!
//! ```text
//! place 1 ─────────── silent ───────────────
//!         pause └ place 2 ── fails ┐
//!                                  └ place 3 ── answers: the others are dropped
//! ```

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// How long one address of a host is waited for before the next is tried beside it: the
/// "Connection Attempt Delay" of RFC 8305, section 5.
pub const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Connects to the first of `places` that answers. They are tried in their order: the next one
/// when all that were begun have failed, or when none answered for `pause`; those begun before go on
/// beside it. Gives the last failure where all fail, and `None` where there is no place.
///
/// It knows neither sockets nor names, so that whoever has a world of its own can be raced too.
///
/// # Cancel safety
/// A dropped call drops all attempts.
pub async fn race<P, T, E, F>(
    places: impl IntoIterator<Item = P>,
    pause: Duration,
    mut connect_one: impl FnMut(P) -> F,
) -> Result<T, Option<E>>
where
    F: Future<Output = Result<T, E>>,
{
    let mut places = places.into_iter();
    let mut attempts = Attempts { begun: Vec::new(), last: None };
    while let Some(place) = places.next() {
        attempts.begin(connect_one(place));
        if places.size_hint().1 == Some(0) {
            break;
        }
        // Else all that were begun have failed, or the pause is over.
        if let Ok(Some(won)) = tokio::time::timeout(pause, poll_fn(|cx| attempts.poll(cx))).await {
            return Ok(won);
        }
    }
    poll_fn(|cx| attempts.poll(cx)).await.ok_or(attempts.last)
}

/// The attempts that were begun and have not failed, in their order, and the last failure.
struct Attempts<F, E> {
    begun: Vec<Pin<Box<F>>>,
    last: Option<E>,
}

impl<T, E, F: Future<Output = Result<T, E>>> Attempts<F, E> {
    fn begin(&mut self, attempt: F) {
        self.begun.push(Box::pin(attempt));
    }

    /// Ready with the first that is connected, or with nothing when none is left.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let (mut won, last) = (None, &mut self.last);
        self.begun.retain_mut(|attempt| {
            if won.is_some() {
                return true;
            }
            match attempt.as_mut().poll(cx) {
                Poll::Pending => true,
                Poll::Ready(Ok(connected)) => {
                    won = Some(connected);
                    false
                }
                Poll::Ready(Err(error)) => {
                    *last = Some(error);
                    false
                }
            }
        });
        match won {
            None if !self.begun.is_empty() => Poll::Pending,
            won => Poll::Ready(won),
        }
    }
}

/// Sorts the addresses of one host so that the two families take turns, beginning with that of the
/// first (RFC 8305, section 4): a family that leads nowhere costs one pause, not one for each of its
/// addresses.
pub fn interleaved(addresses: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let all: Vec<_> = addresses.into_iter().collect();
    let Some(first) = all.first().map(SocketAddr::is_ipv6) else { return all };
    let count = all.len();
    let (mut one, mut other) =
        (all.iter().filter(|a| a.is_ipv6() == first), all.iter().filter(|a| a.is_ipv6() != first));
    let mut sorted = Vec::with_capacity(count);
    while sorted.len() < count {
        sorted.extend(one.next());
        sorted.extend(other.next());
    }
    sorted
}

#[cfg(test)]
mod tests;
