//! Every codec, packed and unpacked by this client, and garbled. That others read what is packed
//! here, and the reverse, is shown by recorded batches and real brokers.

use proptest::prelude::*;

use super::packed::plain;
use super::*;
use crate::wire::records::compress::Compressor;

const PACKED: [Codec; 4] = [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

pub(super) fn pack(codec: Codec, plain: &[u8]) -> Vec<u8> {
    let mut out = b"head".to_vec();
    Compressor::default().pack(codec, plain, &mut out).unwrap();
    out.split_off(4)
}

pub(super) fn unpack(codec: Codec, packed: &[u8], max: usize) -> Result<Vec<u8>, Error> {
    Decompressor::new(max).unpack(codec, packed).map(<[u8]>::to_vec)
}

#[test]
fn unpacks_what_it_packed_with_states_that_are_used_again() {
    let mut compressor = Compressor::default();
    let mut decompressor = Decompressor::new(4 << 20);
    for (text, noise) in [(3_000_000, 0), (0, 0), (1, 0), (100_000, 100_000), (0, 200_000), (65_536, 0)] {
        for codec in [&PACKED[..], &[Codec::Uncompressed]].concat() {
            let plain = plain(text, noise);
            let mut packed = Vec::new();
            compressor.pack(codec, &plain, &mut packed).unwrap();
            assert!(decompressor.unpack(codec, &packed).unwrap() == plain, "{codec} {text} {noise}");
            assert!(packed.len() <= plain.len() + plain.len() / 100 + 64, "{codec} {text} {noise}");
        }
    }
}

#[test]
fn unpacks_to_the_limit_and_not_beyond() {
    for codec in PACKED {
        for plain in [plain(100_000, 0), plain(0, 100_000), vec![0; 100_000]] {
            let packed = pack(codec, &plain);
            assert!(unpack(codec, &packed, plain.len()).unwrap() == plain, "{codec}");
            let max = plain.len() - 1;
            let mut decompressor = Decompressor::new(max);
            let error = decompressor.unpack(codec, &packed).unwrap_err();
            assert_eq!(error, Error::DecompressedLength { max }, "{codec}");
        }
    }
}

#[test]
fn what_is_cut_short_or_has_bytes_after_it_is_malformed() {
    for codec in PACKED {
        let good = pack(codec, &plain(5000, 300));
        for length in 0..good.len() {
            // A frame of snappy-java may end after any block.
            if !(codec == Codec::Snappy && length == 16) {
                let error = unpack(codec, &good[..length], 1 << 20).unwrap_err();
                assert!(matches!(error, Error::Frame { .. } | Error::Block { .. }), "{codec} {length}");
            }
        }
        assert!(unpack(codec, &[&good[..], &[0]].concat(), 1 << 20).is_err(), "{codec}");
    }
}

#[test]
fn raw_snappy_is_read_too() {
    let plain = plain(50_000, 1000);
    let raw = snap::raw::Encoder::new().compress_vec(&plain).unwrap();
    assert_eq!(unpack(Codec::Snappy, &raw, 1 << 20), Ok(plain));
}

#[test]
fn a_snappy_block_that_claims_more_than_it_can_hold_is_malformed() {
    // 100 MiB in 9 bytes.
    let claims = [0x80, 0x80, 0x80, 0x32, 0, b'a', 0xfe, 1, 0];
    let block = Error::Block { codec: Codec::Snappy };
    assert_eq!(unpack(Codec::Snappy, &claims, 128 << 20), Err(block));
}

#[test]
fn every_part_of_a_gzip_head_is_passed_over() {
    let (plain, good) = (plain(1000, 0), pack(Codec::Gzip, &plain(1000, 0)));
    let with = |flags: u8, fields: &[u8]| {
        let mut bytes = good[..10].to_vec();
        bytes[3] = flags;
        unpack(Codec::Gzip, &[&bytes, fields, &good[10..]].concat(), 1 << 20)
    };
    assert_eq!(with(1 << 1, &[9, 9]), Ok(plain.clone()), "a checksum of the head");
    assert_eq!(with(1 << 2, &[3, 0, 1, 2, 3]), Ok(plain.clone()), "extra fields");
    assert_eq!(with(0b11000, b"name\0comment\0"), Ok(plain.clone()));
    assert_eq!(with(1 << 5, &[]), Err(Error::Frame { codec: Codec::Gzip }), "a flag of the future");
    let two = [&good[..], &good[..]].concat();
    assert_eq!(unpack(Codec::Gzip, &two, 1 << 20), Ok([&plain[..], &plain].concat()));
}

#[test]
fn reads_records_out_of_batches_of_every_codec() {
    for (attributes, codec) in (1..).zip(PACKED) {
        let body = pack(codec, &[record(0), record(1)].concat());
        let bytes = Draft { attributes, ..Draft::of(2, &body) }.seal();
        assert_eq!(read(&bytes).unwrap().len(), 2, "{codec}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn garbled_bodies_end_in_bounds(
        text in 0_usize..50_000,
        codec in prop::sample::select(PACKED.to_vec()),
        garble in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut packed = pack(codec, &plain(text, 1000));
        for (place, byte) in garble {
            let place = place.index(packed.len());
            packed[place] = byte;
        }
        let max = 100_000;
        if let Ok(plain) = unpack(codec, &packed, max) {
            prop_assert!(plain.len() <= max);
        }
    }

    #[test]
    fn any_bytes_end_in_bounds(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        codec in prop::sample::select(PACKED.to_vec()),
    ) {
        let head = pack(codec, b"");
        for packed in [bytes.clone(), [&head[..head.len().min(10)], &bytes].concat()] {
            if let Ok(plain) = unpack(codec, &packed, 10_000) {
                prop_assert!(plain.len() <= 10_000);
            }
        }
    }
}
