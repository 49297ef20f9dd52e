//! An error keeps its cause: no conversion drops what it came of, or makes a text of it.

use super::*;

/// What fails here has nothing to say but that it failed.
const SPEECHLESS: [&str; 8] =
    ["try_from(", "try_into()", "from_utf8(", ".parse", ".await", ".send(", "join_next()", "decode_vec("];
/// So many lines before a conversion may have what fails.
const BEFORE: usize = 3;

/// What errors are called where a text is made of them.
const ERRORS: [&str; 5] = ["{error}", "{why}", "{fault}", "{cause}", "{e}"];

/// Files that drop a cause for a reason.
const REASONED: [(&str, &str); 16] = [
    ("entropy.rs", "the operating system gives no random bytes, and nobody can do anything about it"),
    ("token/file/disk.rs", "no random bytes, too"),
    ("internals/java_texts.rs", "for fuzzing alone"),
    ("conn/dial.rs", "no server name: that is all there is to know"),
    ("sasl/plain.rs", "a character that may not be there, of a secret"),
    (
        "secret/file/replace.rs",
        "whom a file cannot be given to is named, and it is always for want of a right",
    ),
    ("cluster/config/java/login.rs", "what is wrong with a token's password would show some of it"),
    (
        "tls/builder.rs",
        "the file and the section are named; the only other cause is a provider without TLS 1.2",
    ),
    ("wire/codec/mod.rs", "a request that does not fit: the generated encoder tells it in words of its own"),
    ("wire/records/zstd.rs", "a decompressor tells a place in bytes that nobody can see"),
    ("wire/records/gzip.rs", "a decompressor, too"),
    ("wire/records/snappy.rs", "a decompressor, too"),
    ("cli/src/login.rs", "the time was over"),
    ("exchange/check.rs", "a key of a length that its type does not have; the type is told beside it"),
    ("gss/initiator.rs", "a key of a length that its type does not have"),
    ("gss/message.rs", "whoever learned why a check fails could learn of the key"),
];
/// Files that make a text of an error of another crate, which is not kept itself for a reason.
const TOLD: [(&str, &str); 6] = [
    ("sasl/adapter.rs", "the mechanism of another crate gave up: an enum of three texts"),
    (
        "conn/broken.rs",
        "TLS: what it found may have names that the peer chose, so it is kept short and escaped; whether it is final is a variant",
    ),
    ("output.rs", "a line for people"),
    ("cli/src/login.rs", "a line for people: the program ends"),
    ("cli/src/token.rs", "a line for people, too"),
    ("partition/recovery.rs", "a line of a log"),
];

#[test]
fn no_conversion_of_an_error_drops_what_it_came_of() {
    let (mut found, mut used) = (Vec::new(), BTreeSet::new());
    for directory in source::directories().iter().filter(|it| !it.to_string_lossy().contains("crates/lab")) {
        if directory.to_string_lossy().contains("crates/testkit") {
            continue;
        }
        for (file, text) in source::read(directory) {
            if !source::is_test_file(&file) {
                found.extend(dropped(&directory.join(&file), &text, &mut used));
            }
        }
    }
    let unused = REASONED.iter().chain(&TOLD).filter(|(file, _)| !used.contains(file));
    found.extend(unused.map(|(file, _)| format!("{file}: drops no cause any more, so it needs no reason")));
    assert_none(found);
}

fn dropped(file: &Path, text: &str, used: &mut BTreeSet<&'static str>) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines: Vec<&str> = code.lines().collect();
    let mut found = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let near = lines[number.saturating_sub(BEFORE)..=number].join("\n");
        let next = lines.get(number + 1).copied().unwrap_or_default();
        let drops = line.contains("map_err(|_") && !SPEECHLESS.iter().any(|it| near.contains(it));
        let tells = ["rror.to_string())", "(e.to_string())", "fault.to_string())", "malformed.to_string())"]
            .iter()
            .any(|text| line.contains(text));
        // What the command line says of its end is a line for people.
        let formats = line.contains("format!(") && !file.iter().any(|part| part == "cli");
        let formats = formats && ERRORS.iter().any(|name| line.contains(name));
        let tells = (tells || formats) && !line.contains("caused_by(") && !next.contains("caused_by(");
        for (is_so, reasons) in [(drops, &REASONED[..]), (tells, &TOLD[..])] {
            let reason = reasons.iter().find(|(end, _)| file.ends_with(end));
            match reason {
                Some((end, _)) if is_so => drop(used.insert(*end)),
                None if is_so => found.push(format!("{}:{}: {}", file.display(), number + 1, line.trim())),
                _ => {}
            }
        }
    }
    found
}

#[test]
fn a_cause_that_is_dropped_is_found() {
    let found = |text: &str| dropped(Path::new("x.rs"), text, &mut BTreeSet::new()).len();
    assert_eq!(found("let kept = open(path).map_err(|_| Error::Closed)?;"), 1);
    assert_eq!(found("Err(Error::because(ErrorKind::Misuse, error.to_string()))"), 1);
    assert_eq!(found("Err(Error::because(ErrorKind::Misuse, error.to_string()).caused_by(error))"), 0);
    assert_eq!(found("Err(Error::because(kind, format!(\"not done: {error}\")))"), 1);
    assert_eq!(
        found("let text = format!(\"{what}: {error}\");\nSelf::because(kind, text).caused_by(error)"),
        0
    );
    assert_eq!(found("write!(f, \"not done: {error}\")"), 0);
    assert_eq!(found("let number = u8::try_from(got).map_err(|_| Error::Large)?;"), 0);
}
