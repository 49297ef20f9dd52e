//! When to say that nothing is written although something is to be: after five seconds, then ever more seldom.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_secs(5);

/// The silence of brokers towards one writer.
#[derive(Debug, Default)]
pub(super) struct Stall {
    /// Since when something waits and nothing was written.
    since: Option<Instant>,
    /// For how long that may go on without another word.
    patience: Duration,
}

impl Stall {
    /// Looks whether it is time for a word, and says for how long nothing was written.
    pub(super) fn poll(&mut self, now: Instant, waits: bool) -> Option<Duration> {
        if !waits {
            self.since = None;
            return None;
        }
        let since = match self.since {
            Some(since) => since,
            None => {
                (self.since, self.patience) = (Some(now), FIRST);
                now
            }
        };
        let silence = now.saturating_duration_since(since);
        let is_long = silence >= self.patience;
        if is_long {
            self.patience *= 2;
        }
        is_long.then_some(silence)
    }

    /// Something was written. Gives how long nothing was, if that was said. The next silence begins when something is
    /// seen to wait, not now: nothing may be left to write.
    pub(super) fn on_progress(&mut self, now: Instant) -> Option<Duration> {
        let since = self.since.take()?;
        (self.patience > FIRST).then(|| now.saturating_duration_since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::now;

    #[test]
    fn a_word_comes_after_five_seconds_and_then_ever_more_seldom() {
        let (mut stall, start) = (Stall::default(), now());
        let said: Vec<u64> = (0..200)
            .filter(|second| stall.poll(start + Duration::from_secs(*second), true).is_some())
            .collect();
        assert_eq!(said, [5, 10, 20, 40, 80, 160]);
        let end = start + Duration::from_secs(200);
        assert_eq!(stall.on_progress(end), Some(Duration::from_secs(200)));
        assert_eq!(stall.on_progress(end), None, "once");
        assert!(stall.poll(end + Duration::from_secs(4), true).is_none());
    }

    #[test]
    fn a_writer_with_nothing_to_write_is_not_stalled() {
        let (mut stall, start) = (Stall::default(), now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(stall.poll(start, true).is_none() && stall.poll(after(4), false).is_none());
        assert!(stall.poll(after(60), true).is_none() && stall.poll(after(64), true).is_none());
        assert!(stall.poll(after(65), true).is_some());
    }

    #[test]
    fn what_is_written_before_the_first_look_is_no_silence() {
        let (mut stall, start) = (Stall::default(), now());
        for tick in 0..200 {
            let at = start + Duration::from_millis(500 * tick);
            assert_eq!(stall.on_progress(at), None);
            assert_eq!(stall.poll(at, true), None, "{tick}");
        }
    }

    #[test]
    fn a_pause_after_what_was_written_does_not_count() {
        let (mut stall, start) = (Stall::default(), now());
        assert!(stall.poll(start, true).is_none() && stall.on_progress(start).is_none());
        let later = start + Duration::from_secs(3_600);
        assert_eq!(stall.poll(later, true), None);
        assert_eq!(stall.poll(later + FIRST, true), Some(FIRST));
    }
}
