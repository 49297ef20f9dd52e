use std::cell::RefCell;

use super::*;
use crate::time;

const PAUSE: Duration = ATTEMPT_DELAY;
const MS: Duration = Duration::from_millis(1);

/// What a place does.
#[derive(Clone, Copy)]
enum Place {
    Silent,
    Answers(Duration),
    Fails(Duration),
}

use Place::{Answers, Fails, Silent};

/// Races places, and tells which one won or failed last, when each was begun, and when it ended.
async fn raced(places: &[Place]) -> (Result<usize, Option<usize>>, Vec<Duration>, Duration) {
    let (began, starts) = (time::now(), RefCell::new(Vec::new()));
    let outcome = race(places.iter().copied().enumerate(), PAUSE, |(number, place)| {
        starts.borrow_mut().push(time::now() - began);
        async move {
            match place {
                Silent => std::future::pending().await,
                Answers(after) => tokio::time::sleep(after).await,
                Fails(after) => {
                    tokio::time::sleep(after).await;
                    return Err(number);
                }
            }
            Ok(number)
        }
    });
    let outcome = tokio::time::timeout(Duration::from_secs(3600), outcome).await;
    (outcome.expect("an end"), starts.into_inner(), time::now() - began)
}

#[tokio::test(start_paused = true)]
async fn a_silent_address_costs_one_pause() {
    let (won, starts, took) = raced(&[Silent, Answers(10 * MS), Answers(MS)]).await;
    assert_eq!(won, Ok(1));
    assert_eq!(starts, [Duration::ZERO, PAUSE]);
    assert_eq!(took, PAUSE + 10 * MS);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_answers_in_time_is_tried_alone() {
    let (won, starts, took) = raced(&[Answers(100 * MS), Answers(MS)]).await;
    assert_eq!((won, starts.len(), took), (Ok(0), 1, 100 * MS));
}

#[tokio::test(start_paused = true)]
async fn after_a_failure_the_next_address_is_tried_at_once() {
    let (won, starts, took) = raced(&[Fails(5 * MS), Fails(5 * MS), Answers(MS)]).await;
    assert_eq!((won, took), (Ok(2), 11 * MS));
    assert_eq!(starts, [Duration::ZERO, 5 * MS, 10 * MS]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_address_may_still_win_after_others_were_begun() {
    let (won, starts, took) = raced(&[Answers(300 * MS), Silent, Silent]).await;
    assert_eq!((won, starts.len(), took), (Ok(0), 2, 300 * MS));
}

#[tokio::test(start_paused = true)]
async fn the_last_failure_is_told_when_all_have_failed() {
    let (won, starts, took) = raced(&[Fails(400 * MS), Fails(MS)]).await;
    assert_eq!((won, starts.len(), took), (Err(Some(0)), 2, 400 * MS));
    assert_eq!(raced(&[]).await.0, Err(None));
}

#[test]
fn families_take_turns_beginning_with_that_of_the_first() {
    let parse = |texts: &[&str]| -> Vec<SocketAddr> { texts.iter().map(|t| t.parse().unwrap()).collect() };
    let told = parse(&["[::1]:1", "[::2]:1", "[::3]:1", "1.0.0.1:1", "1.0.0.2:1"]);
    let sorted = parse(&["[::1]:1", "1.0.0.1:1", "[::2]:1", "1.0.0.2:1", "[::3]:1"]);
    assert_eq!(interleaved(told), sorted);
    assert_eq!(interleaved(Vec::new()), Vec::new());
}
