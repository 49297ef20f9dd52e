//! Batches that unpack to very much: the reader says which partition has them, and takes neither
//! the time nor the memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::time::Duration;

use ottla::ids::TopicPartition;
use ottla::{Cluster, Config, Credentials, Decoder, Error, ErrorKind, OffsetRange, ReadOptions, Security};
use ottla_testkit::Protocol;
use support::embedded::{bootstrap, pipes};
use support::within;

/// Zeros in frames of zstd: runs of 128 KiB in 4 bytes each.
fn zeros(unpacked: u64) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x58];
    for block in (0..unpacked >> 17).rev() {
        let header = (128_u32 << 10) << 3 | 1 << 1 | u32::from(block == 0);
        frame.extend(&header.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

/// A frame that says how long its content is.
fn claiming(length: u64) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xc0, 0x58];
    frame.extend(length.to_le_bytes());
    frame.extend(&zeros(1 << 20)[6..]);
    frame.resize(1 << 10, 0);
    frame
}

/// A batch with the right CRC, of one record packed by zstd, whose body is `body`.
fn batch(body: &[u8]) -> Vec<u8> {
    let mut covered = 4_i16.to_be_bytes().to_vec();
    covered.extend([0; 20]);
    covered.extend([0xff; 14]);
    covered.extend(1_i32.to_be_bytes());
    covered.extend(body);
    let mut bytes = 0_i64.to_be_bytes().to_vec();
    bytes.extend(i32::try_from(covered.len() + 9).unwrap().to_be_bytes());
    bytes.extend([0, 0, 0, 0, 2]);
    bytes.extend(crc32c::crc32c(&covered).to_be_bytes());
    bytes.extend(covered);
    bytes
}

#[tokio::test(start_paused = true)]
async fn a_bomb_is_an_error_that_names_its_partition() {
    const TEN_GIB: u64 = 10 << 30;
    for bomb in [zeros(TEN_GIB), claiming(TEN_GIB)] {
        assert!(bomb.len() < 340 << 10);
        let brokers = ottla_testkit::Cluster::builder().start_in_memory().unwrap();
        brokers.create_topic("t", 2, 1).unwrap();
        brokers.write_batches("t", 1, batch(&bomb).into()).unwrap();
        let config =
            Config::new(bootstrap(&brokers, Protocol::Plaintext), Security::Plaintext, Credentials::None);
        let client = Cluster::connect(config.with_connector(pipes(&brokers))).await.unwrap();
        let partition = TopicPartition::new("t", 1);
        let ranges = vec![OffsetRange::new(partition.clone(), 0, 1)];
        let mut reader = client.read(ranges, ReadOptions::new());
        let chunk = within(Duration::from_secs(60), "the chunk", reader.next()).await.unwrap().unwrap();
        let error = chunk.for_each_record::<Error>(&mut Decoder::new(), |_| Ok(())).unwrap_err();
        assert_eq!((error.kind(), error.topic_partition()), (ErrorKind::Unsupported, Some(&partition)));
        assert!(error.to_string().contains("unpacks to more than"), "{error}");
    }
}
