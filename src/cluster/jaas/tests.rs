use proptest::prelude::*;

use super::*;

const SCRAM: &str = "org.apache.kafka.common.security.scram.ScramLoginModule";

fn options(line: &str) -> Vec<(String, String)> {
    let module = LoginModule::parse(line).unwrap();
    module.options.into_iter().map(|(key, value)| (key, value.secret_text().to_owned())).collect()
}

fn value(written: &str) -> String {
    let module = LoginModule::parse(&format!("M required k={written};")).unwrap();
    module.option("k").unwrap().secret_text().to_owned()
}

fn fault(line: &str) -> Error {
    LoginModule::parse(line).unwrap_err()
}

#[test]
fn reads_what_kafka_documents() {
    let line = format!("{SCRAM} required username=\"alice\" password=\"alice-secret\" tokenauth=true ;\n");
    let module = LoginModule::parse(&line).unwrap();
    assert_eq!(module.class, SCRAM);
    let option = |key| module.option(key).map(Value::secret_text);
    assert_eq!(option("username"), Some("alice"));
    assert_eq!(option("password"), Some("alice-secret"));
    assert_eq!(option("tokenauth"), Some("true"));
    assert_eq!(option("user"), None);
}

#[test]
fn words_and_quoted_texts_are_the_same() {
    assert_eq!(
        options("'a.M' \"Required\" \"k\" = 'v' l=w;"),
        [("k".into(), "v".into()), ("l".into(), "w".into())]
    );
    for flag in ["required", "REQUISITE", "sufficient", "Optional"] {
        assert_eq!(options(&format!("M {flag};")), []);
    }
    assert_eq!(value("a-b_c$d.1é€😀"), "a-b_c$d.1é€😀");
    assert_eq!(LoginModule::parse("M required k=a k=b;").unwrap().option("k").unwrap().secret_text(), "b");
}

#[test]
fn escapes_are_undone_in_quotes_alone() {
    assert_eq!(value(r#""a\"b\\c\'d""#), r#"a"b\c'd"#);
    assert_eq!(value(r#"'a"b'"#), r#"a"b"#);
    assert_eq!(value(r#""\a\b\f\n\r\t\v\q""#), "\x07\x08\x0c\n\r\t\x0bq");
    assert_eq!(value(r#""\101\7x\18\3777\477""#), "A\x07x\x018ÿ7\x277");
    assert_eq!(value("\"a\\\nb\""), "a\nb");
    assert_eq!(fault(r"M required k=a\b;"), Error::NoKey { option: 2 });
}

#[test]
fn a_slash_outside_quotes_begins_a_comment() {
    assert_eq!(options("M /* a ; */ required // b ;\n k=v / c\n ;"), [("k".into(), "v".into())]);
    assert_eq!(options("M required k=v; /* open"), [("k".into(), "v".into())]);
    assert_eq!(options("M required /\n hidden=by;\n k=v;"), [("k".into(), "v".into())]);
    assert_eq!(fault("M required keyTab=/etc/a.keytab;"), Error::NoValue { option: 1 });
    assert_eq!(fault("M required k=a/b;"), Error::NotTerminated);
    assert_eq!(value(r#""/etc/a.keytab""#), "/etc/a.keytab");
}

#[test]
fn says_what_is_missing_without_showing_anything() {
    for line in ["", " ", "// M", ";", "5 required;"] {
        assert_eq!(fault(line), Error::NoModule, "{line}");
    }
    for line in ["M", "M;", "M needed;", "M 5;", "M username=\"a\";"] {
        assert_eq!(fault(line), Error::NoControlFlag, "{line}");
    }
    for line in ["M required", "M required k=v", "M required k=v /*;"] {
        assert_eq!(fault(line), Error::NotTerminated, "{line}");
    }
    for line in [
        "M required k;",
        "M required k=;",
        "M required k=5;",
        "M required k=-x;",
        "M required k",
        "M required k \"v\";",
    ] {
        assert_eq!(fault(line), Error::NoValue { option: 1 }, "{line}");
    }
    for line in ["M required k=a+b;", "M required k=v ==;", "M required k=YQ==;"] {
        assert_eq!(fault(line), Error::NoKey { option: 2 }, "{line}");
    }
    for line in [
        "M required k=\"v;",
        "M required k='v\";",
        "M required k=\"v\n\";",
        "M required k=\"v\\",
        "M required k=\"v\\\";",
    ] {
        assert_eq!(fault(line), Error::OpenQuote, "{line}");
    }
    for line in ["M required;;", "M required k=v; N required;", "M required; 5"] {
        assert_eq!(fault(line), Error::SeveralModules, "{line}");
    }
    let many = |count| format!("M required {};", "k=v ".repeat(count));
    assert_eq!(options(&many(64)).len(), 64);
    assert_eq!(fault(&many(65)), Error::TooManyOptions { max: 64 });
    let error = fault("M required password=\"open sesame\" sesame;");
    assert!(!format!("{error} {error:?}").contains("sesame"));
}

#[test]
fn debug_shows_no_value() {
    let shown = format!("{:?}", LoginModule::parse("M required password=\"sesame\";").unwrap());
    assert!(shown.contains("password") && !shown.contains("sesame"), "{shown}");
}

#[test]
fn a_value_is_written_and_read_in_the_room_that_it_has_from_the_start() {
    let worst = [("k", "\"\\\n"), ("key", "\r")];
    assert_eq!(write("M", &worst).secret_text().len(), longest("M", &worst));
    for text in [r#""a""#, r#""a\"b\\\"cdefghijklmnop""#, r#""\a\101\\""#, r#"'a\'bcdefghijk'"#] {
        let Ok(Token::Text(read)) = Tokens::new(text).next() else { panic!("{text}") };
        assert_eq!(read.capacity(), text.len() - 2, "{text}");
    }
}

#[test]
fn reads_the_worst_lines_in_linear_time() {
    for worst in ["a=a ", "a='' ", "/", "/*", "'\\", "\"", "\\", "a"] {
        let _ = LoginModule::parse(&format!("M required {}", worst.repeat(1024 * 1024 / worst.len())));
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back(values in proptest::collection::vec("(?s).{0,40}", 0..4)) {
        let keys = ["username", "password", "tokenauth", "x"];
        let written: Vec<_> = keys.iter().copied().zip(values.iter().map(String::as_str)).collect();
        let line = write(SCRAM, &written);
        let module = LoginModule::parse(line.secret_text()).unwrap();
        prop_assert_eq!(&module.class, SCRAM);
        for (key, value) in written {
            prop_assert_eq!(module.option(key).map(Value::secret_text), Some(value));
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(?s).{0,60}", body in r#"[ak=;"'/*\\0-9. \n-]{0,40}"#) {
        let _ = LoginModule::parse(&text);
        let _ = LoginModule::parse(&format!("M required {body}"));
    }
}
