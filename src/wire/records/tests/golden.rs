//! A batch typed by hand from the description of the format, its CRC computed apart from this
//! crate.

use super::*;
use crate::ids::LeaderEpoch;

#[rustfmt::skip]
const BATCH: [u8; 82] = [
    0, 0, 0, 0, 0, 0, 0, 100,             // base offset
    0, 0, 0, 70,                          // batch length
    0, 0, 0, 7,                           // partition leader epoch
    2,                                    // magic
    0x5f, 0x73, 0xa7, 0xe8,               // CRC
    0, 0,                                 // attributes
    0, 0, 0, 3,                           // last offset delta: offset 103 was compacted away
    0, 0, 1, 0x8b, 0xcf, 0xe5, 0x68, 0,   // base timestamp 1700000000000
    0, 0, 1, 0x8b, 0xcf, 0xe5, 0x6b, 0xe8,// max timestamp 1700000001000
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, // no producer
    0, 0, 0, 2,                           // records
    24, 0, 0, 0, 2, b'k', 4, b'v', b'v', 2, 2, b'h', 1,
    14, 0, 0xd0, 0x0f, 4, 1, 0, 0,
];

#[test]
fn reads_a_batch_typed_from_the_protocol_description() {
    let want = [
        Owned {
            offset: 100,
            timestamp: 1_700_000_000_000,
            key: Some(b"k".to_vec()),
            value: Some(b"vv".to_vec()),
            headers: vec![("h".to_owned(), None)],
        },
        Owned { offset: 102, timestamp: 1_700_000_001_000, key: None, value: Some(vec![]), headers: vec![] },
    ];
    assert_eq!(read(&BATCH).unwrap(), want);
}

#[test]
fn reads_every_field_of_the_head() {
    let batch = Batches::new(&BATCH).next().unwrap().unwrap();
    let header = batch.header();
    assert_eq!((header.base_offset, header.last_offset(), header.record_count()), (100, 103, 2));
    assert_eq!(header.leader_epoch(), Some(LeaderEpoch(7)));
    assert_eq!(header.codec(), Ok(Codec::Uncompressed));
    assert_eq!(header.timestamp_type(), TimestampType::CreateTime);
    assert!(!header.is_transactional() && !header.is_control());
    assert_eq!(header.base_timestamp.as_millis(), 1_700_000_000_000);
    assert_eq!(header.max_timestamp.as_millis(), 1_700_000_001_000);
    assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (-1, -1, -1));
    assert_eq!(batch.as_bytes(), BATCH);
}

#[test]
fn reads_the_attributes() {
    let header = |attributes| {
        let bytes = Draft { attributes, ..Draft::of(0, &[]) }.seal();
        *Batches::new(&bytes).next().unwrap().unwrap().header()
    };
    for (bits, codec) in
        [Codec::Uncompressed, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd].into_iter().enumerate()
    {
        assert_eq!(header(i16::try_from(bits).unwrap()).codec(), Ok(codec));
    }
    assert_eq!(header(8).timestamp_type(), TimestampType::LogAppendTime);
    assert!(header(16).is_transactional() && !header(16).is_control());
    assert!(header(32).is_control() && !header(32).is_transactional());
}

#[test]
fn skimming_gives_the_offset_after_the_last_one_covered() {
    assert_eq!(skim(&BATCH, 100), Ok(Skimmed { next_offset: 104, batches: 1, bytes: 82 }));
    assert_eq!(skim(&BATCH, 103), Ok(Skimmed { next_offset: 104, batches: 1, bytes: 82 }));
    assert_eq!(skim(&[], 5), Ok(Skimmed { next_offset: 5, batches: 0, bytes: 0 }));
}

#[test]
fn a_last_batch_that_is_cut_short_is_left_out() {
    let second = Draft { base: 104, ..Draft::of(1, &record(0)) }.seal();
    for length in 0..second.len() {
        let bytes = [&BATCH, &second[..length]].concat();
        assert_eq!(read(&bytes).unwrap().len(), 2, "{length}");
        assert_eq!(skim(&bytes, 100).unwrap(), Skimmed { next_offset: 104, batches: 1, bytes: 82 });
    }
    assert_eq!(read(&[&BATCH[..], &second].concat()).unwrap().len(), 3);
}
