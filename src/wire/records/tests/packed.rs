//! LZ4 frames, made by the frame encoder of lz4_flex.

use std::io::Write;

use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use proptest::prelude::*;

use super::*;

const LZ4: i16 = 3;

pub(super) fn lz4_frame(plain: &[u8], info: FrameInfo) -> Vec<u8> {
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn frame_infos() -> Vec<FrameInfo> {
    let mut infos = Vec::new();
    for mode in [BlockMode::Independent, BlockMode::Linked] {
        for size in [BlockSize::Max64KB, BlockSize::Max256KB, BlockSize::Max1MB, BlockSize::Max4MB] {
            for sums in [false, true] {
                let info = FrameInfo::new().block_mode(mode).block_size(size);
                infos.push(info.block_checksums(sums).content_checksum(sums));
            }
        }
    }
    infos
}

/// Text that repeats itself far back, then noise that does not pack.
pub(super) fn plain(text: usize, noise: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0_u32..).flat_map(|i| (i % 5000).to_string().into_bytes()).take(text).collect();
    let mut state = 1_u32;
    bytes.extend((0..noise).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    }));
    bytes
}

fn unpack(frame: &[u8], max: usize) -> Result<Vec<u8>, Error> {
    Decompressor::new(max).unpack(Codec::Lz4, frame).map(<[u8]>::to_vec)
}

#[test]
fn unpacks_linked_and_independent_blocks_of_every_size() {
    for info in frame_infos() {
        for plain in [plain(0, 0), plain(10, 0), plain(300_000, 0), plain(150_000, 150_000)] {
            let frame = lz4_frame(&plain, info.clone());
            assert!(unpack(&frame, plain.len()) == Ok(plain), "{info:?}");
        }
    }
}

#[test]
fn a_content_size_in_the_frame_is_passed_over() {
    let plain = plain(1000, 0);
    let frame = lz4_frame(&plain, FrameInfo::new().content_size(Some(1000)));
    assert_eq!(unpack(&frame, 1000), Ok(plain));
}

#[test]
fn one_buffer_serves_one_batch_after_another() {
    let mut decompressor = Decompressor::new(1 << 20);
    for length in [500_000, 3, 70_000] {
        let plain = plain(length, 0);
        let frame = lz4_frame(&plain, FrameInfo::new());
        assert!(decompressor.unpack(Codec::Lz4, &frame).unwrap() == plain);
    }
}

#[test]
fn refuses_to_unpack_beyond_the_limit() {
    for info in frame_infos() {
        for plain in [plain(100_000, 0), plain(0, 100_000), vec![0; 100_000]] {
            let frame = lz4_frame(&plain, info.clone());
            let max = plain.len() - 1;
            let mut decompressor = Decompressor::new(max);
            let error = decompressor.unpack(Codec::Lz4, &frame).unwrap_err();
            assert_eq!(error, Error::DecompressedLength { max }, "{info:?}");
            assert!(decompressor.capacity() <= max);
        }
    }
}

#[test]
fn refuses_malformed_frames() {
    let good = lz4_frame(b"abcabcabcabcabcabcabcabc", FrameInfo::new());
    let with = |place: usize, byte: u8| {
        let mut frame = good.clone();
        frame[place] = byte;
        unpack(&frame, 1000)
    };
    assert_eq!(with(0, 0), Err(Error::Frame { codec: Codec::Lz4 }), "magic");
    assert_eq!(with(4, 0b0010_0000), Err(Error::Frame { codec: Codec::Lz4 }), "version");
    assert_eq!(with(4, 0b0110_0001), Err(Error::Frame { codec: Codec::Lz4 }), "dictionary");
    assert_eq!(with(5, 0b0011_0000), Err(Error::Frame { codec: Codec::Lz4 }), "block size");
    assert_eq!(with(9, 2), Err(Error::Frame { codec: Codec::Lz4 }), "a block longer than the largest");
    assert_eq!(with(7, 255), Err(Error::Frame { codec: Codec::Lz4 }), "a block longer than the frame");
    for length in 0..good.len() {
        assert_eq!(unpack(&good[..length], 1000), Err(Error::Frame { codec: Codec::Lz4 }), "cut at {length}");
    }
    assert_eq!(
        unpack(&[&good[..], &[0]].concat(), 1000),
        Err(Error::Frame { codec: Codec::Lz4 }),
        "bytes after it"
    );
}

#[test]
fn refuses_blocks_that_do_not_unpack() {
    let frame = |block: &[u8]| {
        let mut frame = vec![4, 0x22, 0x4d, 0x18, 0b0110_0000, 0x40, 0];
        frame.extend(u32::try_from(block.len()).unwrap().to_le_bytes());
        frame.extend(block);
        frame.extend([0; 4]);
        frame
    };
    assert_eq!(unpack(&frame(&[0x10, b'a']), 1 << 20), Ok(b"a".to_vec()));
    assert_eq!(
        unpack(&frame(&[0x14, b'a', 2, 0, 0]), 1 << 20),
        Err(Error::Block { codec: Codec::Lz4 }),
        "offset too far"
    );
    assert_eq!(
        unpack(&frame(&[0x14, b'a', 0, 0, 0]), 1 << 20),
        Err(Error::Block { codec: Codec::Lz4 }),
        "offset 0"
    );
    let mut endless = vec![0x1f, b'a', 1, 0];
    endless.extend([255; 1000]);
    endless.extend([0, 0x10, b'b']);
    assert_eq!(
        unpack(&frame(&endless), 1 << 20),
        Err(Error::Block { codec: Codec::Lz4 }),
        "more than a block may hold"
    );
    assert_eq!(unpack(&frame(&endless), 1000), Err(Error::DecompressedLength { max: 1000 }));
}

#[test]
fn reads_records_out_of_a_packed_batch() {
    let body = lz4_frame(&[record(0), record(1)].concat(), FrameInfo::new());
    let bytes = Draft { attributes: LZ4, ..Draft::of(2, &body) }.seal();
    assert_eq!(read(&bytes).unwrap().len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn reads_what_another_producer_packed(records in walk::records(), info in prop::sample::select(frame_infos())) {
        prop_assert_eq!(read(&walk::encode(&records, Some(info))).unwrap(), records);
    }

    #[test]
    fn garbled_frames_end_in_bounds(
        text in 0_usize..100_000,
        info in prop::sample::select(frame_infos()),
        garble in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut frame = lz4_frame(&plain(text, 1000), info);
        for (place, byte) in garble {
            let place = place.index(frame.len());
            frame[place] = byte;
        }
        let max = 200_000;
        if let Ok(plain) = unpack(&frame, max) {
            prop_assert!(plain.len() <= max);
        }
    }
}
