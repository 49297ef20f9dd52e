//! Java's `.properties` syntax, read as `java.util.Properties.load` reads it, and written so that
//! it reads back.
//!
//! One difference: Java takes the bytes of a stream for ISO 8859-1, we take them for UTF-8, which
//! is what people write. For ASCII, all that is written here, the two agree.
//!
//! ```text
//!  bytes ──► logical lines (continuations joined, comments set apart) ──► key, separator, value ──► escapes undone
//! ```

mod lines;

use std::fmt;

use zeroize::Zeroizing;

use self::lines::Lines;

/// The largest file that is read. A trust store with all public CAs has a quarter of this.
pub(crate) const MAX_BYTES: usize = 1024 * 1024;
/// The most entries and comments that are read. Kafka's own samples have a tenth of this.
const MAX_LINES: usize = 10_000;

/// The entries of a file in their order, and its comments.
#[derive(Clone, Debug, Default)]
pub(crate) struct Properties {
    pub(crate) entries: Vec<Entry>,
    pub(crate) comments: Vec<Comment>,
}

/// One key with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Where the entry begins, counted from 1.
    pub(crate) line: usize,
    pub(crate) key: String,
    pub(crate) value: Value,
}

/// One comment line.
#[derive(Clone, Debug)]
pub(crate) struct Comment {
    pub(crate) line: usize,
    /// What follows the `#` or `!`. A password may have been commented out, so it does not show.
    pub(crate) text: Value,
}

/// A text that may be a secret: it is wiped when dropped, and `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Value(Zeroizing<String>);

impl Value {
    pub(crate) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    pub(crate) fn secret_text(&self) -> &str {
        &self.0
    }
}

impl From<Zeroizing<String>> for Value {
    fn from(text: Zeroizing<String>) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(..)")
    }
}

/// What can be wrong with a file as such. Java accepts all but the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    /// The file is larger than any sensible one.
    TooLarge { max: usize },
    /// The file has more entries and comments than any sensible one.
    TooManyLines { max: usize },
    /// A line is not UTF-8.
    NotUtf8 { line: usize },
    /// Two `\u` escapes that belong together stand alone.
    LoneSurrogate { line: usize },
    /// A `\u` is not followed by four hexadecimal digits.
    BadEscape { line: usize },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { max } => write!(f, "the file has more than {max} bytes"),
            Self::TooManyLines { max } => write!(f, "the file has more than {max} entries and comments"),
            Self::NotUtf8 { line } => {
                write!(f, "line {line} is not UTF-8: write other characters than ASCII as \\uXXXX")
            }
            Self::LoneSurrogate { line } => write!(f, "line {line} has half of a \\uXXXX\\uXXXX pair"),
            Self::BadEscape { line } => write!(f, "line {line} has a \\u without four hexadecimal digits"),
        }
    }
}

impl Properties {
    /// Reads a whole file of at most [`MAX_BYTES`].
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_BYTES {
            return Err(Error::TooLarge { max: MAX_BYTES });
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            Error::NotUtf8 { line: 1 + good.iter().filter(|&&b| b == b'\n').count() }
        })?;
        let mut properties = Self::default();
        for (count, line) in Lines::new(text).enumerate() {
            if count == MAX_LINES {
                return Err(Error::TooManyLines { max: MAX_LINES });
            }
            match line {
                lines::Line::Comment { line, text } => {
                    properties.comments.push(Comment { line, text: Value::new(text.to_owned()) });
                }
                lines::Line::Entry { line, text } => properties.entries.push(entry(line, &text)?),
            }
        }
        Ok(properties)
    }

    /// The entry that counts for `key`: the last one.
    pub(crate) fn last(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().rfind(|entry| entry.key == key)
    }
}

fn entry(line: usize, text: &str) -> Result<Entry, Error> {
    let (key, rest) = split(text);
    Ok(Entry { line, key: unescape(key, line)?, value: Value::new(unescape(rest, line)?) })
}

/// Splits a logical line at its first separator that is not escaped. White space around a `=` or
/// `:` belongs to the separator; without one of them the white space itself is the separator.
fn split(text: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = text.find(|c| {
        let separates = !escaped && (is_space(c) || matches!(c, '=' | ':'));
        escaped = c == '\\' && !escaped;
        separates
    });
    let (key, rest) = text.split_at_checked(end.unwrap_or(text.len())).unwrap_or((text, ""));
    let rest = rest.trim_start_matches(is_space);
    (key, rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start_matches(is_space))
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\x0c')
}

fn unescape(text: &str, line: usize) -> Result<String, Error> {
    // No escape becomes longer, so the text never moves and leaves no copy.
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match rest.next() {
            Some('u') => plain.push(unicode(&mut rest, line)?),
            Some('t') => plain.push('\t'),
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('f') => plain.push('\x0c'),
            Some(other) => plain.push(other),
            None => {}
        }
    }
    Ok(plain)
}

/// Reads what follows `\u`, and the second half of a pair with it.
fn unicode(rest: &mut std::str::Chars<'_>, line: usize) -> Result<char, Error> {
    let first = unit(rest, line)?;
    let mut units = vec![first];
    if matches!(first, 0xd800..=0xdbff) {
        let mut ahead = rest.clone();
        if ahead.next() == Some('\\') && ahead.next() == Some('u') {
            units.push(unit(&mut ahead, line)?);
            *rest = ahead;
        }
    }
    let mut decoded = char::decode_utf16(units);
    match (decoded.next(), decoded.next()) {
        (Some(Ok(c)), None) => Ok(c),
        _ => Err(Error::LoneSurrogate { line }),
    }
}

fn unit(rest: &mut std::str::Chars<'_>, line: usize) -> Result<u16, Error> {
    let mut unit = 0;
    for _ in 0..4 {
        let digit = rest.next().and_then(|c| c.to_digit(16)).and_then(|d| u16::try_from(d).ok());
        unit = unit << 4 | digit.ok_or(Error::BadEscape { line })?;
    }
    Ok(unit)
}

/// Writes one entry and its line end in ASCII, so that Java reads back the same texts.
pub(crate) fn write(out: &mut Zeroizing<Vec<u8>>, key: &str, value: &str) {
    for c in key.chars() {
        escape(out, c, matches!(c, ' ' | ':' | '=' | '#' | '!'));
    }
    out.push(b'=');
    for (index, c) in value.chars().enumerate() {
        escape(out, c, index == 0 && c == ' ');
    }
    out.push(b'\n');
}

/// Writes one character, after a backslash if it would be taken for something else here.
fn escape(out: &mut Vec<u8>, c: char, here: bool) {
    let short = match c {
        '\\' => Some(b'\\'),
        '\n' => Some(b'n'),
        '\r' => Some(b'r'),
        '\t' => Some(b't'),
        '\x0c' => Some(b'f'),
        _ => None,
    };
    if let Some(letter) = short {
        out.extend_from_slice(&[b'\\', letter]);
    } else if let (' '..='~', Ok(ascii)) = (c, u8::try_from(c)) {
        if here {
            out.push(b'\\');
        }
        out.push(ascii);
    } else {
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.extend_from_slice(b"\\u");
            for shift in [12, 8, 4, 0] {
                let digit = char::from_digit(u32::from(*unit >> shift & 15), 16);
                out.extend(digit.and_then(|digit| u8::try_from(digit).ok()));
            }
        }
    }
}

/// The most bytes that [`write()`] makes of an entry, so that a secret can be written in one place.
pub(crate) fn written_len(key: &str, value: &str) -> usize {
    (key.len() + value.len()) * 6 + 2
}

#[cfg(test)]
mod tests;
