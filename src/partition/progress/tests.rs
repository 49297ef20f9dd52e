use bytes::Bytes;

use super::*;
use crate::ids::BrokerId;
use crate::time;

/// A batch of one record-less span of offsets: heads and CRCs are all that is looked at here.
fn batch(base: i64, offsets: i32) -> Vec<u8> {
    let mut covered = vec![0, 0];
    covered.extend((offsets - 1).to_be_bytes());
    covered.extend([0; 16]);
    covered.extend([0xff; 14]);
    covered.extend([0; 4]);
    let mut bytes = base.to_be_bytes().to_vec();
    bytes.extend(i32::try_from(covered.len() + 9).unwrap().to_be_bytes());
    bytes.extend([0, 0, 0, 0, 2]);
    bytes.extend(crc32c::crc32c(&covered).to_be_bytes());
    bytes.extend(covered);
    bytes
}

fn progress(from: i64, until: i64) -> Progress {
    Progress::new(OffsetRange::new(TopicPartition::new("t", 0), from, until))
}

fn fetched(batches: &[Vec<u8>], high_watermark: i64, log_start_offset: i64) -> FetchedPartition {
    FetchedPartition {
        partition: 0,
        error: ErrorCode::NONE,
        high_watermark,
        last_stable_offset: high_watermark,
        log_start_offset,
        aborted_transactions: Vec::new(),
        diverging: None,
        records: Bytes::from(batches.concat()),
    }
}

fn take(progress: &mut Progress, mut fetched: FetchedPartition) -> Result<Taken, Fault> {
    progress.take(&mut fetched, Manner::default())
}

/// A batch that a leader appended in an epoch.
fn batch_of(epoch: u8, base: i64, offsets: i32) -> Vec<u8> {
    let mut bytes = batch(base, offsets);
    bytes[15] = epoch;
    bytes
}

fn leader(epoch: i32) -> Leader {
    Leader { broker: BrokerId(1), epoch: Some(LeaderEpoch(epoch)) }
}

fn told(epoch: i32, end_offset: i64) -> EpochEnd {
    EpochEnd { epoch: LeaderEpoch(epoch), end_offset }
}

fn lost(offsets: ops::Range<i64>, reason: LossReason) -> Loss {
    Loss { topic_partition: TopicPartition::new("t", 0), offsets, reason }
}

#[test]
fn goes_on_after_the_last_offset_covered_and_stops_at_the_end_of_the_range() {
    let mut progress = progress(5, 28);
    let taken = take(&mut progress, fetched(&[batch(0, 10), batch(10, 10)], 100, 0)).unwrap();
    assert_eq!((taken.offsets, taken.at_end, progress.next()), (5..20, false, 20));
    let taken = take(&mut progress, fetched(&[batch(20, 10), batch(30, 10)], 100, 0)).unwrap();
    assert_eq!((taken.offsets, taken.batches.count()), (20..28, 1));
    assert!(progress.is_finished());
}

#[test]
fn nothing_more_at_present_is_not_the_end_of_the_range() {
    let mut progress = progress(5, 28);
    let taken = take(&mut progress, fetched(&[], 5, 0)).unwrap();
    assert!(taken.at_end && !taken.moved && !progress.is_finished());
    let mut stable = fetched(&[batch(5, 5)], 20, 0);
    stable.last_stable_offset = 10;
    let manner = Manner { isolation_level: IsolationLevel::ReadCommitted, ..Manner::default() };
    assert!(progress.take(&mut stable, manner).unwrap().at_end);
}

#[test]
fn a_batch_beyond_the_range_settles_a_hole_at_its_end() {
    let mut beyond = progress(5, 28);
    let taken = take(&mut beyond, fetched(&[batch(0, 10), batch(40, 10)], 100, 0)).unwrap();
    assert_eq!((taken.offsets, taken.batches.count(), taken.lost), (5..28, 1, None));
    assert!(beyond.is_finished());
    let mut deleted = progress(5, 28);
    let taken = take(&mut deleted, fetched(&[batch(40, 10)], 100, 40)).unwrap();
    assert_eq!((taken.offsets, taken.lost), (28..28, Some(lost(5..28, LossReason::Deleted))));
}

