use bytes::Bytes;

use super::*;

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
        records: Bytes::from(batches.concat()),
    }
}

fn take(progress: &mut Progress, mut fetched: FetchedPartition) -> Result<Taken, Fault> {
    progress.take(&mut fetched, IsolationLevel::ReadUncommitted)
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
    assert!(taken.at_end && !progress.is_finished());
    let mut stable = fetched(&[batch(5, 5)], 20, 0);
    stable.last_stable_offset = 10;
    assert!(progress.take(&mut stable, IsolationLevel::ReadCommitted).unwrap().at_end);
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
    let resolved = |earliest, latest| {
        let mut progress = progress(5, 40);
        let lost = progress.resolve(earliest, latest);
        (lost.map(|loss| loss.offsets), progress.next())
    };
    assert_eq!(resolved(0, 100), (None, 5));
    assert_eq!(resolved(30, 100), (Some(5..30), 30));
    assert_eq!(resolved(50, 100), (Some(5..40), 40));
    assert_eq!(resolved(0, 4), (Some(5..40), 40));
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
fn an_answer_ends_a_row_of_failures() {
    let second = Duration::from_secs(1);
    let mut progress = progress(0, 10);
    progress.fail(second);
    progress.spend(second);
    progress.fail(Duration::ZERO);
    assert_eq!(progress.failures(), 2);
    assert!(progress.is_given_up(2 * second) && !progress.is_given_up(3 * second));
    take(&mut progress, fetched(&[], 5, 0)).unwrap();
    assert_eq!(progress.failures(), 0);
    assert!(!progress.is_given_up(second));
}
