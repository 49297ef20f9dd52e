//! A batch taken apart, for a broker that takes smaller ones only.

use super::batch::Batches;
use super::builder::BatchBuilder;
use super::decompress::Decompressor;
use super::new_record::NewRecord;
use super::record::{Header, Record};
use crate::time::Timestamp;

/// Puts the records of a batch, which this client built, into two of about half as many bytes
/// each, not packed. `None` if there is a single record, or no batch.
pub(crate) fn split(batch: &[u8]) -> Option<[BatchBuilder; 2]> {
    let checked = Batches::new(batch).next()?.ok()?.assume_checked();
    let count = checked.header().record_count;
    // It was packed from less memory than that.
    let mut decompressor = Decompressor::new(usize::MAX);
    let mut halves = [BatchBuilder::new(Vec::new()), BatchBuilder::new(Vec::new())];
    let [first, second] = &mut halves;
    let (mut headers, mut number) = (Vec::new(), 0);
    let records = checked.records(&mut decompressor).ok()?;
    let half = records.len_bytes() / 2 + BatchBuilder::OVERHEAD;
    for record in records {
        let Record { timestamp, key, value, headers: read, .. } = record.ok()?;
        headers.clear();
        for header in read {
            let Header { key, value } = header.ok()?;
            headers.push(Header { key, value });
        }
        number += 1;
        // Each half gets at least one.
        let is_first = number == 1 || (number < count && first.len() < half);
        let half = if is_first { &mut *first } else { &mut *second };
        let timestamp_millis = Timestamp::as_millis(timestamp);
        half.push(
            &NewRecord { key, value, timestamp: None, headers: &headers, partition: None },
            timestamp_millis,
        );
    }
    (second.count() > 0).then_some(halves)
}

#[cfg(test)]
mod tests {
    use super::super::{Codec, Compressor};
    use super::*;

    /// Offsets, timestamps, keys, values and headers, as text.
    fn read(batch: &[u8]) -> Vec<String> {
        let checked = Batches::new(batch).next().unwrap().unwrap().assume_checked();
        let mut decompressor = Decompressor::new(usize::MAX);
        checked.records(&mut decompressor).unwrap().map(|record| format!("{:?}", record.unwrap())).collect()
    }

    fn packed(builder: BatchBuilder, codec: Codec) -> Vec<u8> {
        builder.finish(codec, &mut Compressor::default(), Vec::new()).unwrap().0
    }

    fn built(lengths: &[usize]) -> BatchBuilder {
        let mut builder = BatchBuilder::new(Vec::new());
        for (number, length) in lengths.iter().enumerate() {
            let (key, value) = (number.to_string(), vec![b'v'; *length]);
            let headers = [Header { key: "h", value: None }, Header { key: "i", value: Some(b"1") }];
            let mut record = NewRecord::value(&value).with_headers(&headers);
            if number % 2 == 0 {
                record = record.with_key(&key);
            }
            builder.push(&record, 1_000 - i64::try_from(number).unwrap());
        }
        builder
    }

    #[test]
    fn the_halves_have_all_records_in_their_order() {
        for codec in [Codec::Uncompressed, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            for lengths in [&[5, 5][..], &[1000, 1, 1, 1], &[1, 1, 1, 1000], &[10; 1001]] {
                let whole = packed(built(lengths), codec);
                let [first, second] = split(&whole).unwrap().map(|half| packed(half, codec));
                let strip = |lines: Vec<String>| -> Vec<String> {
                    lines.iter().map(|line| line.split_once("timestamp").unwrap().1.to_owned()).collect()
                };
                let (before, after) = (read(&whole), [read(&first), read(&second)]);
                assert!(after.iter().all(|half| !half.is_empty()), "{codec} {lengths:?}");
                assert_eq!(strip(before), strip(after.concat()), "{codec} {lengths:?}");
            }
        }
    }

    #[test]
    fn even_records_are_halved() {
        let [first, second] = split(&packed(built(&[100; 1000]), Codec::Lz4)).unwrap();
        assert!((490..=510).contains(&first.count()), "{}", first.count());
        assert_eq!(first.count() + second.count(), 1000);
    }

    #[test]
    fn one_record_cannot_be_halved() {
        assert!(split(&packed(built(&[100]), Codec::Lz4)).is_none());
        assert!(split(b"no batch").is_none());
    }
}
