//! Logical lines: natural lines joined where one ends in a backslash.

use zeroize::Zeroizing;

/// Cuts a text into logical lines, white space before them and blank lines left out.
pub(super) struct Lines<'a> {
    rest: &'a str,
    /// The number of the natural line that `rest` begins with.
    line: usize,
}

pub(super) enum Line<'a> {
    /// A line that begins with `#` or `!`, without it. It is never continued.
    Comment { line: usize, text: &'a str },
    /// A line with the backslashes that joined it taken out, and no others.
    Entry { line: usize, text: Zeroizing<String> },
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text, line: 1 }
    }

    /// The next natural line, without the white space before it and without its end.
    fn natural(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.find(['\n', '\r']).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at_checked(end)?;
        let after = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix(['\n', '\r']));
        self.rest = after.unwrap_or(rest);
        self.line += 1;
        Some(text.trim_start_matches(super::is_space))
    }

    /// How much the lines ahead can add to a line that is continued.
    fn len_of_continuation(&self) -> usize {
        let mut ahead = Lines { rest: self.rest, line: self.line };
        let mut len = 0;
        while let Some((text, continued)) = ahead.natural().map(cut) {
            len += text.len();
            if !continued {
                break;
            }
        }
        len
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let mut joined = Zeroizing::new(String::new());
        let mut first = self.line;
        loop {
            let line = self.line;
            let here = self.rest;
            let text = self.natural()?;
            let whole = here.get(..here.len() - self.rest.len()).unwrap_or_default();
            // As in Java, a line of nothing but its backslash begins nothing.
            if joined.is_empty() {
                first = line;
                match text.strip_prefix(['#', '!']) {
                    Some(text) => return Some(Line::Comment { line, text }),
                    None if text.is_empty() => continue,
                    None => {}
                }
            }
            let (text, continued) = cut(text);
            if joined.is_empty() && !text.is_empty() {
                // All the room at once: a secret that moved would leave a copy behind.
                let more = if continued { self.len_of_continuation() } else { 0 };
                joined.reserve_exact(text.len() + more);
            }
            joined.push_str(text);
            if joined.is_empty() && self.rest.is_empty() && whole.ends_with("\r\n") {
                // A last line of a backslash alone is an empty entry to Java, but not with this end.
                return None;
            }
            if !continued || self.rest.is_empty() {
                return Some(Line::Entry { line: first, text: joined });
            }
        }
    }
}

/// Takes off the backslash that continues a line, and tells whether there was one. Two of them
/// are one that is escaped.
fn cut(text: &str) -> (&str, bool) {
    let backslashes = text.len() - text.trim_end_matches('\\').len();
    match text.strip_suffix('\\') {
        Some(shorter) if backslashes % 2 == 1 => (shorter, true),
        _ => (text, false),
    }
}