#[test]
fn a_gap_is_a_loss_only_as_far_as_the_log_begins_after_it() {
    let lost = |log_start| {
        let mut progress = progress(5, 40);
        let taken = take(&mut progress, fetched(&[batch(20, 10)], 100, log_start)).unwrap();
        (taken.lost.map(|loss| loss.offsets), taken.offsets)
    };
    assert_eq!(lost(0), (None, 5..30));
    assert_eq!(lost(-1), (None, 5..30), "brokers of old do not tell");
    assert_eq!(lost(12), (Some(5..12), 12..30));
    assert_eq!(lost(25), (Some(5..20), 20..30));
}

#[test]
fn an_offset_out_of_range_is_judged_by_what_the_partition_has() {
    let resolved = |until, begun, earliest, latest| {
        let mut progress = progress(5, until);
        if begun {
            take(&mut progress, fetched(&[batch(0, 10)], 100, 0)).unwrap();
            progress.forget_epochs();
        }
        (progress.resolve(earliest, latest), progress.next())
    };
    let deleted = |offsets| Bounds::Lost(lost(offsets, LossReason::Deleted));
    assert_eq!(resolved(40, false, 0, 100), (Bounds::Within, 5));
    assert_eq!(resolved(40, false, 30, 100), (deleted(5..30), 30));
    assert_eq!(resolved(40, false, 50, 100), (deleted(5..40), 40));
    assert_eq!(resolved(40, false, 0, 4), (Bounds::Beyond, 5), "it never was there");
    let truncated = |offsets| Bounds::Lost(lost(offsets, LossReason::Truncated));
    for until in [40, i64::MAX] {
        assert_eq!(resolved(until, true, 0, 7), (truncated(7..10), 7), "the range goes on to {until}");
    }
    // Nothing before the range is given again, but a log that was cut off there is followed.
    assert_eq!(resolved(40, true, 0, 3), (truncated(5..10), 3));
}

#[test]
fn records_before_a_range_are_passed_over_where_its_log_was_cut_off() {
    let mut progress = progress(5, 40);
    take(&mut progress, fetched(&[batch(0, 10)], 100, 0)).unwrap();
    assert_eq!(
        (progress.resolve(0, 4), progress.next()),
        (Bounds::Within, 10),
        "its epoch tells where it parts"
    );
    progress.forget_epochs();
    assert_eq!(progress.resolve(0, 4), Bounds::Lost(lost(5..10, LossReason::Truncated)));
    assert_eq!((progress.resolve(0, 2), progress.next()), (Bounds::Within, 2), "none of it was given");
    let taken = take(&mut progress, fetched(&[batch(2, 2)], 4, 0)).unwrap();
    assert_eq!((taken.offsets, taken.moved, progress.next()), (5..5, true, 4));
    let taken = take(&mut progress, fetched(&[batch(4, 6)], 10, 0)).unwrap();
    assert_eq!(taken.offsets, 5..10);
}

#[test]
fn a_log_parts_where_the_leader_says_that_the_epoch_ends() {
    let read = || {
        let mut progress = progress(0, i64::MAX);
        progress.locate(leader(2), 1);
        let batches = [batch_of(0, 0, 10), batch_of(1, 10, 20)];
        take(&mut progress, fetched(&batches, 100, 0)).unwrap();
        progress
    };
    let parted = |end| {
        let mut progress = read();
        (progress.part(end), progress.next(), progress.last_epoch().map(|epoch| epoch.0))
    };
    let truncated = |offsets| Parting::Lost(lost(offsets, LossReason::Truncated));
    assert_eq!(parted(told(1, 15)), (truncated(15..30), 15, Some(1)));
    assert_eq!(parted(told(0, 15)), (truncated(10..30), 10, Some(0)));
    assert_eq!(parted(told(0, 0)), (truncated(0..30), 0, None));
    assert_eq!(parted(told(1, 30)), (Parting::Nowhere, 30, Some(1)));
    assert_eq!(parted(told(-1, -1)), (Parting::Unknown, 30, Some(1)));
}

