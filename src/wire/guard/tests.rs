use super::*;

const NAMED: &[Field] = &[
    text("name"),
    text("rack").since(1).nullable_from(1),
    blob("data"),
    list("ids", &INT32, 4).nullable_from(2),
    field("epoch", INT64).since(3).tagged(0),
    field("leader", Kind::Struct(&[field("id", INT32)])).since(3).tagged(1),
];
const PLAIN: Shape = Shape { flexible_from: 3, fields: NAMED };

/// The bytes left after the walk, by the hex digits of a body.
fn walked(version: i16, hex: &str) -> Result<usize, Flaw> {
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    let body: Vec<u8> = digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect();
    response(&PLAIN, version, &body).map(<[u8]>::len)
}

fn flaw(field: &'static str, fault: Fault) -> Result<usize, Flaw> {
    Err(Flaw { field, fault })
}

#[test]
fn walks_over_each_version_to_its_end() {
    assert_eq!(walked(0, "0001 61 | 00000001 ff | 00000001 00000007"), Ok(0));
    assert_eq!(walked(1, "0001 61 | ffff | 00000000 | 00000000"), Ok(0));
    assert_eq!(walked(2, "0000 | 0001 62 | 00000000 | ffffffff"), Ok(0));
    assert_eq!(walked(3, "02 61 | 00 | 02 ff | 02 00000007 | 00"), Ok(0));
}

#[test]
fn walks_over_known_and_unknown_tagged_fields() {
    let fields = "01 00 01 01";
    let known = "02 | 00 08 0000000000000001 | 01 05 00000001 00";
    assert_eq!(walked(3, &format!("{fields} {known}")), Ok(0));
    assert_eq!(walked(3, &format!("{fields} 01 | 28 03 aabbcc")), Ok(0));
}

#[test]
fn tells_how_many_bytes_follow_the_last_field() {
    assert_eq!(walked(3, "01 00 01 01 00 aabb"), Ok(2));
}

#[test]
fn refuses_a_field_that_is_cut_off() {
    assert_eq!(walked(0, "00"), flaw("name", Fault::Truncated { left: 1 }));
    assert_eq!(walked(0, "0000 | 000000"), flaw("data", Fault::Truncated { left: 3 }));
    assert_eq!(walked(3, "01 00 01 01"), flaw("tags", Fault::Truncated { left: 0 }));
}

#[test]
fn refuses_lengths_and_counts_that_are_larger_than_what_is_left() {
    assert_eq!(walked(0, "7fff 61"), flaw("name", Fault::TooLong { got: 32767, left: 1 }));
    assert_eq!(walked(0, "0000 7fffffff"), flaw("data", Fault::TooLong { got: 2_147_483_647, left: 0 }));
    let count = flaw("ids", Fault::TooLong { got: 1_000_000, left: 2 });
    assert_eq!(walked(0, "0000 00000000 000f4240 0000"), count);
    assert_eq!(walked(3, "ffffffff0f"), flaw("name", Fault::TooLong { got: 0xffff_fffe, left: 0 }));
}

#[test]
fn refuses_negative_lengths() {
    assert_eq!(walked(0, "fffe"), flaw("name", Fault::Negative { got: -2 }));
    assert_eq!(walked(0, "0000 80000000"), flaw("data", Fault::Negative { got: i32::MIN }));
}

#[test]
fn refuses_null_where_the_version_has_none() {
    assert_eq!(walked(0, "ffff"), flaw("name", Fault::Null));
    assert_eq!(walked(1, "0000 ffff 00000000 ffffffff"), flaw("ids", Fault::Null));
    assert_eq!(walked(3, "00"), flaw("name", Fault::Null));
}

#[test]
fn refuses_text_that_is_not_utf8() {
    assert_eq!(walked(0, "0002 c328"), flaw("name", Fault::NotUtf8));
}

#[test]
fn refuses_a_varint_beyond_32_bits() {
    assert_eq!(walked(3, "8080808080 01"), flaw("name", Fault::VarIntTooLong));
    assert_eq!(walked(3, "ffffffff10"), flaw("name", Fault::VarIntTooLong));
}

#[test]
fn refuses_a_known_tagged_field_of_another_size() {
    let fields = "01 00 01 01";
    let longer = flaw("epoch", Fault::TagSize { announced: 9, left: 1 });
    assert_eq!(walked(3, &format!("{fields} 01 | 00 09 0000000000000001 00")), longer);
    let shorter = flaw("epoch", Fault::Truncated { left: 7 });
    assert_eq!(walked(3, &format!("{fields} 01 | 00 07 00000000000000 00")), shorter);
}

#[test]
fn refuses_what_would_take_too_much_memory() {
    const DENSE: Shape = Shape { flexible_from: 0, fields: &[list("ids", &INT8, 1000)] };
    let body = |count: u8| [vec![count + 1], vec![0; usize::from(count) + 1]].concat();
    assert_eq!(response(&DENSE, 0, &body(4)).map(<[u8]>::len), Ok(0));
    let six = body(5);
    let refused = response(&DENSE, 0, &six);
    assert_eq!(refused, Err(Flaw { field: "ids", fault: Fault::TooCostly { budget: 4096 + 7 * 32 } }));
}

#[test]
fn charges_unknown_tagged_fields() {
    const TAGS: Shape = Shape { flexible_from: 0, fields: &[] };
    let body = |count: u8| [vec![count], [7, 0].repeat(count.into())].concat();
    assert_eq!(response(&TAGS, 0, &body(60)).map(<[u8]>::len), Ok(0));
    assert!(matches!(
        response(&TAGS, 0, &body(120)),
        Err(Flaw { field: "tags", fault: Fault::TooCostly { .. } })
    ));
}

#[test]
fn finds_the_throttle_time_of_the_versions_that_have_one() {
    const THROTTLED: Shape =
        Shape { flexible_from: 9, fields: &[text("name"), field("throttle_time_ms", INT32).since(1)] };
    let body = [0, 1, b'a', 0, 0, 3, 0xe8, 7];
    assert_eq!(throttle(&THROTTLED, 1, &body), Some(1000));
    assert_eq!(throttle(&THROTTLED, 0, &body), None);
    assert_eq!(throttle(&THROTTLED, 1, &body[..6]), None, "it is cut off");
    assert_eq!(throttle(&THROTTLED, 1, &body[..2]), None, "the walk does not get there");
}

#[test]
fn a_header_ends_after_its_tagged_fields() {
    assert_eq!(header(false, &[0, 0, 0, 7, 1]).unwrap(), [1]);
    assert_eq!(header(true, &[0, 0, 0, 7, 1, 9, 1, 5, 42]).unwrap(), [42]);
    let cut = Flaw { field: "correlation_id", fault: Fault::Truncated { left: 3 } };
    assert_eq!(header(false, &[0, 0, 0]), Err(cut));
}
