//! Round trips with the encoder of kafka-protocol as the producer.

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records as kp;
use proptest::prelude::*;

use super::*;

fn produced(record: &Owned, timestamp_type: kp::TimestampType) -> kp::Record {
    let mut produced = kp::Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: 3,
        producer_id: 9,
        producer_epoch: 1,
        timestamp_type,
        offset: record.offset,
        sequence: i32::try_from(record.offset).unwrap(),
        timestamp: record.timestamp,
        key: record.key.clone().map(Bytes::from),
        value: record.value.clone().map(Bytes::from),
        headers: Default::default(),
    };
    for (key, value) in &record.headers {
        produced.headers.insert(StrBytes::from_string(key.clone()), value.clone().map(Bytes::from));
    }
    produced
}

/// Encodes the records as one batch, packed as LZ4 frames of that kind if one is given.
pub(super) fn encode(records: &[Owned], lz4: Option<lz4_flex::frame::FrameInfo>) -> Vec<u8> {
    let records: Vec<_> = records.iter().map(|r| produced(r, kp::TimestampType::Creation)).collect();
    let compression = if lz4.is_some() { kp::Compression::Lz4 } else { kp::Compression::None };
    let options = kp::RecordEncodeOptions { version: 2, compression };
    let mut out = BytesMut::new();
    let pack = |plain: &mut BytesMut, out: &mut BytesMut, _| {
        match &lz4 {
            Some(info) => out.extend_from_slice(&packed::lz4_frame(plain, info.clone())),
            None => out.extend_from_slice(plain),
        }
        Ok(())
    };
    kp::RecordBatchEncoder::encode_with_custom_compression(&mut out, &records, &options, Some(pack)).unwrap();
    out.to_vec()
}

fn bytes_or_none() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop::option::of(prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        prop::collection::vec(Just(b'x'), 8000..9000),
    ])
}

fn headers() -> impl Strategy<Value = Vec<(String, Option<Vec<u8>>)>> {
    let headers = prop::collection::btree_map("[a-zé]{0,70}", bytes_or_none(), 0..4);
    headers.prop_map(|map| map.into_iter().collect())
}

/// Records with growing offsets, some of them compacted away.
pub(super) fn records() -> impl Strategy<Value = Vec<Owned>> {
    let one = (1_i64..1000, -1_i64 << 40..1 << 41, bytes_or_none(), bytes_or_none(), headers());
    prop::collection::vec(one, 1..20).prop_map(|all| {
        let mut offset = 0;
        let own = |(step, timestamp, key, value, headers)| {
            offset += step;
            Owned { offset, timestamp, key, value, headers }
        };
        all.into_iter().map(own).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn reads_what_another_producer_wrote(records in records()) {
        prop_assert_eq!(read(&encode(&records, None)).unwrap(), records);
    }

    #[test]
    fn several_batches_follow_each_other(records in records(), cut in 0_usize..20) {
        let (first, second) = records.split_at(cut.min(records.len()));
        let mut bytes = if first.is_empty() { vec![] } else { encode(first, None) };
        bytes.extend(if second.is_empty() { vec![] } else { encode(second, None) });
        prop_assert_eq!(read(&bytes).unwrap(), records.clone());
        let skimmed = skim(&bytes, records[0].offset).unwrap();
        prop_assert_eq!(skimmed.next_offset, records.last().unwrap().offset + 1);
        prop_assert_eq!(skimmed.bytes, bytes.len());
    }
}

#[test]
fn records_of_a_log_append_batch_have_the_time_of_the_batch() {
    let records: Vec<_> = (0..3)
        .map(|offset| Owned { offset, timestamp: 50 + offset, key: None, value: None, headers: vec![] })
        .collect();
    let mut bytes = encode(&records, None);
    bytes[22] |= 8;
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    assert!(read(&bytes).unwrap().iter().all(|record| record.timestamp == 52));
}

#[test]
fn an_empty_batch_left_by_compaction_moves_the_offset_on() {
    let bytes = Draft { base: 10, last_delta: 4, ..Draft::of(0, &[]) }.seal();
    assert_eq!(read(&bytes), Ok(vec![]));
    assert_eq!(skim(&bytes, 12).unwrap().next_offset, 15);
}
