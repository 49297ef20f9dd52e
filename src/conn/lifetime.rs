//! How long a login lasts, and when to renew it (KIP-368).
//!
//! A broker ends a session `session_lifetime_ms` after the login; a request after that end is
//! answered by closing the connection. `SaslHandshake` alone is still served, so a session past
//! its end is revived by logging in again before anything else is sent.

use std::time::{Duration, Instant};

/// A broker refuses to start a login less than this after the last one began.
const MIN_BETWEEN_LOGINS: Duration = Duration::from_secs(1);

/// Where in the session's life the next login falls: 85 % to 95 %, so that connections that were
/// made together do not come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RenewalPoint(u8);

impl RenewalPoint {
    /// Picks a point by one random byte.
    pub(crate) fn from_random(byte: u8) -> Self {
        Self(byte)
    }

    /// 0.85 + 0.10 × byte / 255 of `life`.
    fn of(self, life: Duration) -> Duration {
        let permille = 850 + u32::from(self.0) * 100 / 255;
        life / 1000 * permille
    }
}

/// The life of the present session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetime {
    began: Instant,
    due: Instant,
    end: Instant,
    postponed: bool,
}

impl Lifetime {
    /// Counts from `began`, when the login's first request was made: the broker counts from a
    /// later moment, so this end never lies after the true one.
    pub(crate) fn new(began: Instant, life: Duration, point: RenewalPoint) -> Self {
        let due = point.of(life).max(MIN_BETWEEN_LOGINS);
        Self { began, due: began + due.min(life), end: began + life, postponed: false }
    }

    /// When the next login should start.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// When the session ends.
    pub(crate) fn end(&self) -> Instant {
        self.end
    }

    /// Whether the broker no longer serves anything but a login.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        now >= self.end
    }

    /// Moves the next login to `at`, if it was due later: there is a newer credential.
    pub(crate) fn bring_forward(&mut self, at: Instant) {
        self.due = self.due.min(at.max(self.began + MIN_BETWEEN_LOGINS));
    }

    /// Puts the next login off: the broker said that it is too early. That may be past the end of
    /// the session, which then serves nothing for as long; but not twice, or it would for ever.
    /// Tells whether it was put off.
    pub(crate) fn postpone(&mut self, now: Instant) -> bool {
        let hopeless = self.postponed && self.is_over(now);
        self.postponed = true;
        self.due = now + MIN_BETWEEN_LOGINS;
        !hopeless
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_login_is_due_between_85_and_95_percent() {
        let began = crate::time::now();
        let life = Duration::from_secs(1000);
        let due = |byte| Lifetime::new(began, life, RenewalPoint::from_random(byte)).due() - began;
        assert_eq!(due(0), Duration::from_secs(850));
        assert_eq!(due(255), Duration::from_secs(950));
        assert!((0..=255).all(|byte| due(byte) <= Duration::from_secs(950)));
    }

    #[test]
    fn two_logins_start_at_least_a_second_apart_where_the_session_is_that_long() {
        let began = crate::time::now();
        let point = RenewalPoint::from_random(0);
        let due = |millis| Lifetime::new(began, Duration::from_millis(millis), point).due() - began;
        assert_eq!(due(1_100), Duration::from_secs(1));
        assert_eq!(due(300), Duration::from_millis(300));
    }

    #[test]
    fn a_newer_credential_brings_the_next_login_forward_but_not_within_a_second_of_the_last() {
        let began = crate::time::now();
        let second = Duration::from_secs(1);
        let mut life = Lifetime::new(began, 100 * second, RenewalPoint::from_random(0));
        life.bring_forward(began + 99 * second);
        assert_eq!(life.due(), began + 85 * second);
        life.bring_forward(began + 10 * second);
        assert_eq!(life.due(), began + 10 * second);
        life.bring_forward(began);
        assert_eq!(life.due(), began + second);
    }

    #[test]
    fn a_session_is_over_at_its_end() {
        let began = crate::time::now();
        let life = Lifetime::new(began, Duration::from_secs(5), RenewalPoint::from_random(0));
        assert!(!life.is_over(began + Duration::from_millis(4_999)));
        assert!(life.is_over(began + Duration::from_secs(5)));
    }

    #[test]
    fn past_its_end_a_session_can_be_put_off_once_only() {
        let began = crate::time::now();
        let second = Duration::from_secs(1);
        let mut life = Lifetime::new(began, 5 * second, RenewalPoint::from_random(0));
        assert!(life.postpone(began + 4 * second) && life.postpone(began + 4 * second));
        assert_eq!(life.due(), began + 5 * second);
        assert!(!life.postpone(began + 5 * second));
        let mut late = Lifetime::new(began, 5 * second, RenewalPoint::from_random(0));
        assert!(late.postpone(began + 6 * second));
        assert!(!late.postpone(began + 7 * second));
    }
}
