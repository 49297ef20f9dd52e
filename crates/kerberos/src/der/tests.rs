use super::*;
use crate::time::KerberosTime;

fn integer(bytes: &[u8]) -> Result<i64, Error> {
    Reader::whole(bytes, Reader::integer)
}

#[test]
fn writes_and_reads_integers_in_as_few_bytes_as_they_need() {
    let cases: [(i64, &[u8]); 9] = [
        (0, &[2, 1, 0]),
        (127, &[2, 1, 0x7f]),
        (128, &[2, 2, 0, 0x80]),
        (256, &[2, 2, 1, 0]),
        (-1, &[2, 1, 0xff]),
        (-128, &[2, 1, 0x80]),
        (-129, &[2, 2, 0xff, 0x7f]),
        (0xffff_ffff, &[2, 5, 0, 0xff, 0xff, 0xff, 0xff]),
        (i64::MIN, &[2, 8, 0x80, 0, 0, 0, 0, 0, 0, 0]),
    ];
    for (value, bytes) in cases {
        assert_eq!(Writer::encode(|w| w.integer(value)), bytes);
        assert_eq!(integer(bytes), Ok(value));
    }
}

#[test]
fn refuses_integers_that_are_empty_not_minimal_or_too_large() {
    for bytes in [&[2, 0][..], &[2, 2, 0, 0x7f], &[2, 2, 0xff, 0x80], &[2, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0]] {
        assert_eq!(integer(bytes), Err(Error::Integer), "{bytes:x?}");
    }
    assert_eq!(Reader::whole(&[2, 5, 0, 0xff, 0xff, 0xff, 0xff], Reader::int32), Err(Error::Integer));
    assert_eq!(Reader::whole(&[2, 5, 1, 0, 0, 0, 0], Reader::uint32), Err(Error::Integer));
}

#[test]
fn reads_an_unsigned_number_that_was_written_signed() {
    assert_eq!(Reader::whole(&[2, 1, 0xff], Reader::uint32), Ok(u32::MAX));
    assert_eq!(Reader::whole(&[2, 5, 0, 0xff, 0xff, 0xff, 0xff], Reader::uint32), Ok(u32::MAX));
}

#[test]
fn refuses_values_cut_short() {
    for bytes in [&[][..], &[4], &[4, 2, 1], &[4, 0x82, 1], &[4, 0x84, 0xff, 0xff, 0xff, 0xff, 1]] {
        let read = Reader::whole(bytes, |r| if r.is_empty() { Err(Error::Truncated) } else { r.octets() });
        assert_eq!(read, Err(Error::Truncated), "{bytes:x?}");
    }
}

#[test]
fn refuses_lengths_of_indefinite_form() {
    assert_eq!(Reader::whole(&[4, 0x80, 0, 0], Reader::octets), Err(Error::IndefiniteLength));
}

#[test]
fn refuses_lengths_that_are_not_minimal() {
    let mut long = vec![4, 0x82, 0, 0x80];
    long.resize(4 + 128, 0);
    for bytes in [&[4, 0x81, 1, 9][..], &[4, 0x81, 0x7f], &long] {
        assert_eq!(Reader::whole(bytes, Reader::octets), Err(Error::NonMinimalLength));
    }
}

#[test]
fn refuses_lengths_of_more_than_four_bytes() {
    for first in [0x85, 0x88, 0xff] {
        let bytes = [4, first, 1, 0, 0, 0, 0, 0, 0];
        assert_eq!(Reader::whole(&bytes, Reader::octets), Err(Error::LengthTooLong));
    }
}

#[test]
fn refuses_tag_numbers_above_thirty() {
    let read = Reader::whole(&[0x30, 4, 0xbf, 0x20, 1, 0], |r| r.sequence(|_| Ok(())));
    assert_eq!(read, Err(Error::HighTag));
}

#[test]
fn refuses_another_type() {
    let got = Some(tag::INTEGER);
    let expected = tag::OCTET_STRING;
    assert_eq!(Reader::whole(&[2, 1, 0], Reader::octets), Err(Error::UnexpectedTag { expected, got }));
    assert_eq!(Reader::new(&[]).octets(), Err(Error::UnexpectedTag { expected, got: None }));
}

