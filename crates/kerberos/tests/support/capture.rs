//! Text files of what was once said to programs of others: facts by name, bytes in hex, in
//! sections. Live tests write them if the environment names a directory; other tests read them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test crate uses a part of it")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Names the directory that live tests write their captures to, seen from the package.
const RECORD: &str = "OTTLA_RECORD";
/// Hex digits on a line.
const WIDTH: usize = 96;

/// One recorded conversation.
pub(crate) struct Section {
    pub(crate) name: String,
    facts: Vec<(String, String)>,
}

impl Section {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), facts: Vec::new() }
    }

    pub(crate) fn add(&mut self, name: &str, value: impl ToString) {
        self.facts.push((name.to_owned(), value.to_string()));
    }

    pub(crate) fn add_bytes(&mut self, name: &str, bytes: &[u8]) {
        let hex = bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        self.add(name, hex);
    }

    /// The value of a fact that is there once.
    pub(crate) fn text(&self, name: &str) -> &str {
        let mut found = self.facts.iter().filter(|(known, _)| known == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => value,
            _ => panic!("[{}] has not exactly one {name}", self.name),
        }
    }

    pub(crate) fn number(&self, name: &str) -> i64 {
        self.text(name).parse().unwrap()
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        from_hex(self.text(name))
    }

    /// The values of a fact that is there several times, in order.
    pub(crate) fn all_bytes(&self, name: &str) -> Vec<Vec<u8>> {
        self.facts.iter().filter(|(known, _)| known == name).map(|(_, value)| from_hex(value)).collect()
    }
}

/// Reads a capture of this repository.
pub(crate) fn load(file: &str) -> Vec<Section> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures").join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut sections: Vec<Section> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            sections.push(Section::new(name));
            continue;
        }
        let facts = &mut sections.last_mut().unwrap().facts;
        match line.split_once(" =") {
            Some((name, value)) => facts.push((name.to_owned(), value.trim().to_owned())),
            None => facts.last_mut().unwrap().1.push_str(line.trim()),
        }
    }
    assert!(!sections.is_empty(), "{} is empty", path.display());
    sections
}

/// Writes a capture if the environment asks for it. `head` says what was recorded, `test` is the
/// live test crate that does it, `now` the time of the recording.
pub(crate) fn keep(file: &str, head: &str, test: &str, now: impl ToString, sections: &[Section]) {
    let Some(directory) = std::env::var_os(RECORD) else { return };
    let mut text = String::new();
    for line in head.lines() {
        let _ = writeln!(text, "# {line}");
    }
    let _ = writeln!(text, "# Recorded {} by, and to be recorded again by:", now.to_string());
    let _ = writeln!(text, "#   {RECORD}=tests/captures cargo test -p ottla-kerberos --test {test}");
    for section in sections {
        let _ = writeln!(text, "\n[{}]", section.name);
        for (name, value) in &section.facts {
            let mut rest = value.as_str();
            let line = format!("{name} = {}", cut(&mut rest));
            let _ = writeln!(text, "{}", line.trim_end());
            while !rest.is_empty() {
                let _ = writeln!(text, "  {}", cut(&mut rest));
            }
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory).join(file);
    fs::write(path, text).unwrap();
}

/// The first line that a program prints about its version.
pub(crate) fn version(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let shown = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&shown).lines().next().unwrap().to_owned()
}

fn cut<'a>(rest: &mut &'a str) -> &'a str {
    let (line, more) = rest.split_at(rest.len().min(WIDTH));
    *rest = more;
    line
}

fn from_hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "half a byte");
    let digit = |at: usize| u8::from_str_radix(text.get(at..at + 2).unwrap(), 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}
