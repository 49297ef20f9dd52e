//! The tokens of a JAAS line, as `java.io.StreamTokenizer` cuts them when `//` and `/*` comments
//! are on and `-`, `_` and `$` are word characters.

use std::str::Chars;

use zeroize::Zeroizing;

use super::Error;

/// One token.
pub(super) enum Token {
    /// A word or a quoted text; Java does not tell them apart here.
    Text(Zeroizing<String>),
    /// Any other character, among them what begins a number: no number has a place in a line.
    Sign(char),
    /// The end of the line.
    End,
}

/// Cuts a line into tokens.
pub(super) struct Tokens<'a> {
    rest: Chars<'a>,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(line: &'a str) -> Self {
        Self { rest: line.chars() }
    }

    /// The next token. After the end there are only ends.
    pub(super) fn next(&mut self) -> Result<Token, Error> {
        loop {
            let here = self.rest.as_str();
            let Some(c) = self.rest.next() else { return Ok(Token::End) };
            match c {
                '\0'..=' ' => {}
                '/' => self.skip_comment(),
                '"' | '\'' => return self.quoted(c),
                c if is_word(c) => return Ok(self.word(here)),
                other => return Ok(Token::Sign(other)),
            }
        }
    }

    fn word(&mut self, here: &str) -> Token {
        while self.next_if(|c| is_word(c) || matches!(c, '0'..='9' | '.' | '-')).is_some() {}
        let len = here.len() - self.rest.as_str().len();
        Token::Text(Zeroizing::new(here.get(..len).unwrap_or_default().to_owned()))
    }

    fn quoted(&mut self, quote: char) -> Result<Token, Error> {
        let mut escaped = false;
        let length = self.rest.as_str().find(|c| {
            let closes = c == quote && !escaped;
            escaped = c == '\\' && !escaped;
            closes
        });
        // No escape becomes longer, so the text never moves and leaves no copy.
        let mut text = Zeroizing::new(String::with_capacity(length.ok_or(Error::OpenQuote)?));
        loop {
            match self.rest.next() {
                Some(c) if c == quote => return Ok(Token::Text(text)),
                None | Some('\n' | '\r') => return Err(Error::OpenQuote),
                Some('\\') => text.push(self.escaped().ok_or(Error::OpenQuote)?),
                Some(c) => text.push(c),
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        Some(match self.rest.next()? {
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            c => match c.to_digit(8) {
                Some(first) => self.octal(first)?,
                None => c,
            },
        })
    }

    /// Up to three digits, the largest being `\377`.
    fn octal(&mut self, first: u32) -> Option<char> {
        let mut code = first;
        for _ in 0..if first <= 3 { 2 } else { 1 } {
            let Some(digit) = self.next_if(|c| c.is_digit(8)) else { break };
            code = code << 3 | digit.to_digit(8)?;
        }
        char::from_u32(code)
    }

    /// Skips what follows a slash: a `/* */` comment, or all to the end of the line. As in Java,
    /// a line that ends in its only slash takes the next one with it.
    fn skip_comment(&mut self) {
        if self.rest.next() != Some('*') {
            while self.next_if(|c| c != '\n' && c != '\r').is_some() {}
            return;
        }
        let mut before = ' ';
        for c in self.rest.by_ref() {
            if (before, c) == ('*', '/') {
                return;
            }
            before = c;
        }
    }

    fn next_if(&mut self, takes: impl FnOnce(char) -> bool) -> Option<char> {
        let mut ahead = self.rest.clone();
        let c = ahead.next().filter(|&c| takes(c))?;
        self.rest = ahead;
        Some(c)
    }
}

/// What a word can begin with.
fn is_word(c: char) -> bool {
    matches!(c, 'a'..='z' | 'A'..='Z' | '_' | '$' | '\u{a0}'..)
}
