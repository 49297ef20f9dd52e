use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Vec<(usize, String, String)> {
    let properties = Properties::parse(text.as_bytes()).unwrap();
    let parts = |e: Entry| (e.line, e.key, e.value.secret_text().to_owned());
    properties.entries.into_iter().map(parts).collect()
}

fn pair(text: &str) -> (String, String) {
    match <[_; 1]>::try_from(read(text)) {
        Ok([(_, key, value)]) => (key, value),
        Err(others) => panic!("not one entry: {others:?}"),
    }
}

fn is(text: &str, key: &str, value: &str) {
    assert_eq!(pair(text), (key.to_owned(), value.to_owned()), "{text:?}");
}

#[test]
fn keys_end_at_the_first_separator_that_is_not_escaped() {
    for text in ["k=v", "k:v", "k v", "k\tv", "k\x0cv", "  k  =  v", "k = v", "k :v", "k\t \x0c= v"] {
        is(text, "k", "v");
    }
    is("k", "k", "");
    is("k=", "k", "");
    is("=v", "", "v");
    is("k==v", "k", "=v");
    is("k = :v", "k", ":v");
    is("k  v w ", "k", "v w ");
    is(r"a\=b\:c\ d=v", "a=b:c d", "v");
    is(r"a\\=b", r"a\", "b");
}

#[test]
fn escapes_are_undone_in_keys_and_values() {
    is(r"\u006b=\t\n\r\f\\\q\u00e9\u20AC\ud83d\ude00", "k", "\t\n\r\x0c\\qé€😀");
    is(r"k=\ v", "k", " v");
    is("k=é", "k", "é");
}

#[test]
fn lines_that_end_in_an_odd_backslash_go_on() {
    is("k=a\\\n   b\\\r\n\tc", "k", "abc");
    is("k\\\n=v", "k", "v");
    is("k=v\\", "k", "v");
    is("k=v\\\n", "k", "v");
    is("k=v\\\n  ", "k", "v");
    is("k=v\\\n#w", "k", "v#w");
    is("k=v\\\\\n#w", "k", "v\\");
    is("\\\n#c\n\\\n\nk=v", "k", "v");
    is("\\", "", "");
    is("\\\n", "", "");
    is("\\\r", "", "");
    assert_eq!((read("\\\r\n"), read("\\\n \t")), (vec![], vec![]));
    assert_eq!(
        read("a=1\\\n\nb=2\rc=3"),
        [(1, "a".into(), "1".into()), (3, "b".into(), "2".into()), (4, "c".into(), "3".into())]
    );
}

#[test]
fn comments_are_set_apart_and_never_continued() {
    let properties = Properties::parse(b"#one\\\n ! two\r\n\n \t\x0c\nk=v # no comment\n").unwrap();
    let comments: Vec<_> = properties.comments.iter().map(|c| (c.line, c.text.secret_text())).collect();
    assert_eq!(comments, [(1, "one\\"), (2, " two")]);
    let [entry] = properties.entries.as_slice() else { panic!("not one entry") };
    assert_eq!((entry.line, entry.value.secret_text()), (5, "v # no comment"));
}

#[test]
fn the_last_of_several_entries_counts() {
    let properties = Properties::parse(b"k=1\nl=2\nk=3").unwrap();
    let last = properties.last("k").map(|e| (e.line, e.value.secret_text()));
    assert_eq!(last, Some((3, "3")));
    assert!(properties.last("m").is_none());
}

#[test]
fn names_the_line_of_what_cannot_be_read() {
    let fault = |bytes: &[u8]| Properties::parse(bytes).unwrap_err();
    assert_eq!(fault(b"a=b\nc=\xff\n"), Error::NotUtf8 { line: 2 });
    for bad in [r"\u", r"\u12", r"\u12g4", r"\u+123", r"\ud83d\u12"] {
        assert_eq!(fault(format!("a=b\n\nk={bad}").as_bytes()), Error::BadEscape { line: 3 }, "{bad}");
    }
    for half in [r"\ud83d", r"\ud83dx", r"\ud83d\n", r"\ud83d\ud83d", r"\ude00", r"\ud83d\u0041"] {
        assert_eq!(fault(format!("k={half}").as_bytes()), Error::LoneSurrogate { line: 1 }, "{half}");
    }
    let large = vec![b'\n'; MAX_BYTES + 1];
    assert_eq!(fault(&large), Error::TooLarge { max: MAX_BYTES });
    assert_eq!(fault(&b"#\n".repeat(MAX_LINES + 1)), Error::TooManyLines { max: MAX_LINES });
    assert!(Properties::parse(&b"a\n".repeat(MAX_LINES)).is_ok());
}

#[test]
fn what_has_a_short_escape_is_written_by_it_and_the_rest_by_its_number() {
    let mut out = Zeroizing::new(Vec::new());
    write(&mut out, "a b", " \t\n\r\x0c\\ é");
    assert_eq!(std::str::from_utf8(&out), Ok("a\\ b=\\ \\t\\n\\r\\f\\\\ \\u00e9\n"));
}

#[test]
fn reads_the_worst_files_in_linear_time() {
    for worst in ["\\\n", "\\\\\n", "a\\\n", "\\", "\n", "a\n", "\\u0041"] {
        let text = worst.repeat(MAX_BYTES / 8 / worst.len());
        let _ = Properties::parse(text.as_bytes());
    }
}

#[test]
fn debug_shows_no_value_and_no_comment() {
    let shown = format!("{:?}", Properties::parse(b"#sesame\nkey=sesame").unwrap());
    assert!(shown.contains("key") && !shown.contains("sesame"), "{shown}");
}

proptest! {
    #[test]
    fn what_is_written_is_ascii_and_reads_back(entries in proptest::collection::vec((".{0,12}", "(?s).{0,40}"), 0..6)) {
        let mut out = Zeroizing::new(Vec::new());
        let mut bound = 0;
        for (key, value) in &entries {
            write(&mut out, key, value);
            bound += written_len(key, value);
        }
        prop_assert!(out.is_ascii() && out.len() <= bound);
        let back = Properties::parse(&out).unwrap();
        let back: Vec<_> = back.entries.into_iter().map(|e| (e.key, e.value.secret_text().to_owned())).collect();
        prop_assert_eq!(back, entries);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Properties::parse(&bytes);
    }

    #[test]
    fn any_mix_of_special_characters_is_read_or_refused(text in r"[\\\r\n \t\f=:#!ukn0-9a-f]{0,60}") {
        let _ = Properties::parse(text.as_bytes());
    }
}