#[test]
fn of_records_that_seem_newer_than_their_leader_the_epoch_is_not_known() {
    let mut progress = progress(0, i64::MAX);
    progress.locate(leader(2), 1);
    take(&mut progress, fetched(&[batch_of(0, 0, 10)], 100, 0)).unwrap();
    assert_eq!(progress.last_epoch(), Some(LeaderEpoch(0)));
    take(&mut progress, fetched(&[batch_of(9, 10, 10)], 100, 0)).unwrap();
    assert_eq!(progress.last_epoch(), None, "of an older one the leader would say that its log parts");
    take(&mut progress, fetched(&[batch_of(2, 20, 10)], 100, 0)).unwrap();
    assert_eq!(progress.last_epoch(), Some(LeaderEpoch(2)));
}

#[test]
fn a_range_is_unproven_from_a_change_of_its_leader_to_the_next_answer() {
    let mut progress = progress(0, 40);
    progress.locate(leader(1), 1);
    assert!(!progress.is_unproven(), "nothing was read");
    take(&mut progress, fetched(&[batch(0, 10)], 100, 0)).unwrap();
    progress.locate(leader(2), 2);
    assert!(progress.is_unproven());
    take(&mut progress, fetched(&[], 100, 0)).unwrap();
    assert!(!progress.is_unproven());
}

#[test]
fn another_id_is_believed_when_three_pictures_tell_it() {
    let (own, other) = (TopicId::new(1), TopicId::new(2));
    let mut progress = progress(0, 40);
    let mut identify = |id, generation| {
        let identity = progress.identify(id, generation);
        progress.locate(leader(1), generation);
        identity
    };
    let pictures =
        [(None, 1), (own, 2), (other, 3), (own, 4), (other, 5), (other, 5), (other, 6), (other, 7)];
    let told = pictures.map(|(id, generation)| identify(id, generation));
    use Identity::{Doubtful, Other, Same};
    assert_eq!(told, [Same, Same, Doubtful, Same, Doubtful, Doubtful, Doubtful, Other]);
}

#[test]
fn a_topic_made_anew_ends_a_range_and_begins_one_without_an_end_again() {
    let read = |until| {
        let mut progress = progress(5, until);
        take(&mut progress, fetched(&[batch(0, 10)], 30, 0)).unwrap();
        progress
    };
    let mut bounded = read(40);
    assert_eq!(bounded.begin_anew(TopicId::new(2), 0), lost(10..40, LossReason::Recreated));
    assert!(bounded.is_finished());
    let mut open = read(i64::MAX);
    assert_eq!(open.begin_anew(TopicId::new(2), 3), lost(10..30, LossReason::Recreated));
    assert_eq!((open.next(), open.topic_id, open.last_epoch()), (3, TopicId::new(2), None));
}

#[test]
fn damage_is_fetched_once_more_and_then_an_error() {
    let hurt = || {
        let mut hurt = batch(0, 10);
        *hurt.last_mut().unwrap() ^= 1;
        fetched(&[hurt], 10, 0)
    };
    let mut progress = progress(0, 10);
    let taken = take(&mut progress, hurt()).unwrap();
    assert_eq!((taken.offsets, taken.at_end), (0..0, false));
    assert!(matches!(take(&mut progress, hurt()), Err(Fault::Records(records::Error::Crc { .. }))));
}

#[test]
fn a_format_of_old_is_an_error_at_once() {
    let mut old = batch(0, 10);
    old[16] = 1;
    let error = take(&mut progress(0, 10), fetched(&[old], 10, 0)).unwrap_err();
    assert_eq!(error, Fault::Records(records::Error::Magic { got: 1 }));
}

#[test]
fn refusals_are_told_apart() {
    let refused = |code| {
        let answer = FetchedPartition { error: code, ..fetched(&[], -1, -1) };
        take(&mut progress(0, 10), answer).unwrap_err()
    };
    assert_eq!(refused(ErrorCode::OFFSET_OUT_OF_RANGE), Fault::OutOfRange);
    let moved = ErrorCode::NOT_LEADER_OR_FOLLOWER;
    assert_eq!(refused(moved), Fault::Broker(moved));
}

