//! Aborted transactions, as a consumer of committed records meets them.

use super::*;

const TRANSACTIONAL: i16 = 16;
const CONTROL: i16 = 16 | 32;

fn data(base: i64, producer_id: i64, attributes: i16) -> Vec<u8> {
    Draft { base, producer_id, attributes, ..Draft::of(1, &record(0)) }.seal()
}

fn control(base: i64, producer_id: i64, key: &[u8]) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 0, u8::try_from(key.len() * 2).unwrap()];
    body.extend(key);
    body.extend([1, 0]);
    body[0] = u8::try_from((body.len() - 1) * 2).unwrap();
    Draft { base, producer_id, attributes: CONTROL, ..Draft::of(1, &body) }.seal()
}

fn abort(base: i64, producer_id: i64) -> Vec<u8> {
    control(base, producer_id, &[0, 0, 0, 0])
}

fn commit(base: i64, producer_id: i64) -> Vec<u8> {
    control(base, producer_id, &[0, 0, 0, 1])
}

/// The base offsets of the batches that are let through.
fn admitted(batches: &[Vec<u8>], aborted: &[(i64, i64)]) -> Result<Vec<i64>, Error> {
    let mut filter = AbortedTransactions::new(aborted.iter().copied());
    let mut decompressor = Decompressor::new(1000);
    let mut admitted = Vec::new();
    for batch in Batches::new(&batches.concat()) {
        let batch = batch?.verify_crc()?;
        if filter.admits(&batch, &mut decompressor)? {
            admitted.push(batch.header().base_offset);
        }
    }
    Ok(admitted)
}

fn marker(bytes: &[u8]) -> Result<Option<Marker>, Error> {
    let batch = Batches::new(bytes).next().unwrap()?.verify_crc()?;
    batch.marker(&mut Decompressor::new(1000))
}

#[test]
fn reads_what_a_control_batch_marks() {
    assert_eq!(marker(&abort(0, 1)), Ok(Some(Marker::Abort)));
    assert_eq!(marker(&commit(0, 1)), Ok(Some(Marker::Commit)));
    assert_eq!(marker(&control(0, 1, &[0, 0, 0, 2, 9])), Ok(Some(Marker::Other(2))));
    assert_eq!(marker(&data(0, 1, TRANSACTIONAL)), Ok(None));
    let emptied = Draft { attributes: CONTROL, ..Draft::of(0, &[]) }.seal();
    assert_eq!(marker(&emptied), Ok(None));
}

#[test]
fn refuses_control_records_without_version_and_type() {
    for key in [&[][..], &[0, 0, 0], &[0xff, 0xff, 0, 0]] {
        assert_eq!(marker(&control(0, 1, key)), Err(Error::ControlRecord), "{key:?}");
    }
    let keyless = Draft { attributes: CONTROL, ..Draft::of(1, &record(0)) }.seal();
    assert_eq!(marker(&keyless), Err(Error::ControlRecord));
}

#[test]
fn leaves_out_aborted_transactions_and_control_batches() {
    let batches = [
        data(0, 7, TRANSACTIONAL), // committed
        commit(1, 7),
        data(2, 7, TRANSACTIONAL), // aborted
        data(3, 8, TRANSACTIONAL), // of another producer
        data(4, 7, TRANSACTIONAL), // aborted
        data(5, -1, 0),            // of no transaction
        abort(6, 7),
        data(7, 7, TRANSACTIONAL), // the next transaction of the same producer
        commit(8, 7),
        commit(9, 8),
    ];
    assert_eq!(admitted(&batches, &[(7, 2)]), Ok(vec![0, 3, 5, 7]));
}

#[test]
fn the_abort_of_another_producer_ends_nothing() {
    let batches = [data(0, 7, TRANSACTIONAL), abort(1, 8), commit(2, 7), data(3, 7, TRANSACTIONAL)];
    assert_eq!(admitted(&batches, &[(7, 0), (8, 0)]), Ok(vec![]));
}

#[test]
fn a_list_in_any_order_serves_transactions_that_follow_each_other() {
    let batches = [
        data(10, 7, TRANSACTIONAL),
        abort(11, 7),
        data(12, 7, TRANSACTIONAL),
        abort(13, 7),
        data(14, 7, TRANSACTIONAL),
    ];
    assert_eq!(admitted(&batches, &[(7, 12), (7, 3)]), Ok(vec![14]));
}

#[test]
fn records_of_the_producer_outside_of_its_transaction_are_let_through() {
    assert_eq!(admitted(&[data(0, 7, 0)], &[(7, 0)]), Ok(vec![0]));
}

#[test]
fn a_malformed_marker_is_an_error_while_a_transaction_is_open() {
    let batches = [data(0, 7, TRANSACTIONAL), control(1, 7, &[0])];
    assert_eq!(admitted(&batches, &[(7, 0)]), Err(Error::ControlRecord));
}
