//! Gathering records: `cargo bench --features unstable-internals --bench writer`.
//!
//! From `send` to the bytes of requests of 12 batches, without tasks and sockets. Rates are records
//! a second.

use divan::Bencher;
use divan::counter::ItemsCount;
use ottla::internals::Gathering;
use ottla::{Codec, NewRecord};

const RECORDS: usize = 100_000;

fn main() {
    divan::main();
}

fn gather(bencher: Bencher<'_, '_>, length: usize, codec: Codec) {
    let value: Vec<u8> = b"abcdefghijklmnop".iter().copied().cycle().take(length).collect();
    let mut gathering = Gathering::new(12, codec);
    bencher.counter(ItemsCount::new(RECORDS)).bench_local(move || {
        let record = NewRecord::value(&value);
        for _ in 0..RECORDS {
            while !gathering.push(&record) {
                gathering.send();
            }
        }
        gathering.send()
    });
}

#[divan::bench(args = [100, 1024])]
fn plain(bencher: Bencher<'_, '_>, length: usize) {
    gather(bencher, length, Codec::Uncompressed);
}

#[divan::bench(args = [100])]
fn zstd(bencher: Bencher<'_, '_>, length: usize) {
    gather(bencher, length, Codec::Zstd);
}
