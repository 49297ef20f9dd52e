//! Clocks that do not agree.

use std::time::{Duration, SystemTime};

use super::{LIMIT, SECOND};
use crate::support::embedded::{builder, keeper, pass};
use crate::support::within;

#[tokio::test(start_paused = true)]
async fn a14_the_brokers_clock_is_ten_minutes_off() {
    within(LIMIT, "the test", async {
        let ten = Duration::from_secs(600);
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let mut schedules = Vec::new();
        for wall in [now, now + ten, now - ten] {
            let brokers = builder()
                .wall_clock(wall)
                .token_expiry(30 * SECOND)
                .token_max_lifetime(60 * SECOND)
                .start_in_memory()
                .unwrap();
            let keeper = keeper(&brokers).start().await.unwrap();
            let (mut schedule, mut seen) = (Vec::new(), 1);
            for step in 0..6_000 {
                pass(SECOND / 10).await;
                let state = keeper.state();
                if state.created + state.renewed > seen {
                    seen = state.created + state.renewed;
                    schedule.push(step);
                }
            }
            schedules.push(schedule);
        }
        assert!(schedules[0].len() >= 30, "{schedules:?}");
        for other in &schedules[1..] {
            let off = schedules[0].iter().zip(other).map(|(a, b): (&i32, &i32)| (a - b).abs()).max();
            assert!(off < Some(10) && other.len() == schedules[0].len(), "{schedules:?}");
        }
    })
    .await;
}
