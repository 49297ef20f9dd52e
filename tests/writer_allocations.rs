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

/// How many allocations a batch takes, once all buffers are as large as they get.
fn allocations(codec: Codec) -> f64 {
    let mut gathering = Gathering::new(PARTITIONS, codec);
    write(&mut gathering, 200);
    let mut sent = 0;
    let taken = allocation_counter::measure(|| sent = write(&mut gathering, 300));
    let each = taken.count_total as f64 / f64::from(u32::try_from(sent).unwrap());
    println!("{codec}: {each:.2} allocations a batch, {sent} batches");
    each
}

#[test]
fn a_batch_takes_at_most_four_allocations_and_a_record_none() {
    for codec in [Codec::Uncompressed, Codec::Gzip, Codec::Snappy, Codec::Lz4] {
        let each = allocations(codec);
        assert!(each <= 4.0, "{codec}: {each} a batch");
    }
}

/// The encoder in pure Rust makes the Huffman tables of every block anew; C's does not.
#[test]
fn zstd_in_rust_adds_the_tables_of_its_encoder() {
    let (each, most) = (allocations(Codec::Zstd), if cfg!(feature = "zstd-c") { 4.0 } else { 32.0 });
    assert!(each <= most, "{each} a batch");
}

/// What is asked of the allocator at most while records are taken until there is no memory for more.
fn most_bytes(partitions: usize, size: usize, takes: usize) -> u64 {
    let value = vec![b'v'; size];
    let taken = allocation_counter::measure(|| {
        let mut gathering = Gathering::new(partitions, Codec::Uncompressed);
        for _ in 0..=takes {
            let mut partitions = (0..i32::try_from(partitions).unwrap()).cycle();
            while gathering.push(&NewRecord::value(&value).with_partition(partitions.next().unwrap())) {}
            if takes > 0 {
                gathering.send();
            }
        }
    });
    taken.bytes_max
}

/// 32 MiB is the default of `buffer.memory`.
#[test]
fn memory_is_bounded_by_what_buffers_hold_however_small_their_batches_are() {
    const MOST: u64 = (32 << 20) / 10 * 11;
    for (partitions, size) in
        [(1, 20), (512, 20), (512, 300), (5_000, 100), (5_000, 3_000), (12, 40_000), (40, 500_000)]
    {
        for takes in [0, 5] {
            let most = most_bytes(partitions, size, takes);
            println!("{partitions} partitions, values of {size} bytes: {most} bytes");
            assert!(most <= MOST, "{partitions} partitions, values of {size} bytes: {most} bytes");
            assert!(most >= 12 << 20, "{partitions} partitions, values of {size} bytes: {most} bytes");
        }
    }
}
