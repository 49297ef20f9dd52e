//! Batches built here, read by the reader; what real brokers and Java say to them is tested by the
//! lab.

use proptest::prelude::*;

use super::*;
use crate::wire::records::builder::{BatchBuilder, Stamp};
use crate::wire::records::compress::Compressor;
use crate::wire::records::new_record::NewRecord;

const STAMP: Stamp = Stamp { producer_id: 4711, producer_epoch: 3, base_sequence: 70_000 };

fn build(records: &[Owned], codec: Codec) -> Vec<u8> {
    let mut builder = BatchBuilder::new(vec![9; 5]);
    for (place, record) in (0..).zip(records) {
        let headers: Vec<_> =
            record.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() }).collect();
        let mut new = NewRecord::tombstone().with_headers(&headers);
        (new.key, new.value) = (record.key.as_deref(), record.value.as_deref());
        let before = builder.len();
        assert_eq!(builder.push(&new, record.timestamp), place);
        assert!(builder.len() - before <= new.most_bytes());
    }
    let (mut bytes, _) = builder.finish(codec, &mut Compressor::default(), Vec::new()).unwrap();
    STAMP.apply(&mut bytes);
    bytes
}

fn some(records: i64) -> Vec<Owned> {
    let record = |offset: i64| Owned {
        offset,
        timestamp: 1_700_000_000_000 + offset % 7 * 1000 - 2000,
        key: (offset % 3 > 0).then(|| vec![b'k'; usize::try_from(offset % 200).unwrap()]),
        value: (offset % 5 > 0).then(|| vec![b'v'; usize::try_from(offset).unwrap() * 3]),
        headers: (0..offset % 4).map(|i| (format!("h{i}"), (i > 0).then(|| vec![1; 70]))).collect(),
    };
    (0..records).map(record).collect()
}

#[test]
fn the_head_says_what_the_batch_is() {
    let records = some(100);
    let bytes = build(&records, Codec::Zstd);
    let batch = Batches::new(&bytes).next().unwrap().unwrap();
    let header = batch.header();
    assert_eq!((header.base_offset, header.last_offset(), header.record_count()), (0, 99, 100));
    assert_eq!((header.codec(), header.leader_epoch()), (Ok(Codec::Zstd), None));
    let stamp = (header.producer_id, header.producer_epoch, header.base_sequence);
    assert_eq!(stamp, (4711, 3, 70_000));
    assert_eq!(header.base_timestamp.as_millis(), records[0].timestamp);
    assert_eq!(Some(header.max_timestamp.as_millis()), records.iter().map(|r| r.timestamp).max());
    assert!(!header.is_transactional() && !header.is_control());
    assert_eq!(batch.as_bytes().len(), bytes.len());
}

#[test]
fn every_codec_gives_the_records_back() {
    let records = some(500);
    for codec in [Codec::Uncompressed, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        assert_eq!(read(&build(&records, codec)).unwrap(), records, "{codec}");
    }
}

#[test]
fn a_batch_that_is_stamped_again_has_the_last_stamp_and_a_right_crc() {
    let mut bytes = build(&some(3), Codec::Uncompressed);
    Stamp { producer_id: 4711, producer_epoch: 4, base_sequence: 0 }.apply(&mut bytes);
    let batch = Batches::new(&bytes).next().unwrap().unwrap().verify_crc().unwrap();
    assert_eq!((batch.header().producer_epoch, batch.header().base_sequence), (4, 0));
}

proptest! {
    #[test]
    fn reads_what_was_built(records in walk::records()) {
        let bytes = build(&records, Codec::Uncompressed);
        if !records.is_empty() {
            let mut records = records;
            (0..).zip(&mut records).for_each(|(offset, record)| record.offset = offset);
            prop_assert_eq!(read(&bytes).unwrap(), records);
        }
    }
}
