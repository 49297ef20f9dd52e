//! Whether a broker can be reached, and when somebody is to hear of it: at once, then ever more
//! seldom, and once more when it is back. One lost connection is nobody's business.

use std::time::{Duration, Instant};

/// So many dials in a row have to fail: one lost connection, or one broker that restarts in a
/// moment, is no outage.
const FAILURES: u32 = 2;
/// The wait before an outage that goes on is told again; it doubles.
const FIRST: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// What the dials to one broker came to.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    failures: u32,
    began: Option<Instant>,
    told: Option<Told>,
}

#[derive(Debug)]
struct Told {
    again_at: Instant,
    wait: Duration,
}

/// What is to be told now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Nothing.
    None,
    /// The broker has been away for so long.
    Away { since: Duration },
    /// It is back, after so long.
    Back { after: Duration },
}

impl Outage {
    /// A dial failed, for a reason that may pass.
    pub(crate) fn on_failure(&mut self, now: Instant) -> News {
        self.failures = self.failures.saturating_add(1);
        let began = *self.began.get_or_insert(now);
        let wait = match &self.told {
            _ if self.failures < FAILURES => return News::None,
            Some(told) if now < told.again_at => return News::None,
            Some(told) => (told.wait * 2).min(LONGEST),
            None => FIRST,
        };
        self.told = Some(Told { again_at: now + wait, wait });
        News::Away { since: now.saturating_duration_since(began) }
    }

    /// A dial succeeded.
    pub(crate) fn on_connected(&mut self, now: Instant) -> News {
        match std::mem::take(self) {
            Self { told: Some(_), began: Some(began), .. } => {
                News::Back { after: now.saturating_duration_since(began) }
            }
            _ => News::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn one_failed_dial_is_not_told() {
        let (mut outage, now) = (Outage::default(), crate::time::now());
        assert_eq!(outage.on_failure(now), News::None);
        assert_eq!(outage.on_connected(now + SECOND), News::None);
        assert_eq!(outage.on_failure(now + 2 * SECOND), News::None);
    }

    #[test]
    fn an_outage_is_told_at_once_and_then_ever_more_seldom() {
        let (mut outage, now) = (Outage::default(), crate::time::now());
        let told: Vec<_> =
            (0..600).filter(|second| outage.on_failure(now + *second * SECOND) != News::None).collect();
        assert_eq!(told, [1, 31, 91, 211, 451]);
    }

    #[test]
    fn who_heard_of_an_outage_hears_of_its_end_once() {
        let (mut outage, now) = (Outage::default(), crate::time::now());
        outage.on_failure(now);
        assert_eq!(outage.on_failure(now + SECOND), News::Away { since: SECOND });
        assert_eq!(outage.on_connected(now + 3 * SECOND), News::Back { after: 3 * SECOND });
        assert_eq!(outage.on_connected(now + 4 * SECOND), News::None);
    }
}
