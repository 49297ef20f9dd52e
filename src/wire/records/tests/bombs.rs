//! Few bytes that unpack to very many, or say so.

use super::codecs::unpack;
use super::*;

const TEN_GIB: u64 = 10 << 30;
const MAX: usize = 8 << 20;

const TOO_LONG: Error = Error::DecompressedLength { max: MAX };

/// Runs of 128 KiB in 4 bytes each.
fn zstd_bomb(unpacked: u64) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x58];
    for block in (0..unpacked / (128 << 10)).rev() {
        let header = (128_u32 << 10) << 3 | 1 << 1 | u32::from(block == 0);
        frame.extend(&header.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

/// Deflate's thousand to one, of pieces that end on a whole byte.
fn gzip_bomb(unpacked: u64) -> Vec<u8> {
    use flate2::{Compress, Compression, FlushCompress};
    const PIECE: usize = 16 << 20;
    let mut piece = Vec::with_capacity(1 << 20);
    let mut compress = Compress::new(Compression::best(), false);
    compress.compress_vec(&vec![0; PIECE], &mut piece, FlushCompress::Full).unwrap();
    assert_eq!(compress.total_in(), u64::try_from(PIECE).unwrap());
    let mut frame = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    for _ in 0..unpacked / u64::try_from(PIECE).unwrap() {
        frame.extend(&piece);
    }
    frame.extend([3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    frame
}

#[test]
fn ten_gib_of_zeros_cost_no_more_than_the_limit() {
    let zstd = zstd_bomb(TEN_GIB);
    assert!(zstd.len() < 340 << 10);
    let gzip = gzip_bomb(TEN_GIB);
    assert!(gzip.len() < 11 << 20, "{}", gzip.len());
    for (codec, bomb) in [(Codec::Zstd, zstd), (Codec::Gzip, gzip)] {
        let mut decompressor = Decompressor::new(MAX);
        assert_eq!(decompressor.unpack(codec, &bomb).map(<[u8]>::len), Err(TOO_LONG), "{codec}");
        assert!(decompressor.capacity() <= 2 * MAX, "{codec}: {}", decompressor.capacity());
    }
}

#[test]
fn small_bombs_are_whole_and_unpack() {
    for (codec, bomb) in [(Codec::Zstd, zstd_bomb(64 << 20)), (Codec::Gzip, gzip_bomb(64 << 20))] {
        assert!(unpack(codec, &bomb, 64 << 20).unwrap() == vec![0; 64 << 20], "{codec}");
    }
}

#[test]
fn a_frame_of_a_kib_that_claims_ten_gib_is_refused_before_anything_is_unpacked() {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xc0, 0x58];
    frame.extend(TEN_GIB.to_le_bytes());
    frame.extend(&zstd_bomb(1 << 20)[6..]);
    frame.resize(1 << 10, 0);
    let mut decompressor = Decompressor::new(MAX);
    assert_eq!(decompressor.unpack(Codec::Zstd, &frame).map(<[u8]>::len), Err(TOO_LONG));
    assert_eq!(decompressor.capacity(), 0);
}

#[test]
fn a_frame_that_claims_less_than_it_holds_is_malformed() {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xc0, 0x58];
    frame.extend(1000_u64.to_le_bytes());
    frame.extend(&zstd_bomb(1 << 20)[6..]);
    assert_eq!(unpack(Codec::Zstd, &frame, MAX), Err(Error::Frame { codec: Codec::Zstd }));
}