#[test]
fn an_answer_that_moves_nothing_forward_ends_no_row_of_failures() {
    let failed = || {
        let mut progress = progress(0, 10);
        progress.ask(Duration::ZERO);
        let now = time::now();
        progress.fail(now);
        progress.fail(now);
        progress
    };
    let after = |answer: FetchedPartition, manner| {
        let mut progress = failed();
        let _ = progress.take(&mut answer.clone(), manner);
        (progress.failures(), progress.silence(Duration::from_secs(9)) >= Duration::from_secs(9))
    };
    let plain = Manner::default();
    assert_eq!(after(fetched(&[batch(0, 5)], 5, 0), plain), (0, false));
    assert_eq!(after(fetched(&[], 5, 0), plain), (2, true), "none of the records that there are");
    assert_eq!(after(fetched(&[], 0, 0), plain), (2, false), "nothing is there");
    assert_eq!(after(fetched(&[], 0, 0), Manner { held: true, ..plain }), (0, false));
    assert_eq!(after(fetched(&[], 5, 0), Manner { throttled: true, ..plain }), (2, false));
    let refused = FetchedPartition { error: ErrorCode::NOT_LEADER_OR_FOLLOWER, ..fetched(&[], -1, -1) };
    assert_eq!(after(refused, plain), (2, true));
}

#[test]
fn a_range_that_waits_for_its_turn_is_not_in_trouble() {
    let mut progress = progress(0, 10);
    let seconds = Duration::from_secs;
    progress.ask(seconds(0));
    progress.postpone(seconds(1));
    assert_eq!(progress.silence(seconds(99)), seconds(1));
    progress.fail(time::now());
    progress.ask(seconds(99));
    progress.postpone(seconds(100));
    assert_eq!(progress.silence(seconds(300)), seconds(2), "after a failure either");
    progress.ask(seconds(300));
    progress.excuse_until(seconds(309));
    progress.postpone(seconds(310));
    assert_eq!(progress.silence(seconds(400)), seconds(3), "its broker was busy with others");
    assert_eq!(progress.failures(), 1, "that it waits ends no row of failures");
}

#[test]
fn a_failure_a_minute_after_the_last_one_begins_another_row() {
    let (mut progress, start, second) = (progress(0, 10), time::now(), Duration::from_secs(1));
    let rows = [0, 1, 60, 121, 122].map(|at| {
        progress.stray(start + at * second);
        (progress.failures(), progress.strays())
    });
    assert_eq!(rows, [(1, 1), (2, 2), (3, 3), (1, 1), (2, 2)]);
}

#[test]
fn answers_that_break_the_protocol_are_counted_beside_other_failures_and_until_one_is_read() {
    let (mut progress, now) = (progress(0, 10), time::now());
    (0..9).for_each(|_| progress.fail(now));
    progress.damage(now);
    progress.fail(now);
    progress.damage(now);
    assert_eq!((progress.failures(), progress.damaged()), (12, 2));
    let refused = FetchedPartition { error: ErrorCode::NOT_LEADER_OR_FOLLOWER, ..fetched(&[], -1, -1) };
    take(&mut progress, refused).unwrap_err();
    assert_eq!((progress.failures(), progress.damaged()), (12, 0));
}

#[test]
fn the_length_of_batches_is_the_mean_of_an_answer_and_falls_by_an_eighth_at_most() {
    let mut progress = progress(0, 40);
    take(&mut progress, fetched(&[batch(0, 10)], 100, 0)).unwrap();
    assert_eq!(progress.batch_bytes(), batch(0, 10).len());
    progress.batch_bytes = 804;
    take(&mut progress, fetched(&[batch(10, 10)], 100, 0)).unwrap();
    assert_eq!(progress.batch_bytes(), 704);
}

#[test]
fn a_range_of_which_nothing_comes_says_so_after_five_seconds() {
    let mut progress = progress(0, 10);
    progress.ask(Duration::ZERO);
    let told = [4, 5, 6].map(|at| progress.warns_of_trouble(Duration::from_secs(at)));
    assert_eq!(told, [false, true, false]);
}

#[test]
fn a_range_that_ends_beyond_what_there_is_says_so_after_a_while() {
    let mut range = progress(0, 10);
    let seconds = Duration::from_secs;
    assert_eq!([0, 4, 5, 6].map(|at| range.warns_of_waiting(seconds(at), 7)), [false, false, true, false]);
    let mut within = progress(0, 10);
    assert!(
        ![0, 99].map(|at| within.warns_of_waiting(seconds(at), 10)).contains(&true),
        "all of it is there"
    );
    let mut open = progress(0, i64::MAX);
    assert!(![0, 99].map(|at| open.warns_of_waiting(seconds(at), 7)).contains(&true));
}
