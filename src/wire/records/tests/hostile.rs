//! Batches that lie.

use proptest::prelude::*;

use super::*;

fn first_error(draft: &Draft) -> Error {
    read(&draft.seal()).unwrap_err()
}

#[test]
fn refuses_other_formats() {
    for magic in [0, 1, 3, 255] {
        let mut bytes = Draft::of(1, &record(0)).seal();
        bytes[16] = magic;
        assert_eq!(read(&bytes), Err(Error::Magic { got: magic }));
        assert_eq!(skim(&bytes, 0), Err(Error::Magic { got: magic }));
        assert_eq!(read(&bytes[..26]), Err(Error::Magic { got: magic }), "the old ones are shorter");
    }
}

#[test]
fn refuses_a_batch_shorter_than_its_head() {
    for got in [i32::MIN, -1, 0, 48] {
        let mut bytes = Draft::of(1, &record(0)).seal();
        bytes[8..12].copy_from_slice(&got.to_be_bytes());
        assert_eq!(read(&bytes), Err(Error::BatchLength { got }));
    }
}

#[test]
fn a_batch_that_claims_more_bytes_than_there_are_is_cut_short() {
    let mut bytes = Draft::of(1, &record(0)).seal();
    bytes[8..12].copy_from_slice(&i32::MAX.to_be_bytes());
    assert_eq!(read(&bytes), Ok(vec![]));
    assert_eq!(skim(&bytes, 3), Ok(Skimmed { next_offset: 3, batches: 0, bytes: 0 }));
}

#[test]
fn refuses_offsets_below_zero_or_beyond_the_last() {
    for (base, last_delta) in [(-1, 0), (i64::MIN, 5), (0, -1), (i64::MAX, 0), (i64::MAX - 5, 5)] {
        let draft = Draft { base, last_delta, ..Draft::of(1, &record(0)) };
        assert_eq!(first_error(&draft), Error::Offsets { base, last_delta });
    }
    let draft = Draft { base: i64::MAX - 6, last_delta: 5, ..Draft::of(1, &record(5)) };
    assert_eq!(read(&draft.seal()).unwrap()[0].offset, i64::MAX - 1);
}

#[test]
fn refuses_batches_that_do_not_go_on() {
    let batch = |base| Draft { base, last_delta: 1, ..Draft::of(1, &record(0)) }.seal();
    let bytes = [batch(5), batch(6)].concat();
    assert_eq!(read(&bytes), Err(Error::OffsetsGoBack { got: 6, min: 7 }));
    assert_eq!(skim(&bytes, 5), Err(Error::OffsetsGoBack { got: 6, min: 7 }));
    assert_eq!(skim(&batch(5), 7), Err(Error::OffsetsGoBack { got: 7, min: 8 }));
}

#[test]
fn refuses_a_batch_that_was_changed() {
    let bytes = Draft::of(1, &record(0)).seal();
    let stated = crc32c::crc32c(&bytes[21..]);
    for place in (21..23).chain(27..bytes.len()) {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        let got = crc32c::crc32c(&changed[21..]);
        assert_eq!(read(&changed), Err(Error::Crc { got, stated }), "{place}");
    }
}

#[test]
fn refuses_codecs_that_kafka_does_not_have() {
    for got in 5..8 {
        let draft = Draft { attributes: got, ..Draft::of(1, &record(0)) };
        assert_eq!(first_error(&draft), Error::UnknownCodec { got });
    }
}

#[test]
fn refuses_counts_that_are_not_those_of_the_records() {
    let two = [record(0), record(1)].concat();
    assert_eq!(first_error(&Draft::of(-1, &two)), Error::RecordCount { got: -1 });
    assert_eq!(first_error(&Draft::of(3, &two)), Error::RecordsMissing { left: 1 });
    assert_eq!(first_error(&Draft::of(i32::MAX, &two)), Error::RecordsMissing { left: 0x7fff_fffd });
    assert_eq!(first_error(&Draft::of(1, &two)), Error::TrailingBytes { left: 8 });
    assert_eq!(first_error(&Draft::of(0, &two)), Error::TrailingBytes { left: 16 });
}

#[test]
fn refuses_integers_that_are_cut_short_or_too_large() {
    for length in [&[0x80][..], &[0x80, 0x80], &[0xff; 5], &[0x80, 0x80, 0x80, 0x80, 0x10], &[0xff; 11]] {
        assert_eq!(first_error(&Draft::of(1, length)), Error::Varint, "{length:?}");
    }
    let timestamp = |timestamp: &[u8]| {
        let mut body = vec![0, 0];
        body.extend(timestamp);
        body.extend([0, 1, 1, 0]);
        body[0] = u8::try_from((body.len() - 1) * 2).unwrap();
        read(&Draft::of(1, &body).seal()).map(|records| records[0].timestamp)
    };
    let mut widest = [0xff; 10];
    widest[9] = 1;
    assert_eq!(timestamp(&widest), Ok(i64::MIN));
    widest[9] = 2;
    assert_eq!(timestamp(&widest), Err(Error::Varint));
    assert_eq!(timestamp(&[0x80; 10]), Err(Error::Varint));
}

#[test]
fn the_widest_length_is_read_as_a_number() {
    let error = Error::RecordLength { got: i32::MIN, left: 0 };
    assert_eq!(first_error(&Draft::of(1, &[0xff, 0xff, 0xff, 0xff, 0x0f])), error);
}