#[test]
fn refuses_bytes_after_the_end() {
    assert_eq!(integer(&[2, 1, 0, 0]), Err(Error::TrailingBytes));
    let read = Reader::whole(&[0x30, 4, 2, 1, 0, 0], |r| r.constructed(tag::SEQUENCE, Reader::integer));
    assert_eq!(read, Err(Error::TrailingBytes));
}

#[test]
fn refuses_more_than_sixteen_levels() {
    fn descend(reader: &mut Reader<'_>) -> Result<(), Error> {
        if reader.is_empty() { Ok(()) } else { reader.sequence(descend) }
    }
    let nested = |levels: usize| {
        (0..levels).fold(Vec::new(), |inner, _| Writer::encode(|w| w.content(tag::SEQUENCE, &inner)))
    };
    assert_eq!(Reader::whole(&nested(16), descend), Ok(()));
    assert_eq!(Reader::whole(&nested(17), descend), Err(Error::TooDeep));
}

#[test]
fn reads_flags_and_refuses_impossible_bit_strings() {
    assert_eq!(Writer::encode(|w| w.flags(0x4081_0010)), [3, 5, 0, 0x40, 0x81, 0, 0x10]);
    assert_eq!(Reader::whole(&[3, 5, 0, 0x40, 0x81, 0, 0x10], Reader::flags), Ok(0x4081_0010));
    assert_eq!(Reader::whole(&[3, 2, 0, 0x40], Reader::flags), Ok(0x4000_0000));
    assert_eq!(Reader::whole(&[3, 6, 0, 0, 0, 0, 1, 9], Reader::flags), Ok(1));
    for bytes in [&[3, 0][..], &[3, 2, 8, 0], &[3, 1, 1]] {
        assert_eq!(Reader::whole(bytes, Reader::flags), Err(Error::BitString));
    }
}

#[test]
fn refuses_strings_that_are_not_utf8() {
    assert_eq!(Reader::whole(&[0x1b, 1, 0xff], Reader::text), Err(Error::Text));
}

#[test]
fn refuses_times_of_another_form() {
    let time = KerberosTime::from_seconds(1);
    let bytes = Writer::encode(|w| w.time(time));
    assert_eq!(Reader::whole(&bytes, Reader::time), Ok(time));
    assert_eq!(Reader::whole(&[0x18, 1, b'Z'], Reader::time), Err(Error::Time));
}

#[test]
fn refuses_a_constant_with_another_value() {
    assert_eq!(Reader::whole(&[2, 1, 4], |r| r.constant(5)), Err(Error::Constant));
}

#[test]
fn refuses_lists_with_too_many_members() {
    let list = Writer::encode(|w| w.sequence(|w| (0..3).for_each(|n| w.integer(n))));
    assert_eq!(Reader::whole(&list, |r| r.sequence_of(3, Reader::integer)), Ok(vec![0, 1, 2]));
    assert_eq!(Reader::whole(&list, |r| r.sequence_of(2, Reader::integer)), Err(Error::TooMany));
}

#[test]
fn skips_context_fields_that_later_versions_append_but_nothing_else() {
    let first = |r: &mut Reader<'_>| r.sequence(|r| r.field(0, Reader::integer));
    let appended = Writer::encode(|w| {
        w.sequence(|w| {
            w.field(0, |w| w.integer(7));
            w.field(9, |w| w.octets(b"new"));
        });
    });
    assert_eq!(Reader::whole(&appended, first), Ok(7));
    let other = Writer::encode(|w| {
        w.sequence(|w| {
            w.field(0, |w| w.integer(7));
            w.octets(b"new");
        });
    });
    assert_eq!(Reader::whole(&other, first), Err(Error::TrailingBytes));
}

#[test]
fn long_values_get_long_lengths() {
    for length in [127, 128, 255, 256, 65_535, 65_536] {
        let bytes = Writer::encode(|w| w.octets(&vec![7; length]));
        assert_eq!(Reader::whole(&bytes, Reader::octets).map(<[u8]>::len), Ok(length));
        let nested = Writer::encode(|w| w.sequence(|w| w.octets(&vec![7; length])));
        let inner = Reader::whole(&nested, |r| r.sequence(|r| r.octets().map(<[u8]>::len)));
        assert_eq!(inner, Ok(length));
    }
}
