//! Walking record batches: `cargo bench --features unstable-internals --bench records`.
//!
//! A partition's worth of 1 MiB in batches of 16 KiB, as the producer's defaults make them. The
//! walk includes the CRC; `crc` is that part alone. Rates are records a second.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench may end by a panic")]

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use divan::Bencher;
use divan::counter::ItemsCount;
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};
use ottla::internals::RecordWalk;

const PARTITION: usize = 1 << 20;
const BATCH: usize = 16 << 10;

fn main() {
    divan::main();
}

fn record(offset: usize, length: usize, header: bool) -> Record {
    let headers =
        header.then(|| (StrBytes::from_static_str("trace"), Some(Bytes::from_static(b"0123456789"))));
    let value: Vec<u8> = (0..length).map(|i| b"abcdefghijklmnop"[(offset * i + i) % 16]).collect();
    Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: 0,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset: offset.try_into().unwrap(),
        sequence: offset.try_into().unwrap(),
        timestamp: 1_700_000_000_000 + i64::try_from(offset % 200).unwrap(),
        key: None,
        value: Some(value.into()),
        headers: headers.into_iter().collect(),
    }
}

/// The bytes of a partition, and the number of records in them.
fn partition(length: usize, lz4: bool, header: bool) -> (Bytes, usize) {
    let compression = if lz4 { Compression::Lz4 } else { Compression::None };
    let options = RecordEncodeOptions { version: 2, compression };
    let a_batch = BATCH / (length + 10);
    let count = PARTITION / (length + 10);
    let records: Vec<_> = (0..count).map(|offset| record(offset, length, header)).collect();
    let pack = |plain: &mut BytesMut, out: &mut BytesMut, _| {
        if lz4 {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            std::io::Write::write_all(&mut encoder, plain)?;
            out.extend_from_slice(&encoder.finish()?);
        } else {
            out.extend_from_slice(plain);
        }
        Ok(())
    };
    let mut bytes = BytesMut::new();
    for batch in records.chunks(a_batch) {
        RecordBatchEncoder::encode_with_custom_compression(&mut bytes, batch, &options, Some(pack)).unwrap();
    }
    (bytes.freeze(), count)
}

fn bench_walk(bencher: Bencher<'_, '_>, (bytes, count): (Bytes, usize), headers: bool) {
    let mut walk = RecordWalk::default();
    assert_eq!(walk.walk(&bytes, headers).unwrap().0, u64::try_from(count).unwrap());
    bencher.counter(ItemsCount::new(count)).bench_local(|| walk.walk(black_box(&bytes), headers));
}

#[divan::bench(args = [100, 1024])]
fn walk(bencher: Bencher<'_, '_>, length: usize) {
    bench_walk(bencher, partition(length, false, false), false);
}

#[divan::bench(args = [100, 1024])]
fn walk_with_one_header(bencher: Bencher<'_, '_>, length: usize) {
    bench_walk(bencher, partition(length, false, true), true);
}

#[divan::bench(args = [100, 1024])]
fn walk_lz4(bencher: Bencher<'_, '_>, length: usize) {
    bench_walk(bencher, partition(length, true, false), false);
}

#[divan::bench(args = [100, 1024])]
fn crc(bencher: Bencher<'_, '_>, length: usize) {
    let (bytes, count) = partition(length, false, false);
    bencher
        .counter(ItemsCount::new(count))
        .bench_local(|| black_box(&bytes).chunks(BATCH).fold(0, |sum, batch| sum ^ crc32c::crc32c(batch)));
}
