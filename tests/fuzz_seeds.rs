//! The seeds of the fuzz targets are laid out as their targets read them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::path::Path;

use bytes::Bytes;
use ottla::internals::{self, RecordWalk};

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let seed =
        |entry: fs::DirEntry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap());
    let seeds: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| seed(entry.unwrap())).collect();
    assert!(!seeds.is_empty(), "{target} has no seeds");
    seeds
}

#[test]
fn responses_of_a_real_broker_decode_for_every_api() {
    let apis = internals::apis();
    let mut covered = vec![false; apis.len()];
    for (name, seed) in seeds("response") {
        internals::fuzz_response(&seed);
        let (api, nth) = (usize::from(seed[0]), usize::from(seed[1]));
        let version = internals::versions(apis[api]).nth(nth).unwrap();
        let decoded = internals::decode_response(apis[api], version, Bytes::copy_from_slice(&seed[2..]));
        assert_eq!(decoded, Ok(()), "{name}");
        covered[api] = true;
    }
    assert!(covered.iter().all(|covered| *covered), "{covered:?} of {apis:?}");
}

#[test]
fn batches_of_a_real_broker_are_read() {
    for (name, seed) in seeds("record_batch") {
        internals::fuzz_record_batch(&seed);
        let records = RecordWalk::default().walk(&seed, true).map(|(records, _)| records);
        assert!(records.is_some_and(|records| records > 0), "{name}");
    }
}

#[test]
fn streams_and_sessions_are_survived() {
    seeds("frame").iter().for_each(|(_, seed)| internals::fuzz_frame(seed));
    seeds("session").iter().for_each(|(_, seed)| internals::fuzz_session(seed));
}
