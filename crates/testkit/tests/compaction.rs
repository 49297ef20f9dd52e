//! What the log cleaner leaves: gaps, headers without records, markers.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is wrong"
)]

mod support;

use bytes::{Buf, Bytes};
use ottla_testkit::{Cluster, Fate, Protocol, Record};
use support::Client;
use support::requests::{batch, fetch, fetch_one, produced_in};

fn cluster() -> Cluster {
    let cluster = Cluster::builder().start_in_memory().unwrap();
    cluster.create_topic("orders", 1, 1).unwrap();
    cluster
}

async fn connect(cluster: &Cluster) -> Client {
    Client::piped(cluster, 1, Protocol::Plaintext).await
}

fn write(cluster: &Cluster, keys: &[&'static str]) {
    let records: Vec<Record> = keys.iter().map(|key| Record::keyed(*key, "v")).collect();
    cluster.write("orders", 0, &records).unwrap();
}

/// First offset, last offset and number of records of each batch.
fn layout(mut bytes: Bytes) -> Vec<(i64, i64, i32)> {
    let mut batches = Vec::new();
    while bytes.has_remaining() {
        let length = usize::try_from((&bytes[8..12]).get_i32()).unwrap();
        let batch = bytes.split_to(length + 12);
        let base = (&batch[..8]).get_i64();
        let crc = crc32c::crc32c(&batch[21..]);
        assert_eq!((&batch[17..21]).get_u32(), crc);
        batches.push((base, base + i64::from((&batch[23..27]).get_i32()), (&batch[57..61]).get_i32()));
    }
    batches
}

async fn fetched(cluster: &Cluster, offset: i64) -> Vec<(i64, i64, i32)> {
    let answer = fetch_one(&mut connect(cluster).await, fetch(offset, 0)).await;
    assert_eq!(answer.error_code, 0);
    layout(answer.records.unwrap())
}

#[tokio::test(start_paused = true)]
async fn the_cleaner_keeps_the_last_record_of_a_key_and_the_active_segment() {
    let cluster = cluster();
    write(&cluster, &["a", "b"]);
    write(&cluster, &["a", "c"]);
    write(&cluster, &["a", "a"]);
    write(&cluster, &["b"]);
    cluster.clean("orders", 0).unwrap();
    assert_eq!(fetched(&cluster, 0).await, [(0, 1, 1), (2, 3, 1), (4, 5, 1), (6, 6, 1)]);
    write(&cluster, &["z"]);
    cluster.clean("orders", 0).unwrap();
    assert_eq!(fetched(&cluster, 1).await, [(2, 3, 1), (4, 5, 1), (6, 6, 1), (7, 7, 1)]);
    let offsets: Vec<i64> = cluster.read("orders", 0).unwrap().iter().map(|record| record.offset).collect();
    assert_eq!(offsets, [3, 5, 6, 7]);
    assert_eq!(cluster.appended("orders", 0)[0].fate(0), Fate::Compacted);
}

#[tokio::test(start_paused = true)]
async fn a_header_without_records_keeps_what_must_not_be_forgotten() {
    let cluster = cluster();
    let mut client = connect(&cluster).await;
    for sequence in [0, 2] {
        assert_eq!(produced_in(&mut client, batch(7, sequence, 2), 9).await.error_code, 0);
    }
    write(&cluster, &["a"]);
    write(&cluster, &["a"]);
    // Nothing has a key but the last two: the producer's newest batch stays as a header.
    cluster.clean("orders", 0).unwrap();
    assert_eq!(fetched(&cluster, 0).await, [(2, 3, 0), (4, 4, 1), (5, 5, 1)]);
    assert_eq!(produced_in(&mut client, batch(7, 2, 2), 9).await.base_offset, 2);
    assert_eq!(produced_in(&mut client, batch(7, 4, 1), 9).await.base_offset, 6);
    // The last of the log stays too, so that its end is not forgotten.
    write(&cluster, &["a"]);
    cluster.compact("orders", 0, |_| false).unwrap();
    assert_eq!(fetched(&cluster, 0).await, [(6, 6, 0), (7, 7, 0)]);
    assert_eq!(cluster.offsets("orders", 0).unwrap().end, 8);
}

#[tokio::test(start_paused = true)]
async fn aborted_records_go_and_open_transactions_stop_the_cleaner() {
    let cluster = cluster();
    let records = [Record::keyed("a", "v")];
    let aborted = cluster.write_in_transaction("orders", 0, None, &records).unwrap();
    cluster.end_transaction("orders", 0, aborted, false).unwrap();
    write(&cluster, &["b"]);
    cluster.write_in_transaction("orders", 0, None, &records).unwrap();
    write(&cluster, &["b"]);
    write(&cluster, &["b"]);
    cluster.clean("orders", 0).unwrap();
    let left = fetched(&cluster, 0).await;
    assert_eq!(left, [(0, 0, 0), (1, 1, 1), (2, 2, 1), (3, 3, 1), (4, 4, 1), (5, 5, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_compressed_batch_goes_whole_or_stays_whole() {
    let cluster = cluster();
    write(&cluster, &["a", "b"]);
    let plain = fetch_one(&mut connect(&cluster).await, fetch(0, 0)).await.records.unwrap();
    // As if compressed: what is inside is not looked into.
    let mut bytes = plain.to_vec();
    bytes[22] |= 1;
    let crc = crc32c::crc32c(&bytes[21..]).to_be_bytes();
    bytes[17..21].copy_from_slice(&crc);
    cluster.write_batches("orders", 0, bytes.clone().into()).unwrap();
    cluster.write_batches("orders", 0, bytes.into()).unwrap();
    write(&cluster, &["z"]);
    cluster.compact("orders", 0, |offset| offset == 3 || offset == 6).unwrap();
    assert_eq!(fetched(&cluster, 0).await, [(2, 3, 2), (6, 6, 1)]);
    let appended = cluster.appended("orders", 0);
    let fates = |at: usize| appended[at].base_offset()..=appended[at].last_offset();
    let fates = |at: usize| fates(at).map(|offset| appended[at].fate(offset)).collect::<Vec<_>>();
    assert_eq!((fates(1), fates(2)), (vec![Fate::Kept; 2], vec![Fate::Compacted; 2]));
}
