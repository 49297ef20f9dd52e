//! One of the addresses of a KDC's name, whichever answers first (RFC 8305): one that is silent
//! holds up nobody.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

/// How long one address is waited for before the next is tried beside it.
const PAUSE: Duration = Duration::from_millis(250);

/// Gives what the first address gives that answers. The next one is tried when all before it have
/// failed or were silent for [`PAUSE`], the two families in turn.
pub(super) async fn first<T, F>(
    addresses: impl IntoIterator<Item = SocketAddr>,
    mut ask: impl FnMut(SocketAddr) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut left = in_turn(addresses.into_iter().collect()).into_iter();
    let (mut asked, mut last) = (Vec::<Pin<Box<F>>>::new(), io::ErrorKind::AddrNotAvailable.into());
    loop {
        let next = left.next();
        let is_last = next.is_none();
        asked.extend(next.map(|address| Box::pin(ask(address))));
        let mut answered = None;
        let any = poll_fn(|cx| {
            asked.retain_mut(|attempt| {
                if answered.is_some() {
                    return true;
                }
                match attempt.as_mut().poll(cx) {
                    Poll::Pending => return true,
                    Poll::Ready(Ok(answer)) => answered = Some(answer),
                    Poll::Ready(Err(error)) => last = error,
                }
                false
            });
            if answered.is_some() || asked.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        });
        if is_last {
            any.await;
        } else {
            let _ = tokio::time::timeout(PAUSE, any).await;
        }
        match answered {
            Some(answer) => return Ok(answer),
            None if is_last => return Err(last),
            None => {}
        }
    }
}

/// The two families by turns, that of the first address first.
fn in_turn(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let is_ipv6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (same, other): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|a| a.is_ipv6() == is_ipv6);
    let (mut same, mut other) = (same.into_iter(), other.into_iter());
    let mut turns = Vec::new();
    loop {
        let before = turns.len();
        turns.extend(same.next());
        turns.extend(other.next());
        if turns.len() == before {
            return turns;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// Port 1 is silent, port 2 refuses, all others answer after as many milliseconds.
    async fn ask(address: SocketAddr) -> io::Result<u16> {
        match address.port() {
            1 => std::future::pending().await,
            2 => Err(io::ErrorKind::ConnectionRefused.into()),
            port => {
                tokio::time::sleep(MS * u32::from(port)).await;
                Ok(port)
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "what is measured is time")]
    async fn raced(texts: &[&str]) -> (Result<u16, io::ErrorKind>, Duration) {
        let began = tokio::time::Instant::now();
        let asked = tokio::time::timeout(Duration::from_secs(60), first(addresses(texts), ask));
        (asked.await.unwrap().map_err(|error| error.kind()), began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_address_of_a_kdc_costs_one_pause() {
        let (answer, took) = raced(&["10.0.0.1:1", "10.0.0.2:7", "10.0.0.3:1"]).await;
        assert_eq!((answer, took), (Ok(7), PAUSE + 7 * MS));
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_address_is_tried_at_once_after_a_failure() {
        let (answer, took) = raced(&["10.0.0.1:2", "10.0.0.2:2", "10.0.0.3:9"]).await;
        assert_eq!((answer, took), (Ok(9), 9 * MS));
    }

    #[tokio::test(start_paused = true)]
    async fn where_all_fail_the_last_failure_is_told() {
        assert_eq!(raced(&["10.0.0.1:2"]).await.0, Err(io::ErrorKind::ConnectionRefused));
        assert_eq!(raced(&[]).await.0, Err(io::ErrorKind::AddrNotAvailable));
    }

    #[test]
    fn the_families_take_turns() {
        let told = addresses(&["[::1]:1", "[::2]:1", "1.0.0.1:1"]);
        assert_eq!(in_turn(told), addresses(&["[::1]:1", "1.0.0.1:1", "[::2]:1"]));
    }
}
