//! How long to wait before something that brought nothing is asked for again.

use std::time::Duration;

/// Per request of an attempt, the wait after the second failure in a row; after the first there is none.
const FIRST: Duration = Duration::from_millis(50);

/// Per request of an attempt, how far waits grow: forty requests a minute are not exceeded.
const MAX: Duration = Duration::from_secs(3);

/// The wait after so many failures in a row, before an attempt that takes so many requests. One random
/// byte lengthens it by up to a fifth, so that clients that failed together do not come back together.
pub(super) fn pause(failures: u32, requests: u32, random: u8) -> Duration {
    let Some(doublings) = failures.checked_sub(2) else { return Duration::ZERO };
    let pause = FIRST.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX));
    let pause = pause.min(MAX).saturating_mul(requests);
    pause + pause.saturating_mul(u32::from(random)) / (5 * 256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let pauses = [0, 1, 2, 3, 4, 7, 8, u32::MAX].map(|failures| pause(failures, 2, 0).as_millis());
        assert_eq!(pauses, [0, 0, 100, 200, 400, 3_200, 6_000, 6_000]);
        assert!((7_100..7_200).contains(&pause(9, 2, 255).as_millis()));
    }

    #[test]
    fn no_minute_sees_more_than_forty_requests() {
        for requests in 1..=4 {
            let (mut elapsed, mut failures) = (Duration::ZERO, 0);
            while elapsed < Duration::from_secs(60) {
                failures += 1;
                elapsed += pause(failures, requests, 0);
            }
            assert!((failures - 1) * requests <= 40, "{failures} attempts of {requests}");
        }
    }
}
