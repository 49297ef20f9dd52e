//! What writing allocates: by the batch, never by the record.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use ottla::internals::Gathering;
use ottla::partition::Header;
use ottla::{Codec, NewRecord};

const PARTITIONS: usize = 12;

/// Writes records until so many batches were sent, and counts them.
fn write(gathering: &mut Gathering, batches: usize) -> usize {
    let (value, headers) = ([b'v'; 100], [Header { key: "trace", value: Some(b"0123456789") }]);
    let (mut sent, mut number) = (0, 0_usize);
    while sent < batches {
        for partition in 0..i32::try_from(PARTITIONS).unwrap() {
            for _ in 0..500 {
                let mut record = NewRecord::value(&value).with_partition(partition);
                if number % 2 == 0 {
                    record = record.with_key("key").with_headers(&headers);
                }
                assert!(gathering.push(&record));
                number += 1;
            }
        }
        sent += gathering.send().0;
    }
    sent
}

#[test]
fn a_batch_takes_at_most_four_allocations_and_a_record_none() {
    for codec in [Codec::Uncompressed, Codec::Snappy, Codec::Lz4] {
        let mut gathering = Gathering::new(PARTITIONS, codec);
        write(&mut gathering, 200);
        let mut sent = 0;
        let taken = allocation_counter::measure(|| sent = write(&mut gathering, 300));
        let each = taken.count_total as f64 / f64::from(u32::try_from(sent).unwrap());
        println!("{codec}: {each:.2} allocations a batch, {sent} batches");
        assert!(each <= 4.0, "{codec}: {taken:?} for {sent} batches");
    }
}
