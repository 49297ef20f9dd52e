//! Whose turn it is to log in with a new token: brokers take only so many logins a second without
//! anybody noticing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::token::Token;

/// Logins a second.
const RATE: u32 = 50;

/// The turns of all connections that follow one source of tokens, of whatever client.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    connections: AtomicUsize,
    next: Mutex<Option<(Weak<Token>, Instant)>>,
}

impl Turns {
    /// A connection follows from now on.
    pub(crate) fn join(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection that followed does not any more.
    pub(crate) fn leave(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// In how long the turn of the next connection comes, to log in with `token`. All are done
    /// when half of what the old token has `left` is over.
    pub(crate) fn take(&self, now: Instant, token: &Arc<Token>, left: Option<Duration>) -> Duration {
        let step = between(self.connections.load(Ordering::Relaxed), left);
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = match &*next {
            Some((present, at)) if std::ptr::eq(present.as_ptr(), Arc::as_ptr(token)) => now.max(*at),
            _ => now,
        };
        *next = Some((Arc::downgrade(token), turn + step));
        turn - now
    }
}

fn between(connections: usize, left: Option<Duration>) -> Duration {
    let usual = Duration::from_secs(1) / RATE;
    let connections = u32::try_from(connections).unwrap_or(u32::MAX).max(1);
    left.map_or(usual, |left| usual.min(left / 2 / connections))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn token(id: &str) -> Arc<Token> {
        Arc::new(Token::new(id, Secret::from("h")).unwrap())
    }

    #[test]
    fn logins_are_spread_but_done_before_the_old_token_dies() {
        assert_eq!(between(0, None), Duration::from_millis(20));
        assert_eq!(between(100, Some(Duration::from_secs(3600))), Duration::from_millis(20));
        assert_eq!(between(1000, Some(Duration::from_secs(10))), Duration::from_millis(5));
        assert_eq!(between(10, Some(Duration::ZERO)), Duration::ZERO);
    }

    #[test]
    fn each_connection_has_a_turn_of_its_own_and_a_newer_token_begins_anew() {
        let (turns, now) = (Turns::default(), crate::time::now());
        let (a, b) = (token("a"), token("b"));
        let take = |token| turns.take(now, token, None).as_millis();
        assert_eq!([take(&a), take(&a), take(&a)], [0, 20, 40]);
        assert_eq!([take(&b), take(&b)], [0, 20]);
        assert_eq!(turns.take(now + Duration::from_secs(1), &b, None), Duration::ZERO);
    }
}