#[test]
fn refuses_records_that_reach_beyond_their_batch() {
    assert_eq!(first_error(&Draft::of(1, &[1, 0])), Error::RecordLength { got: -1, left: 1 });
    assert_eq!(first_error(&Draft::of(1, &record(0)[..7])), Error::RecordLength { got: 7, left: 6 });
}

#[test]
fn refuses_offsets_outside_of_the_batch_or_out_of_order() {
    let error =
        |deltas: [u8; 2]| first_error(&Draft::of(2, &[record(deltas[0]), record(deltas[1])].concat()));
    assert_eq!(error([0, 0]), Error::OffsetDelta { got: 0, min: 1, max: 1 });
    assert_eq!(error([1, 0]), Error::OffsetDelta { got: 0, min: 2, max: 1 });
    assert_eq!(error([0, 2]), Error::OffsetDelta { got: 2, min: 1, max: 1 });
    let mut negative = record(0);
    negative[3] = 1;
    assert_eq!(first_error(&Draft::of(1, &negative)), Error::OffsetDelta { got: -1, min: 0, max: 0 });
}

#[test]
fn refuses_fields_that_reach_beyond_their_record() {
    let error = |fields: &[u8]| {
        let mut body = vec![u8::try_from(fields.len() * 2).unwrap()];
        body.extend(fields);
        first_error(&Draft::of(1, &body))
    };
    assert_eq!(error(&[]), Error::FieldLength { got: 1, left: 0 });
    assert_eq!(error(&[0, 0, 0, 3, 1, 0]), Error::FieldLength { got: -2, left: 2 });
    assert_eq!(error(&[0, 0, 0, 6, 1, 0]), Error::FieldLength { got: 3, left: 2 });
    assert_eq!(error(&[0, 0, 0, 1, 4, 0]), Error::FieldLength { got: 2, left: 1 });
    assert_eq!(error(&[0, 0, 0, 1]), Error::Varint);
}

#[test]
fn refuses_malformed_headers_only_when_they_are_read() {
    let error = |headers: &[u8]| {
        let mut body = vec![u8::try_from((5 + headers.len()) * 2).unwrap(), 0, 0, 0, 1, 1];
        body.extend(headers);
        let bytes = Draft::of(1, &body).seal();
        let batch = Batches::new(&bytes).next().unwrap().unwrap().verify_crc().unwrap();
        let mut decompressor = Decompressor::new(0);
        let records = batch.records(&mut decompressor).unwrap();
        assert_eq!(records.filter(Result::is_ok).count(), 1);
        first_error(&Draft::of(1, &body))
    };
    assert_eq!(error(&[]), Error::Varint);
    assert_eq!(error(&[1]), Error::HeaderCount { got: -1 });
    assert_eq!(error(&[2, 1, 1]), Error::FieldLength { got: -1, left: 1 }, "a key is not nullable");
    assert_eq!(error(&[2, 2, 255, 1]), Error::HeaderKey);
    assert_eq!(error(&[2, 0, 4, 7]), Error::FieldLength { got: 2, left: 1 });
    assert_eq!(error(&[0, 9, 9]), Error::TrailingHeaderBytes { left: 2 });
    assert_eq!(error(&[254, 255, 255, 255, 15]), Error::Varint, "a count of two thousand million");
}

#[test]
fn an_error_ends_every_iteration() {
    let bytes = [Draft::of(2, &[record(0), record(0)].concat()).seal(), vec![7; 100]].concat();
    let mut batches = Batches::new(&bytes);
    let batch = batches.next().unwrap().unwrap().verify_crc().unwrap();
    assert!(batches.next().unwrap().is_err() && batches.next().is_none());
    let mut decompressor = Decompressor::new(0);
    let mut records = batch.records(&mut decompressor).unwrap();
    assert!(records.next().unwrap().is_ok());
    assert!(records.next().unwrap().is_err() && records.next().is_none());
}

#[test]
fn every_error_prints_one_line() {
    let codec = Codec::Snappy;
    for error in [Error::Varint, Error::Frame { codec }, Error::Crc { got: 1, stated: 2 }] {
        let text = error.to_string();
        assert!(text.starts_with("record") && !text.contains('\n'), "{text}");
    }
}

proptest! {
    #[test]
    fn any_bytes_end_in_records_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
        let _ = skim(&bytes, 0);
        let _ = read(&Draft::of(5, &bytes).seal());
        let _ = read(&Draft { attributes: 3, ..Draft::of(5, &bytes) }.seal());
    }

    #[test]
    fn garbled_batches_never_give_offsets_outside_of_them(
        records in walk::records(),
        garble in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = walk::encode(&records, None);
        for (place, byte) in garble {
            let place = 21 + place.index(bytes.len() - 21);
            bytes[place] = byte;
        }
        let crc = crc32c::crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
        let Some(Ok(batch)) = Batches::new(&bytes).next() else { return Ok(()) };
        let span = batch.header().base_offset..=batch.header().last_offset();
        let mut decompressor = Decompressor::new(1 << 20);
        let Ok(records) = batch.verify_crc().unwrap().records(&mut decompressor) else { return Ok(()) };
        for record in records.flatten() {
            prop_assert!(span.contains(&record.offset));
        }
    }
}
