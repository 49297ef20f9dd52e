use super::*;

fn batch(base: i64, count: u8) -> Vec<u8> {
    let body: Vec<u8> = (0..count).flat_map(record).collect();
    Draft { base, ..Draft::of(count.into(), &body) }.seal()
}

fn check(bytes: &[u8], from: i64, until: i64) -> (CheckedBatches, Option<Error>) {
    CheckedBatches::check(bytes.to_vec().into(), from, until, i64::MAX)
}

fn bases(batches: &CheckedBatches) -> Vec<i64> {
    batches.iter().map(|batch| batch.header().base_offset).collect()
}

#[test]
fn gives_whole_batches_up_to_the_end_of_the_range() {
    let mut bytes = [batch(10, 3), batch(13, 2), batch(15, 1)].concat();
    let (all, error) = check(&bytes, 12, 100);
    assert_eq!((bases(&all), all.next_offset(), error), (vec![10, 13, 15], 16, None));
    let (hole, _) = check(&bytes, 5, 8);
    assert_eq!((bases(&hole), hole.next_offset(), hole.first_offset()), (vec![], 8, Some(10)));
    let (some, _) = check(&bytes, 12, 14);
    assert_eq!((bases(&some), some.next_offset(), some.count()), (vec![10, 13], 15, 2));
    bytes.truncate(bytes.len() - 1);
    let (whole, error) = check(&bytes, 12, 100);
    assert_eq!((bases(&whole), whole.next_offset(), error), (vec![10, 13], 15, None));
}

#[test]
fn gives_the_batches_before_a_wrong_one_with_its_error() {
    let mut bytes = [batch(10, 3), batch(13, 2)].concat();
    *bytes.last_mut().unwrap() ^= 1;
    let (right, error) = check(&bytes, 10, 100);
    assert_eq!((bases(&right), right.next_offset()), (vec![10], 13));
    assert!(matches!(error, Some(Error::Crc { .. })));
}

#[test]
fn refuses_batches_that_all_lie_before_the_offset_asked_for() {
    let (none, error) = check(&batch(10, 3), 13, 100);
    assert_eq!((none.count(), none.len(), none.next_offset()), (0, 0, 13));
    assert_eq!(error, Some(Error::OffsetsGoBack { got: 13, min: 14 }));
}

#[test]
fn a_batch_beyond_the_range_settles_what_is_missing_before_it() {
    let (some, error) = check(&[batch(10, 3), batch(20, 2)].concat(), 11, 18);
    assert_eq!((bases(&some), some.next_offset(), error), (vec![10], 18, None));
    let mut hurt = batch(20, 2);
    *hurt.last_mut().unwrap() ^= 1;
    let (some, error) = check(&[batch(10, 3), hurt].concat(), 11, 18);
    assert_eq!((some.next_offset(), error.is_some()), (13, true), "a batch that is wrong settles nothing");
}

#[test]
fn a_hole_that_ends_beyond_the_end_of_the_log_is_damage_and_settles_nothing() {
    let check = |bytes: &[u8], until, end| CheckedBatches::check(bytes.to_vec().into(), 10, until, end);
    let far = [batch(10, 3), batch(1 << 62, 3)].concat();
    for until in [20, i64::MAX] {
        let (some, error) = check(&far, until, 20);
        assert_eq!((bases(&some), some.next_offset()), (vec![10], 13));
        assert_eq!(error, Some(Error::OffsetsBeyondEnd { got: 1 << 62, end: 20 }));
    }
    let (grown, error) = check(&[batch(10, 3), batch(13, 2)].concat(), 20, 13);
    assert_eq!((bases(&grown), error), (vec![10, 13], None), "the log grew while it was read");
    let (unknown, error) = check(&batch(15, 1), 20, -1);
    assert_eq!((bases(&unknown), error), (vec![15], None), "an end that is not told refutes nothing");
}
